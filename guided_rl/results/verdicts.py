"""From intervals to verdicts: one-sided p-values, their combination over tasks, Holm's correction.

A p-value here is the one of the interval: Student's t with the interval's degrees of freedom, scaled so
that it is 2.5 % where the 95 % interval ends (Altman and Bland 2011, "How to obtain the P value from a
confidence interval"). So a verdict on one interval is the same by either; one that ends at the threshold decides
nothing. Over several tasks "holds"
and "does not hold" keep an error rate of 2.5 % each by the partial conjunction of Benjamini and Heller
(2008, "Screening for partial conjunction hypotheses"): to say that u of m tasks do something, the u-th
smallest p-value counts (m − u + 1) times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from guided_rl.results.clusters import t_quantile, t_tail
from guided_rl.results.statistics import CONFIDENCE, Interval

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
ALPHA = 1 - CONFIDENCE
TAIL = ALPHA / 2


@dataclass(frozen=True)
class Evidence:
    """For and against a statement.

    Attributes:
      holds: p-value, one-sided, of evidence as strong as this for it where it is not so.
      fails: the same against it where it is so.
    """

    holds: float = 1.0
    fails: float = 1.0

    @property
    def verdict(self) -> str:
        return FAILS if self.fails < TAIL else HOLDS if self.holds < TAIL else UNDECIDED

    @property
    def p(self) -> float:
        """Two-sided."""
        return min(1.0, 2 * min(self.holds, self.fails))


Rule = Callable[[Sequence[Interval]], Evidence]
"""How the intervals that a claim rests on are put together."""


def above(interval: Interval, threshold: float) -> Evidence:
    """On "more than `threshold`"; none where no verdict may rest on the interval."""
    if not interval.decisive:
        return Evidence()
    p = _above(interval, threshold)
    return Evidence(p, 1 - p)


def below(interval: Interval, threshold: float) -> Evidence:
    """On "less than `threshold`"."""
    return against(above(interval, threshold))


def within(interval: Interval, margin: float) -> Evidence:
    """On "between ∓ `margin`": two one-sided tests (Schuirmann 1987)."""
    inside = [above(interval, -margin), below(interval, margin)]
    return Evidence(max(e.holds for e in inside), min(e.fails for e in inside))


def differs(interval: Interval) -> Evidence:
    """On "not zero", which nothing refutes."""
    return Evidence(min(above(interval, 0.0).holds, below(interval, 0.0).holds))


def against(evidence: Evidence) -> Evidence:
    """On the opposite."""
    return Evidence(evidence.fails, evidence.holds)


def at_least(count: int, found: Sequence[Evidence]) -> Evidence:
    """On "`count` of these or more hold"."""
    m = len(found)
    holds, fails = sorted(e.holds for e in found), sorted(e.fails for e in found)
    return Evidence(min(1.0, (m - count + 1) * holds[count - 1]), min(1.0, count * fails[m - count]))


def every(found: Sequence[Evidence]) -> Evidence:
    return at_least(len(found), found)


def some(found: Sequence[Evidence]) -> Evidence:
    return at_least(1, found)


def most_and_none_reversed(count: int, found: Sequence[Evidence]) -> Evidence:
    """On "`count` of these hold, and the opposite on none"."""
    return Evidence(at_least(count, found).holds, every(found).fails)


def agreeing(readings: Sequence[Evidence]) -> Evidence:
    """On a statement with several readings, all of which must agree."""
    return Evidence(max(e.holds for e in readings), max(e.fails for e in readings))


def holm(p: Sequence[float]) -> np.ndarray:
    """Adjusted p-values, in the given order (Holm 1979, "A simple sequentially rejective multiple test procedure")."""
    found = np.asarray(p, np.float64)
    order = np.argsort(found, kind="stable")
    adjusted = np.empty_like(found)
    left = found.size - np.arange(found.size)
    adjusted[order] = np.minimum(np.maximum.accumulate(left * found[order]), 1.0)
    return adjusted


def _above(interval: Interval, threshold: float) -> float:
    gap = interval.value - threshold
    side = interval.value - interval.low if gap > 0 else interval.high - interval.value
    if not side > 0:
        return 0.5 * (1.0 - np.sign(gap))
    return t_tail(gap / side * t_quantile(TAIL, interval.df), interval.df)
