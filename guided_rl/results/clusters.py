"""Standard errors where seeds share experts: the cluster jackknife, with Welch–Satterthwaite degrees of freedom.

Seeds that learned from one expert are alike, so the experts and not the seeds are independent draws.
Each is left out in turn (the jackknife variance CV3; MacKinnon, Nielsen and Webb 2023, "Fast and reliable
jackknife and bootstrap methods for cluster-robust inference"). For a mean over equal clusters that is
Student's t on the clusters' means, exact for normal returns. Samples with one expert or none leave out a
seed at a time, which gives Student's t and Welch's interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.special


def t_quantile(tail: float, df: float) -> float:
    """What Student's t exceeds with probability `tail`; scipy.stats' own costs a hundred times as much a call."""
    return -float(scipy.special.stdtrit(df, tail))


def t_tail(value: float, df: float) -> float:
    """The probability that Student's t exceeds `value`."""
    return float(scipy.special.stdtr(df, -value))


@dataclass(frozen=True)
class Part:
    """What one independent sample adds to the squared standard error of a statistic.

    Attributes:
      variance: its part. df: degrees of freedom of that.
      between: what of it is due to differences between experts. clustered: whether it has several.
    """

    variance: float
    df: int
    between: float = 0.0
    clustered: bool = False

    def half_width(self, confidence: float) -> float:
        return t_quantile((1 - confidence) / 2, self.df) * float(np.sqrt(self.variance))


@dataclass(frozen=True)
class Spread:
    """The parts that samples add to the squared standard error."""

    parts: tuple[Part, ...]

    @property
    def between(self) -> float:
        """The experts' share of the squared standard error."""
        whole = sum(part.variance for part in self.parts)
        return sum(part.between for part in self.parts) / whole if whole > 0 else 0.0

    def half_width(self, confidence: float) -> tuple[float, float]:
        """Half the width of the interval, and its degrees of freedom.

        Welch and Satterthwaite's, but no narrower than the interval of any one sample of several experts: with three
        experts theirs alone covers 92 % where one part dominates, since it takes more degrees of freedom
        just when that part is underestimated.
        """
        whole = sum(part.variance for part in self.parts)
        if whole <= 0:
            return 0.0, float(min(part.df for part in self.parts))
        df = whole**2 / sum(part.variance**2 / part.df for part in self.parts)
        found = t_quantile((1 - confidence) / 2, df) * float(np.sqrt(whole)), float(df)
        return max(found, *((p.half_width(confidence), float(p.df)) for p in self.parts if p.clustered), found)


def spread(
    statistic: Callable[..., np.ndarray], values: Sequence[np.ndarray], sources: Sequence[np.ndarray], paired: bool
) -> Spread:
    """The spread of `statistic(*values, axis=-1)`.

    Args:
      values: samples, [n] each; independent, or `paired`: the same seeds in the same order.
      sources: per sample the number of each seed's expert [n], or [0] where one or none stands behind all.
    """
    together = [range(len(values))] if paired else [[index] for index in range(len(values))]
    return Spread(tuple(_part(statistic, values, group, sources[group[0]]) for group in together))


def _part(statistic, values, group: Sequence[int], source: np.ndarray) -> Part:
    """What the samples of `group`, which lose the same seeds, add."""
    n = len(values[group[0]])
    numbers, cluster = np.unique(source, return_inverse=True)
    whole = statistic(*values, axis=-1)
    each = np.broadcast_to(_without(statistic, values, group, ~np.eye(n, dtype=bool)) - whole, n)
    if (k := numbers.size) < 2:
        return Part(float((n - 1) / n * np.sum(each**2)), n - 1)
    gone = [_without(statistic, values, group, (cluster != c)[None])[0] - whole for c in range(k)]
    seeds = _within(each, cluster, k) if k < n else 0.0
    variance = max(float((k - 1) / k * np.sum(np.square(gone))), seeds)  # experts alike by chance make nothing surer
    return Part(variance, k - 1, variance - seeds if k < n else 0.0, True)


def _within(each: np.ndarray, cluster: np.ndarray, k: int) -> float:
    """The variance of the estimate due to seeds alone: that of their influences about their own expert's."""
    n = each.size
    influence = (n - 1) * each
    centred = influence - (np.bincount(cluster, influence) / np.bincount(cluster))[cluster]
    return float(np.sum(centred**2) / (n - k) / n)


def _without(statistic, values, group: Sequence[int], kept: np.ndarray) -> np.ndarray:
    """The statistic where `group` keeps only the seeds of each row of `kept` [rows, n], as many in every row."""
    index = np.stack([np.flatnonzero(row) for row in kept])
    return statistic(*[v[index] if i in group else v for i, v in enumerate(values)], axis=-1)
