"""How many seeds a verdict needs, from the effect and the spread on record.

More seeds lower the part of a squared standard error that seeds have in it, n / N of it remaining; the part
of the experts' differences stays whatever their number. "Needs" means to be decided with 80 % power.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from guided_rl.results.clusters import t_quantile
from guided_rl.results.statistics import LEAST_SEEDS, Interval
from guided_rl.results.verdicts import TAIL, UNDECIDED, Rule

POWER = 0.8
MOST = 10_000


def projected(interval: Interval, seeds: float, power: float = POWER) -> Interval:
    """The interval as it would be with so many seeds, widened until what it excludes is found with this power.

    The value stays. With several experts their degrees of freedom stay too, else they grow with the seeds.
    """
    if not np.isfinite([interval.low, interval.high, interval.df]).all():
        return interval
    df = interval.df if interval.sources > 1 else max(interval.df * min(seeds, MOST) / interval.n, 1.0)
    needed = t_quantile(TAIL, df) + t_quantile(1 - power, df)
    error = np.sqrt(interval.between + (1 - interval.between) * interval.n / seeds)
    scale = needed / t_quantile(TAIL, interval.df) * error
    low, high = (interval.value + scale * (end - interval.value) for end in (interval.low, interval.high))
    return dataclasses.replace(interval, low=low, high=high, df=df, kind="clusters")


def seeds_needed(rule: Rule, intervals: Sequence[Interval], least: int = LEAST_SEEDS) -> int | None:
    """The fewest seeds per cell, from `least` on, that decide; None where `MOST` do not, or nothing has a spread.

    At a level that tasks share it errs towards more seeds.
    """
    decides = lambda n: rule([projected(i, n) for i in intervals]).verdict != UNDECIDED
    spread = any(np.isfinite(i.low) and i.high > i.low for i in intervals)
    if not spread or not decides(MOST):
        return None
    low, high = least - 1, MOST  # decides(high) throughout
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def never(rule: Rule, intervals: Sequence[Interval]) -> bool:
    """Whether no number of seeds decides, because of how much the experts differ."""
    differ = any(i.between > 0 for i in intervals)
    return differ and rule([projected(i, np.inf) for i in intervals]).verdict == UNDECIDED


def floor(interval: Interval) -> float:
    """The standard error that no number of seeds of the same experts goes below."""
    return float(np.sqrt(interval.between) * interval.half_width / t_quantile(TAIL, interval.df))
