"""Intervals over seeds: means, interquartile means, differences, ratios, and how many seeds they need.

Every interval is 95 % and deterministic. With ten or more seeds it is scipy's percentile
bootstrap; with fewer it is Student's t on the mean, marked so, and no verdict may rest on it.

The percentile bootstrap of a mean is too narrow for few seeds (simulated coverage at n = 10:
0.88 for normal returns, and BCa 0.89), so its nominal level is raised until a normal mean would
get the width of Student's t (Hesterberg 2015, "What teachers should know about the bootstrap",
the expanded percentile interval): 0.93. That of the interquartile mean needs no such help (0.94).
Over few experts, resampling experts and then seeds covers less than 95 %: see `COVERED`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy  # which imports scipy.stats, most of a second, at its first use

CONFIDENCE = 0.95
LEAST_SEEDS = 10
RESAMPLES = 9_999
ABOUT = 0.25
COVERED = {2: 0.79, 3: 0.88, 4: 0.92, 5: 0.93}
"""Simulated coverage by the number of experts, at ten seeds and where experts differ as much as seeds do.

Where they differ three times as much, three experts give 0.79. More seeds do not help: of fifty, 0.79 and 0.76.
"""
ENOUGH_SOURCES = 5
_SEED = 20_250_426

Statistic = Callable[..., np.ndarray]
"""`(*samples [..., n], axis) -> value [...]`."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One number per learner seed.

    Attributes:
      values: [n]. seeds: [n], to pair by.
      source: [n], the number of the expert, or of whom experts learned from, behind each seed; empty
        where one is behind them all, or none.
    """

    values: np.ndarray
    seeds: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    source: np.ndarray = field(default_factory=lambda: np.zeros(0, int))

    @property
    def n(self) -> int:
        return len(self.values)

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> Sample:
        return Sample(function(self.values), self.seeds, self.source)

    def at(self, index: np.ndarray) -> Sample:
        return Sample(self.values[index], self.seeds[index], self.source[index] if self.source.size else self.source)

    def minus(self, other: Sample) -> Sample:
        """Differences of the seeds that both have, which had the same experts."""
        mine, theirs = matched(self, other)
        return Sample(mine.values - theirs.values, mine.seeds, mine.source)


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval.

    Attributes:
      value, low, high: NaN where there is none.
      n: seeds in the smallest sample that it rests on.
      kind: `bootstrap`; `t`, Student's t for fewer than ten seeds; or `none`.
      note: why there is no interval, or what it leaves out.
    """

    value: float
    low: float
    high: float
    n: int
    kind: str
    note: str = ""

    @property
    def decisive(self) -> bool:
        """Whether a verdict may rest on it."""
        return self.kind == "bootstrap" and bool(np.isfinite([self.value, self.low, self.high]).all())

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def contains(self, value: float) -> bool:
        return self.low <= value <= self.high


def matched(a: Sample, b: Sample) -> tuple[Sample, Sample]:
    """Both at the seeds that they share, in the same order."""
    _, in_a, in_b = np.intersect1d(a.seeds, b.seeds, return_indices=True)
    return a.at(in_a), b.at(in_b)


def mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.mean(values, axis=axis)


