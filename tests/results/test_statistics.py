"""Statistics against scipy, values worked out by hand, and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from guided_rl.results import statistics
from guided_rl.results.statistics import Sample


def sample(values, experts: int = 1) -> Sample:
    seeds = np.arange(len(values))
    return Sample(np.asarray(values, float), seeds, seeds % experts)


def normal(rng, centre: float, spread: float, n: int = 10) -> Sample:
    return sample(rng.normal(centre, spread, n))


def test_iqm_is_the_mean_of_the_middle_half():
    assert statistics.iqm(np.arange(8.0)) == np.mean([2, 3, 4, 5])
    # Ten values: two are cut at each end, as rliable and scipy do.
    assert statistics.iqm(np.array([-1e9, *range(8), 1e9])) == np.mean([1, 2, 3, 4, 5, 6])


def test_ten_seeds_give_scipys_percentile_interval_at_the_expanded_level():
    values = np.random.default_rng(0).normal(size=12)
    ours = statistics.mean_interval(sample(values))
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        method="percentile",
        n_resamples=statistics.RESAMPLES,
        confidence_level=statistics.expanded(0.95, 12),
        rng=np.random.default_rng(statistics._SEED),
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.02)
    assert ours.value == values.mean()
    assert ours.decisive
    # The point of the expansion: about as wide as Student's t.
    student = stats.ttest_1samp(values, 0).confidence_interval()
    assert ours.high - ours.low == pytest.approx(student.high - student.low, rel=0.1)


def test_fewer_seeds_give_students_t_and_no_verdict():
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    ours = statistics.mean_interval(sample(values))
    # 3 ± 2.776 · 1.5811 / √5, by hand.
    assert (ours.low, ours.high) == pytest.approx((3 - 1.9632, 3 + 1.9632), abs=1e-3)
    assert (ours.kind, ours.decisive) == ("t", False)
    welch = statistics.difference(sample(values), sample([0.0, 1.0, 5.0]))
    expected = stats.ttest_ind(values, [0.0, 1.0, 5.0], equal_var=False).confidence_interval()
    assert (welch.low, welch.high) == pytest.approx(tuple(expected))
    assert not welch.decisive
    assert statistics.iqm_interval(sample(values)).kind == "none"
    assert statistics.ratio(sample(values), sample(values), 0.0).kind == "none"


@pytest.mark.parametrize("n", [0, 1])
def test_no_spread_no_interval(n):
    assert statistics.mean_interval(sample([1.0] * n)).kind == "none"
    assert statistics.difference(sample([1.0] * n), sample([1.0, 2.0])).kind == "none"


def test_intervals_are_deterministic():
    a, b = sample(np.arange(10.0)), sample(np.arange(10.0) * 2)
    assert statistics.difference(a, b) == statistics.difference(a, b)
    assert statistics.mean_interval(sample(np.arange(10.0), 3)) == statistics.mean_interval(sample(np.arange(10.0), 3))


def test_pairing_removes_what_seeds_share():
    rng = np.random.default_rng(0)
    common = rng.normal(0, 100, 10)
    a, b = sample(common + rng.normal(1, 0.1, 10)), sample(common + rng.normal(0, 0.1, 10))
    paired, apart = statistics.difference(a, b, paired=True), statistics.difference(a, b)
    assert paired.contains(1.0)
    assert paired.low > 0 > apart.low
    shuffled = Sample(b.values[::-1], b.seeds[::-1])
    assert statistics.difference(a, shuffled, paired=True) == paired


def test_a_ratio_is_of_returns_above_random():
    a, b = sample(np.linspace(380, 420, 10)), sample(np.linspace(190, 210, 10))
    ours = statistics.ratio(a, b, random=100.0)
    assert ours.value == pytest.approx(3.0)
    assert ours.contains(3.0)
    # A negative random return is no obstacle; that is why returns are taken above it.
    assert statistics.ratio(a, b, random=-200.0).value == pytest.approx(1.5)


def test_a_ratio_is_undefined_where_the_base_reaches_random():
    a, b = sample(np.linspace(380, 420, 10)), sample(np.linspace(-20, 30, 10))
    ours = statistics.ratio(a, b, random=0.0)
    assert ours.kind == "none"
    assert "undefined" in ours.note
    assert statistics.ratio(a, a, random=float("nan")).note == "the random policy's return is not known"


def test_average_of_ratios_and_ratio_of_averages_differ():
    a = [sample(np.full(10, 30.0)), sample(np.full(10, 100.0))]
    b = [sample(np.full(10, 10.0)), sample(np.full(10, 100.0))]
    assert statistics.mean_of_ratios(a, b, [0, 0]).value == pytest.approx(2.0)
    assert statistics.ratio_of_means(a, b, [0, 0]).value == pytest.approx(130 / 110)


def test_room_left_within_a_margin_of_a_base_is_a_difference_with_the_margin_of_that_base():
    rng = np.random.default_rng(0)
    common = rng.normal(0, 100, 10)
    a, b = sample(common + 50), sample(common)
    # b is below random throughout, so a − b + 0.1 · (random − b) = 50 + 0.1 · (500 − b).
    paired, apart = statistics.room(a, b, 500.0, 0.1, paired=True), statistics.room(a, b, 500.0, 0.1)
    assert paired.value == apart.value == pytest.approx(50 + 0.1 * (500 - common.mean()))
    assert paired.half_width == pytest.approx(0.1 * statistics.mean_interval(b).half_width, rel=0.05)
    assert apart.half_width > 10 * paired.half_width
    assert statistics.room(a, sample([1.0, 2.0]), 0.0, 0.1).note == "2 seeds, fewer than 10"
    assert statistics.room(a, b, float("nan"), 0.1).note == "the random policy's return is not known"


def test_spread_ratio_is_the_geometric_mean_over_tasks():
    base = np.random.default_rng(0).normal(size=10)
    a, b = [sample(base * 2), sample(base * 8)], [sample(base), sample(base)]
    assert statistics.spread_ratio(a, b).value == pytest.approx(4.0)
    assert statistics.spread_ratio(a[:1], [sample(base[:9])]).kind == "none"


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.floats(-1e4, 1e4), min_size=10, max_size=14),
    scale=st.floats(0.1, 10),
    shift=st.floats(-1e3, 1e3),
    experts=st.integers(1, 4),
)
def test_intervals_move_and_stretch_with_the_returns(values, scale, shift, experts):
    before = statistics.mean_interval(sample(values, experts))
    after = statistics.mean_interval(sample(np.asarray(values) * scale + shift, experts))
    assert before.low <= before.value + 1e-9
    assert before.value <= before.high + 1e-9
    for name in ("value", "low", "high"):
        assert getattr(after, name) == pytest.approx(getattr(before, name) * scale + shift, rel=1e-6, abs=1e-5)


def test_with_several_experts_the_interval_is_students_t_over_their_means():
    values = np.tile([0.0, 10.0, 5.0], 6) + np.random.default_rng(0).normal(0, 0.1, 18)
    ours = statistics.mean_interval(sample(values, 3))
    student = stats.ttest_1samp(values.reshape(6, 3).mean(0), 0.0).confidence_interval()
    assert (ours.low, ours.high) == pytest.approx(tuple(student))
    assert (ours.kind, ours.df, ours.sources, ours.decisive) == ("clusters", 2.0, 3, True)
    assert ours.between == pytest.approx(1.0, abs=0.01)  # seeds differ by next to nothing
    alone = statistics.mean_interval(sample(values))
    assert (alone.kind, alone.df, alone.between) == ("bootstrap", 17.0, 0.0)


COVERAGE = 0.90
SHAPES = {
    "normal": (lambda rng, size: rng.normal(size=size), 0.0, 0.0),
    "uniform": (lambda rng, size: rng.random(size), 0.5, 0.5),
    # One seed in four never learns.
    "two modes": (
        lambda rng, size: np.where(rng.random(size) < 0.25, rng.normal(0, 0.3, size), rng.normal(3, 0.5, size)),
        2.25,
        None,
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["mean", "iqm"])
def test_simulated_coverage_at_ten_seeds(shape, name, monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 999)
    draw, mean, iqm = SHAPES[shape]
    function = statistics.mean_interval if name == "mean" else statistics.iqm_interval
    rng = np.random.default_rng(7)
    truth = mean if name == "mean" else iqm
    if truth is None:
        truth = float(statistics.iqm(draw(rng, 1_000_000)))
    hits = [function(sample(draw(rng, 10))).contains(truth) for _ in range(400)]
    assert np.mean(hits) >= COVERAGE


def test_simulated_coverage_of_comparisons_at_ten_seeds(monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 999)
    rng = np.random.default_rng(3)
    hits = {"difference": [], "ratio": [], "four tasks": [], "spread": [], "room": []}
    for _ in range(200):
        a, b = normal(rng, 10, 3), normal(rng, 5, 1.5)
        hits["difference"].append(statistics.difference(a, b).contains(5.0))
        hits["ratio"].append(statistics.ratio(a, b, 0.0).contains(2.0))
        hits["room"].append(statistics.room(a, b, 8.0, 0.05).contains(5.0 + 0.05 * 3.0))
        hits["spread"].append(statistics.spread_ratio([a], [b]).contains(2.0))
        four = [[normal(rng, 10, 3) for _ in range(4)], [normal(rng, 5, 1.5) for _ in range(4)]]
        hits["four tasks"].append(statistics.mean_of_ratios(*four, [0.0] * 4).contains(2.0))
    assert {name: np.mean(found) for name, found in hits.items() if np.mean(found) < COVERAGE} == {}


def test_steps_to_a_threshold():
    values = np.array([[0.0, 5.0, 4.0, 9.0], [0.0, 1.0, 2.0, 3.0]])
    steps = np.array([10, 20, 30, 40])
    np.testing.assert_array_equal(statistics.steps_to(values, steps, 5.0), [20, np.inf])
    np.testing.assert_array_equal(statistics.steps_to(values, steps, -1.0), [10, 10])
