"""Competitors beside the first of them: returns, differences, P(improvement), verdicts, and seeds still needed.

The probability of improvement, P(X > Y) + ½ P(X = Y) for one seed of each, is that of Agarwal et al. 2021 ("Deep
reinforcement learning at the edge of the statistical precipice"), on one task.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from guided_rl.results.power import never, seeds_needed
from guided_rl.results.records import Record
from guided_rl.results.statistics import LEAST_SEEDS, Interval, Sample, difference, interval, mean_interval
from guided_rl.results.summaries import sample, shared
from guided_rl.results.tables import Table, estimate, few_seeds, number
from guided_rl.results.verdicts import TAIL, Evidence, above, differs

METRICS = ("early", "auc", "final")
BETTER, WORSE, SAME = "better", "worse", "not separated"


@dataclass(frozen=True)
class Row:
    """One competitor.

    Attributes:
      record: it. returns: metric to its mean over seeds.
      steps: environment steps that its expert and data cost; NaN where nobody knows.
      gain: its difference to the first competitor, None for the first itself; improves: P(improvement) likewise.
      p: two-sided p-value of the difference. needed: seeds a verdict needs, None where one stands or none can be had.
      hopeless: whether no number of seeds decides, since experts differ too much.
    """

    record: Record
    returns: dict[str, Interval]
    steps: float = math.nan
    gain: Any = None
    improves: Any = None
    p: float = 1.0
    level: float = 2 * TAIL
    needed: int | None = None
    hopeless: bool = False

    @property
    def verdict(self) -> str:
        if self.gain is None:
            return ""
        if not self.gain.decisive or self.p > self.level:
            return SAME
        return BETTER if self.gain.value > 0 else WORSE


def judge(records: Sequence[Record], metric: str = "auc", level: float = 2 * TAIL) -> list[Row]:
    """Every competitor beside the first.

    Args:
      metric: of the learner's own policy, that decides: `early`, `auc` or `final`.
      level: two-sided, at which a difference is separated; lower where one looks several times.
    """
    return [_row(record, None if number == 0 else records[0], metric, level) for number, record in enumerate(records)]


def _row(record: Record, base: Record | None, metric: str, level: float) -> Row:
    returns = {name: mean_interval(sample(record, name)) for name in METRICS}
    if base is None:
        return Row(record, returns)
    mine, theirs, paired = sample(record, metric), sample(base, metric), shared(record, base)
    gain = difference(mine, theirs, paired, confidence=1 - level)
    plain = difference(mine, theirs, paired)
    evidence = _either(plain)
    open_yet = evidence.p > level
    needed = seeds_needed(lambda found: _either(found[0]), [plain], max(LEAST_SEEDS, plain.n)) if open_yet else None
    hopeless = open_yet and never(lambda found: _either(found[0]), [plain])
    return Row(record, returns, math.nan, gain, probability(mine, theirs), evidence.p, level, needed, hopeless)


def _either(found: Interval) -> Evidence:
    """On "it is not zero"."""
    return differs(found) if found.decisive else above(found, 0.0)


def probability(a: Sample, b: Sample) -> Interval:
    """P(a > b) + ½ P(a = b) of one seed of each, with its interval; none for fewer than ten seeds."""

    def statistic(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        x, y = np.moveaxis(x, axis, -1)[..., :, None], np.moveaxis(y, axis, -1)[..., None, :]
        return ((x > y) + 0.5 * (x == y)).mean((-2, -1))

    n = min(a.n, b.n)
    if n < LEAST_SEEDS:
        value = float(statistic(a.values, b.values)) if n else math.nan
        return Interval(value, math.nan, math.nan, n, "none", f"{n} seeds, fewer than {LEAST_SEEDS}")
    found = interval(statistic, a, b, expand=False)
    return Interval(**{**vars(found), "low": max(0.0, found.low), "high": min(1.0, found.high)})


def returns_table(rows: Sequence[Row]) -> Table:
    """Early, AUC and final return of the learner's own policy, with 95 % intervals."""
    cells = tuple((r.record.method, *(estimate(r.returns[m]) for m in METRICS)) for r in rows)
    data = tuple({"method": r.record.method, **{m: vars(r.returns[m]) for m in METRICS}} for r in rows)
    seeds = " and ".join(sorted({str(len(r.record.seeds)) for r in rows}, key=int))
    title = f"Returns on {rows[0].record.task}, {seeds} seeds"
    return Table(title, ("method", "early", "AUC", "final"), cells, notes=tuple(few_seeds(cells)), data=data)


def differences_table(rows: Sequence[Row], metric: str) -> Table:
    """Each competitor but the first: difference, P(improvement), verdict, seeds that a verdict needs."""
    judged = [r for r in rows if r.gain is not None]
    cells = tuple((r.record.method, estimate(r.gain), _share(r.improves), r.verdict, _needs(r)) for r in judged)
    data = tuple(
        {"method": r.record.method, "difference": vars(r.gain), "improvement": vars(r.improves), "p": r.p,
         "verdict": r.verdict, "seeds_needed": r.needed}
        for r in judged
    )  # fmt: skip
    title = f"{'AUC' if metric == 'auc' else metric} less that of {rows[0].record.method}"
    return Table(title, ("method", "difference", "P(better)", "verdict", "needs"), cells, data=data)


def answer(rows: Sequence[Row], metric: str) -> str:
    """In a sentence or two, whether guidance helped; where nothing guided stands beside a base, what is better."""
    name, base = "AUC" if metric == "auc" else f"{metric} return", rows[0].record
    others = [row for row in rows if row.gain is not None]
    guided = [] if base.guided else [row for row in others if row.record.guided]
    judged = guided or others
    better, worse = ([row for row in judged if row.verdict == verdict] for verdict in (BETTER, WORSE))
    above = f"above {base.method} in {name} is {_gains(better)}"
    below = f"below {base.method} in {name} is {_gains(worse)}"
    said = [text for text, found in ((above, better), (below, worse)) if found]
    if not said:
        fewest = min(len(row.record.seeds) for row in rows)
        few = f"{fewest} seeds are too few; {LEAST_SEEDS} are the least"
        return f"No verdict: {few if fewest < LEAST_SEEDS else f'nothing is separated from {base.method} in {name}'}."
    if not guided:
        text = "; ".join(said)
        return f"{text[0].upper()}{text[1:]}."
    verdict = "helped" if better else "hurt" if len(worse) == len(judged) else "is not shown to help"
    return f"Guidance {verdict}: {'; '.join(said)}."


def _gains(rows: Sequence[Row]) -> str:
    """By how much each is apart from the first, the farthest first."""
    farthest = sorted(rows, key=lambda row: -abs(row.gain.value))
    return ", ".join(f"{r.record.method} by {number(abs(r.gain.value))} [{_ends(r.gain)}]" for r in farthest)


def _needs(row: Row) -> str:
    if row.verdict != SAME:
        return ""
    if row.hopeless:
        return "more experts"
    return f"{row.needed} seeds" if row.needed else "over 10,000 seeds"


def _share(found: Interval) -> str:
    if not math.isfinite(found.value):
        return "–"
    ends = f" [{found.low:.2f}, {found.high:.2f}]" if math.isfinite(found.low) else ""
    return f"{found.value:.2f}{ends}"


def _ends(found: Interval) -> str:
    low, high = sorted((abs(found.low), abs(found.high)))
    return f"{number(low)}, {number(high)}"
