"""Looks at growing numbers of seeds: published boundaries, error rate and power."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from guided_rl.results import sequential
from guided_rl.results.sequential import SeedPlan

RUNS = 4_000


def decided(effect: float, plan: SeedPlan, runs: int = RUNS, experts: int = 0) -> tuple[float, float]:
    """The share of runs that decide, and the mean seeds; differences with spread 1, by Student's t at every look."""
    rng = np.random.default_rng(3)
    values = effect + rng.normal(size=(runs, plan.cap))
    if experts:
        values += rng.normal(size=(runs, experts))[:, np.arange(plan.cap) % experts]
    found, used = np.zeros(runs, bool), np.full(runs, plan.cap)
    for seeds in plan.looks:
        rows = values[:, :seeds]
        if experts:
            rows = np.stack([rows[:, e::experts].mean(1) for e in range(experts)], 1)
        now = ~found & (stats.ttest_1samp(rows, 0.0, axis=1).pvalue <= plan.level(seeds))
        used[now] = seeds
        found |= now
    return float(found.mean()), float(used.mean())


def test_the_boundaries_are_the_published_ones():
    """Five equal looks at 5 %, two-sided, as the R packages ldbounds and gsDesign print them."""
    found = stats.norm.isf(sequential.levels((20, 40, 60, 80, 100)) / 2)
    assert found == pytest.approx([4.8769, 3.3570, 2.6803, 2.2898, 2.0310], abs=2e-4)
    assert sequential.levels((10,)) == pytest.approx([0.05])


@pytest.mark.parametrize("plan", [SeedPlan(), SeedPlan(10, 20, 100), SeedPlan(10, 5, 40), SeedPlan(40, 40, 200)])
def test_many_looks_err_no_more_often_than_one(plan):
    assert decided(0.0, plan)[0] <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / RUNS)


def test_with_the_same_experts_at_every_look_too():
    assert decided(0.0, SeedPlan(16, 16, 96), experts=8)[0] <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / RUNS)


def test_little_power_is_lost_and_many_seeds_are_saved():
    """At an effect that 100 seeds find with 90 % power."""
    found, seeds = decided(0.327, SeedPlan())
    assert found >= 0.87
    assert seeds <= 75


def test_a_plan_says_when_to_go_on():
    plan = SeedPlan(10, 20, 60)
    assert plan.looks == (10, 30, 50, 60)
    assert plan.next(0.03, 10) == 30
    assert plan.next(1e-12, 10) is None
    assert plan.next(0.5, 60) is None
    assert SeedPlan(10, 10, 10).looks == (10,)
    with pytest.raises(ValueError, match="grow from 20 by 5 to 10"):
        SeedPlan(20, 5, 10)