def iqm(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean of the middle half, the interquartile mean (Agarwal et al. 2021)."""
    return scipy.stats.trim_mean(values, 0.25, axis=axis)


def standard_deviation(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.std(values, axis=axis, ddof=1)


def mean_interval(sample: Sample, confidence: float = CONFIDENCE) -> Interval:
    """Mean over seeds."""
    if sample.n >= LEAST_SEEDS:
        return interval(mean, sample, confidence=confidence)
    value = float(np.mean(sample.values)) if sample.n else np.nan
    if sample.n < 2:
        return _without(value, sample.n, f"{sample.n} seeds have no spread")
    low, high = scipy.stats.ttest_1samp(sample.values, 0.0).confidence_interval(confidence)
    return _fewer(value, low, high, sample.n)


def mean_band(values: np.ndarray, seeds: np.ndarray, source: np.ndarray = ()) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the mean at every point of a curve, each by itself.

    Args:
      values: [seeds, points]. seeds, source: as a `Sample` has them.

    Returns:
      low and high, [points]; NaN where there are fewer than two seeds.
    """
    bands = [mean_interval(Sample(column, seeds, np.asarray(source, int))) for column in values.T]
    return np.array([b.low for b in bands]), np.array([b.high for b in bands])


def iqm_interval(sample: Sample) -> Interval:
    """Interquartile mean over seeds; no interval for fewer than ten."""
    if sample.n < LEAST_SEEDS:
        value = float(iqm(sample.values)) if sample.n else np.nan
        return _without(value, sample.n, f"{sample.n} seeds, fewer than {LEAST_SEEDS}")
    return interval(iqm, sample, expand=False)


def difference(a: Sample, b: Sample, paired: bool = False, confidence: float = CONFIDENCE) -> Interval:
    """Mean of a − b; `paired` by seed, which is right only where expert and resets are shared."""
    if paired:
        return mean_interval(a.minus(b), confidence)
    n = min(a.n, b.n)
    if n >= LEAST_SEEDS:
        return interval(lambda x, y, axis: mean(x, axis) - mean(y, axis), a, b, confidence=confidence)
    value = float(np.mean(a.values) - np.mean(b.values)) if n else np.nan
    if n < 2:
        return _without(value, n, f"{n} seeds have no spread")
    welch = scipy.stats.ttest_ind(a.values, b.values, equal_var=False).confidence_interval(confidence)
    return _fewer(value, *welch, n)


def ratio(a: Sample, b: Sample, random: float, confidence: float = CONFIDENCE) -> Interval:
    """(mean a − random) / (mean b − random), undefined where b's interval reaches random."""
    return ratio_of_means([a], [b], [random], confidence)


def ratio_of_means(
    a: Sequence[Sample], b: Sequence[Sample], random: Sequence[float], confidence: float = CONFIDENCE
) -> Interval:
    """Ratio of averages over tasks, Σ (mean a − random) / Σ (mean b − random)."""
    return _over_tasks(lambda above_a, above_b: sum(above_a) / sum(above_b), a, b, random, confidence)


def mean_of_ratios(
    a: Sequence[Sample], b: Sequence[Sample], random: Sequence[float], confidence: float = CONFIDENCE
) -> Interval:
    """Average of ratios over tasks, mean of (mean a − random) / (mean b − random)."""

    def combine(above_a, above_b):
        return sum(x / y for x, y in zip(above_a, above_b, strict=True)) / len(above_a)

    return _over_tasks(combine, a, b, random, confidence)


def room(a: Sample, b: Sample, random: float, margin: float, paired: bool = False) -> Interval:
    """mean a − mean b + `margin` · |mean b − random|: how far a stands above what a margin below b allows.

    Unlike a ratio it is defined wherever b stands; b is resampled in both places at once.
    """
    if not np.isfinite(random):
        return _without(np.nan, 0, "the random policy's return is not known")
    if paired:
        a, b = matched(a, b)

    def statistic(x, y, axis):
        return mean(x, axis) - mean(y, axis) + margin * np.abs(mean(y, axis) - random)

    if (n := min(a.n, b.n)) < LEAST_SEEDS:
        value = float(statistic(a.values, b.values, -1)) if n else np.nan
        return _without(value, n, f"{n} seeds, fewer than {LEAST_SEEDS}")
    return interval(statistic, a, b, paired=paired)


def spread_ratio(a: Sequence[Sample], b: Sequence[Sample], confidence: float = CONFIDENCE) -> Interval:
    """Geometric mean over tasks of std a / std b across seeds."""

    def statistic(*samples, axis):
        logs = [np.log(np.maximum(standard_deviation(x, axis), 1e-12)) for x in samples]
        return np.exp((sum(logs[: len(a)]) - sum(logs[len(a) :])) / len(a))

    samples = [*a, *b]
    if (n := min(s.n for s in samples)) < LEAST_SEEDS:
        return _without(np.nan, n, f"{n} seeds, fewer than {LEAST_SEEDS}")
    return interval(statistic, *samples, confidence=confidence)


def interval(
    statistic: Statistic, *samples: Sample, confidence: float = CONFIDENCE, expand: bool = True, paired: bool = False
) -> Interval:
    """Bootstrap interval of a statistic of samples, independent or `paired`: of the same seeds in the same order.

    Seeds are resampled within each sample; where a sample had several sources, the sources first.
    """
    values = [np.asarray(s.values, np.float64) for s in samples]
    n = min(len(v) for v in values)
    level = expanded(confidence, n) if expand else confidence
    value = float(statistic(*values, axis=-1))
    if paired or any(np.unique(s.source).size > 1 for s in samples):
        rng = np.random.default_rng(_SEED)
        chosen = [_draw(samples[0], rng)] * len(samples) if paired else [_draw(s, rng) for s in samples]
        drawn = statistic(*[v[index] for v, index in zip(values, chosen, strict=True)], axis=-1)
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    else:
        low, high = scipy.stats.bootstrap(
            values,
            statistic,
            n_resamples=RESAMPLES,
            vectorized=True,
            axis=-1,
            confidence_level=level,
            method="percentile",
            rng=np.random.default_rng(_SEED),
        ).confidence_interval
    return Interval(value, float(low), float(high), n, "bootstrap")


def expanded(confidence: float, n: int) -> float:
    """The level at which a percentile bootstrap of n normal values is as wide as Student's t."""
    tail = scipy.stats.t.isf((1 - confidence) / 2, n - 1) * np.sqrt(n / (n - 1))
    return float(1 - 2 * scipy.stats.norm.sf(tail))


def steps_to(values: np.ndarray, steps: np.ndarray, threshold: float) -> np.ndarray:
    """First evaluated step at which each seed reaches a return.

    Args:
      values: returns [seeds, evaluations]. steps: [evaluations].

    Returns:
      [seeds], infinite for a seed that never does.
    """
    reached = values >= threshold
    return np.where(reached.any(1), np.asarray(steps, np.float64)[reached.argmax(1)], np.inf)


def seeds_needed(a: Sample, b: Sample, power: float = 0.8, most: int = 10_000) -> int | None:
    """Seeds per method with which Welch's t-test finds the observed difference with this power.

    None where even `most` do not suffice, or there is no spread or difference to go by.
    """
    if min(a.n, b.n) < 2:
        return None
    variance = np.var(a.values, ddof=1) + np.var(b.values, ddof=1)
    gap = abs(np.mean(a.values) - np.mean(b.values))
    if gap == 0 or variance == 0:
        return None
    n = np.arange(2, most + 1)
    critical = scipy.stats.t.isf((1 - CONFIDENCE) / 2, 2 * (n - 1))
    found = scipy.stats.nct.sf(critical, 2 * (n - 1), gap / np.sqrt(variance / n)) >= power
    return int(n[found.argmax()]) if found.any() else None


def _over_tasks(combine, a: Sequence[Sample], b: Sequence[Sample], random: Sequence[float], confidence) -> Interval:
    """Interval of `combine(returns of a above random, of b)`, both lists over tasks."""
    if not all(np.isfinite(random)):
        return _without(np.nan, 0, "the random policy's return is not known")
    for base, floor in zip(b, random, strict=True):
        reach = mean_interval(base.map(lambda v, floor=floor: v - floor), confidence)
        if base.n and not (reach.low if np.isfinite(reach.low) else reach.value) > 0:
            return _without(np.nan, base.n, "the base is not above the random policy, so a ratio is undefined")

    def statistic(*samples, axis):
        above = [mean(x, axis) - r for x, r in zip(samples, [*random, *random], strict=True)]
        return combine(above[: len(a)], above[len(a) :])

    samples = [*a, *b]
    n = min(s.n for s in samples)
    if n < LEAST_SEEDS:
        value = float(statistic(*[s.values for s in samples], axis=-1)) if n else np.nan
        return _without(value, n, f"{n} seeds, fewer than {LEAST_SEEDS}")
    return interval(statistic, *samples, confidence=confidence)


def _draw(sample: Sample, rng: np.random.Generator) -> np.ndarray:
    """Indices [resamples, n]: sources drawn anew, then each slot a seed of its source."""
    source = sample.source if sample.source.size else np.zeros(sample.n, int)
    groups = [np.flatnonzero(source == s) for s in np.unique(source)]
    sizes = np.asarray([len(g) for g in groups])
    members = np.stack([np.resize(g, sizes.max()) for g in groups])
    chosen = rng.integers(len(groups), size=(RESAMPLES, len(groups)))[:, np.arange(sample.n) % len(groups)]
    within = (rng.random(chosen.shape) * sizes[chosen]).astype(int)
    return members[chosen, within]


def _fewer(value: float, low: float, high: float, n: int) -> Interval:
    return Interval(value, float(low), float(high), n, "t", f"Student's t, {n} seeds")


def _without(value: float, n: int, note: str) -> Interval:
    return Interval(value, np.nan, np.nan, n, "none", note)
