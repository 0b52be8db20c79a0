"""Intervals over experts: simulated coverage, for every number of experts and seeds that tables use."""

from __future__ import annotations

import numpy as np
import pytest

from guided_rl.results import clusters, statistics
from guided_rl.results.statistics import Sample

COVERAGE = 0.93
RUNS = 200
MANY = 20_000


def taught(rng, experts: int, seeds: int, differ: float, centre: float = 0.0) -> Sample:
    """Returns of seeds with spread 1, whose experts differ by `differ`."""
    numbers = np.arange(seeds)
    source = numbers % experts
    return Sample(centre + rng.normal(0, differ, experts)[source] + rng.normal(size=seeds), numbers, source)


def alone(rng, seeds: int, centre: float = 0.0) -> Sample:
    return Sample(centre + rng.normal(size=seeds), np.arange(seeds))


def covered(rng, experts: int, seeds: int, differ: float, runs: int) -> float:
    """Coverage of a difference to a method without experts, by the parts in closed form [runs]."""
    source = np.arange(seeds) % experts
    members = (source == np.arange(experts)[:, None]).astype(float)
    taught = rng.normal(0, differ, (runs, experts))[:, source] + rng.normal(size=(runs, seeds))
    gone = ((taught - taught.mean(1, keepdims=True)) @ members.T) / (seeds - members.sum(1))
    plain = rng.normal(size=(runs, seeds))
    ours, theirs = (experts - 1) / experts * (gone**2).sum(1), plain.var(1, ddof=1) / seeds
    hits = 0
    for value, a, b in zip(taught.mean(1) - plain.mean(1), ours, theirs, strict=True):
        parts = clusters.Part(a, experts - 1, clustered=True), clusters.Part(b, seeds - 1)
        hits += abs(value) <= clusters.Spread(parts).half_width(0.95)[0]
    return hits / runs


@pytest.mark.slow
@pytest.mark.parametrize("experts", [3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("seeds", [10, 20, 40])
@pytest.mark.parametrize("differ", [1.0, 3.0])
def test_simulated_coverage_of_a_difference(experts, seeds, differ):
    """Standard error 0.3 %."""
    assert covered(np.random.default_rng(1), experts, seeds, differ, 6_000) >= COVERAGE


@pytest.mark.parametrize("experts", [2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("seeds", [10, 20, 40])
@pytest.mark.parametrize("differ", [0.0, 1.0, 3.0])
def test_simulated_coverage_of_a_mean(experts, seeds, differ):
    """In closed form, and the first run by the code itself."""
    rng, source = np.random.default_rng(2), np.arange(seeds) % experts
    values = rng.normal(0, differ, (MANY, experts))[:, source] + rng.normal(size=(MANY, seeds))
    members = (source == np.arange(experts)[:, None]).astype(float)
    gone = ((values - values.mean(1, keepdims=True)) @ members.T) / (seeds - members.sum(1))
    error = np.sqrt((experts - 1) / experts * (gone**2).sum(1))
    half = statistics.scipy.stats.t.isf(0.025, experts - 1) * error
    first = statistics.mean_interval(Sample(values[0], np.arange(seeds), source))
    assert first.half_width == pytest.approx(half[0]) or (first.half_width > half[0] and first.between == 0.0)
    assert np.mean(np.abs(values.mean(1)) <= half) >= COVERAGE


def test_simulated_coverage_of_ratios_and_of_averages_over_tasks():
    rng, hits = np.random.default_rng(3), {"gain": [], "four tasks": [], "room": []}
    for _ in range(RUNS):
        a, b = taught(rng, 4, 12, 1.0, 20.0), alone(rng, 12, 10.0)
        hits["gain"].append(statistics.ratio(a, b, 0.0).contains(2.0))
        hits["room"].append(statistics.room(a, b, 0.0, 0.25).contains(12.5))
        four = [taught(rng, 3, 10, 1.0, 20.0) for _ in range(4)], [alone(rng, 10, 10.0) for _ in range(4)]
        hits["four tasks"].append(statistics.mean_of_ratios(*four, [0.0] * 4).contains(2.0))
    assert {name: np.mean(found) for name, found in hits.items() if np.mean(found) < COVERAGE} == {}


@pytest.mark.parametrize("differ", [0.0, 1.0, 3.0])
def test_the_share_that_more_seeds_do_not_lower(differ):
    """Of a squared standard error σ²/k + 1/n it is σ²/k; an estimate, so right on average over many."""
    rng = np.random.default_rng(4)
    found = [statistics.mean_interval(taught(rng, 8, 40, differ)) for _ in range(100)]
    error = np.asarray([i.half_width / statistics.scipy.stats.t.isf(0.025, i.df) for i in found])
    floor = np.mean(error**2 * np.asarray([i.between for i in found]))
    assert floor == pytest.approx(differ**2 / 8, rel=0.2, abs=0.01)


def test_pairs_lose_their_expert_together():
    rng = np.random.default_rng(5)
    common = taught(rng, 3, 12, 5.0)
    a, b = (common.map(lambda values: values + rng.normal(0, 0.1, 12)) for _ in range(2))
    paired, apart = statistics.room(a, b, -1e3, 0.0, paired=True), statistics.room(a, b, -1e3, 0.0)
    assert paired.half_width == pytest.approx(statistics.difference(a, b, paired=True).half_width)
    assert apart.half_width > 10 * paired.half_width


def test_experts_that_are_alike_by_chance_make_nothing_surer_than_seeds_do():
    values = np.tile([-1.0, -1.0, 1.0, 1.0], 5)  # both experts' means are 0
    seeds = np.arange(20)
    found = statistics.mean_interval(Sample(values, seeds, seeds % 2))
    assert found.half_width > statistics.mean_interval(Sample(values, seeds)).half_width
    assert found.between == 0.0


def test_a_seed_with_an_expert_of_its_own_is_a_seed():
    values = np.random.default_rng(6).normal(size=12)
    own, none = (statistics.mean_interval(Sample(values, np.arange(12), s)) for s in (np.arange(12), np.zeros(0, int)))
    assert (own.df, own.between) == (11, 0.0)
    assert own.half_width == pytest.approx(none.half_width, rel=0.1)
