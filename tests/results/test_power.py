"""Seeds that a verdict needs, against simulated power."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from guided_rl.results import power, statistics, verdicts
from guided_rl.results.statistics import Interval, Sample

SHAPE = stats.norm.ppf(np.linspace(0.05, 0.95, 10))
POSITIVE = lambda found: verdicts.above(found[0], 0.0)


def student(value: float, error: float, n: int, df: float, sources: int = 1, between: float = 0.0) -> Interval:
    half = stats.t.isf(0.025, df) * error
    return Interval(value, value - half, value + half, n, "clusters", "", df, sources, between)


def test_seeds_needed_agrees_with_simulated_power():
    a, b = Sample(SHAPE + 0.8, np.arange(10)), Sample(SHAPE, np.arange(10))
    n = power.seeds_needed(POSITIVE, [statistics.difference(a, b)], least=2)
    spread = np.std(a.values, ddof=1)
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.8, spread, (4000, n)), rng.normal(0, spread, (4000, n))
    found = np.mean(stats.ttest_ind(x, y, axis=1, equal_var=False).pvalue < 0.05)
    assert found == pytest.approx(0.8, abs=0.05)


def test_what_experts_add_does_not_fall_with_seeds():
    """A difference of 4 standard errors' floors is found with some seeds, one of 2 with none."""
    one = lambda value: student(value, 2.0, 10, 7.0, 8, 0.25)  # floor 1, and √3 of the seeds' at ten
    n = power.seeds_needed(POSITIVE, [one(4.0)])
    assert 10 < n < 100 and not power.never(POSITIVE, [one(4.0)])
    assert power.floor(one(4.0)) == pytest.approx(1.0)
    needed = 4.0 / (stats.t.isf(0.025, 7) + stats.t.isf(0.2, 7))
    assert n == np.ceil(30 / (needed**2 - 1))
    assert power.seeds_needed(POSITIVE, [one(2.0)]) is None and power.never(POSITIVE, [one(2.0)])


def test_a_claim_on_each_task_needs_what_its_hardest_task_does():
    each = lambda found: verdicts.every([verdicts.above(i, 0.0) for i in found])
    easy, hard = student(5.0, 1.0, 10, 9.0), student(1.0, 1.0, 10, 9.0)
    alone = power.seeds_needed(POSITIVE, [hard])
    assert power.seeds_needed(each, [easy, hard]) == alone > power.seeds_needed(POSITIVE, [easy])
    # A task that loses by far refutes the claim, whatever the hard one needs.
    assert power.seeds_needed(each, [student(-9.0, 1.0, 10, 9.0), hard]) == 10


@pytest.mark.parametrize("value", [0.0, 1e-6])
def test_none_where_nothing_can_be_said(value):
    assert power.seeds_needed(POSITIVE, [student(value, 1.0, 10, 9.0)]) is None
    assert not power.never(POSITIVE, [student(1e-6, 1.0, 10, 9.0)])
    assert power.seeds_needed(POSITIVE, [Interval(1.0, np.nan, np.nan, 1, "none")]) is None
