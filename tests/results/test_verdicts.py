"""Verdicts from intervals: p-values that agree with them, and error rates over several tasks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from guided_rl.results import verdicts
from guided_rl.results.statistics import Interval
from guided_rl.results.verdicts import FAILS, HOLDS, UNDECIDED, Evidence

RUNS = 20_000
ERROR = 0.0275  # 2.5 % on each side, and two standard errors of the simulation


def interval(value: float, error: float = 1.0, df: float = 9.0, kind: str = "bootstrap") -> Interval:
    half = stats.t.isf(0.025, df) * error
    return Interval(value, value - half, value + half, 10, kind, df=df)


def simulated(truth: np.ndarray, combine, runs: int = RUNS) -> dict[str, float]:
    """Rates of the verdicts where tasks [m] have these true values, with standard error 1 and 9 degrees of freedom."""
    rng = np.random.default_rng(0)
    t = truth + rng.normal(size=(runs, truth.size)) / np.sqrt(rng.chisquare(9, (runs, truth.size)) / 9)
    p = stats.t.sf(t, 9)
    found = [combine([Evidence(one, 1 - one) for one in row]).verdict for row in p]
    return {verdict: found.count(verdict) / runs for verdict in (HOLDS, FAILS, UNDECIDED)}


def test_the_p_value_is_students_t_and_says_what_the_interval_says():
    assert verdicts.above(interval(3.0), 0.0).holds == pytest.approx(stats.t.sf(3.0, 9))
    assert verdicts.below(interval(-3.0, 2.0), 0.0).p == pytest.approx(2 * stats.t.sf(1.5, 9))
    lopsided = Interval(2.0, 0.1, 9.0, 10, "bootstrap", df=9.0)
    assert verdicts.above(lopsided, 0.0).verdict == HOLDS
    assert verdicts.above(lopsided, 0.1).holds == pytest.approx(0.025)
    assert verdicts.above(lopsided, 9.0).fails == pytest.approx(0.025)


@settings(max_examples=50, deadline=None)
@given(value=st.floats(-9, 9), error=st.floats(0.01, 5), threshold=st.floats(-9, 9), df=st.floats(1, 50))
def test_verdict_and_interval_agree_on_one_task(value, error, threshold, df):
    found = interval(value, error, df)
    expected = HOLDS if found.low > threshold else FAILS if found.high < threshold else UNDECIDED
    assert verdicts.above(found, threshold).verdict == expected


def test_nothing_is_shown_by_few_seeds_or_by_what_has_no_interval():
    assert verdicts.above(interval(9.0, kind="t"), 0.0) == Evidence(1.0, 1.0)
    assert verdicts.differs(Interval(9.0, np.nan, np.nan, 10, "none")).verdict == UNDECIDED


def test_an_interval_that_ends_at_the_threshold_decides_nothing():
    """One crash of one seed in ten is no proof of fewer crashes: the interval is [−0.2, 0]."""
    crashes = lambda high: Interval(-0.05, -0.2, high, 10, "bootstrap", df=9.0)
    assert verdicts.below(crashes(0.0), 0.0).verdict == UNDECIDED
    assert verdicts.below(crashes(-0.01), 0.0).verdict == HOLDS


def test_what_has_no_spread_is_certain_unless_it_is_the_threshold_itself():
    sure = Interval(2.0, 2.0, 2.0, 10, "bootstrap", df=9.0)
    assert [verdicts.above(sure, x).verdict for x in (1.0, 2.0, 3.0)] == [HOLDS, UNDECIDED, FAILS]


@pytest.mark.parametrize(("value", "verdict"), [(0.0, HOLDS), (0.9, UNDECIDED), (1.5, FAILS), (-1.5, FAILS)])
def test_within_a_margin(value, verdict):
    assert verdicts.within(interval(value, 0.1), 1.0).verdict == verdict


far, zero = 9.0, 0.0
EACH, ANY, MOST = verdicts.every, verdicts.some, lambda found: verdicts.most_and_none_reversed(5, found)
FOUR = lambda found: verdicts.at_least(4, found)


@pytest.mark.parametrize(
    ("truth", "combine", "wrong"),
    [
        ([far] * 5 + [zero], EACH, HOLDS),
        ([zero] * 6, EACH, FAILS),
        ([zero] * 6, ANY, HOLDS),
        ([far] * 4 + [zero] * 2, MOST, HOLDS),
        ([zero] * 6, MOST, FAILS),
        ([far] * 3 + [zero] * 3, FOUR, HOLDS),
        ([far] * 3 + [zero] + [-far] * 2, FOUR, FAILS),
    ],
)
def test_verdicts_over_tasks_err_seldom_where_it_is_hardest(truth, combine, wrong):
    """A task at the threshold counts as either: just below it "holds" is wrong, just above it "does not hold"."""
    assert simulated(np.asarray(truth), combine)[wrong] <= ERROR


def test_a_verdict_for_each_task_apart_would_err_often():
    """Why the level is shared: one of six tasks at the threshold would refute it in 14 % of runs."""
    naive = lambda found: Evidence(fails=min(e.fails for e in found))
    assert simulated(np.zeros(6), naive, 5_000)[FAILS] > 0.1


def test_known_effects_are_found():
    assert simulated(np.full(6, 5.0), EACH, 2_000)[HOLDS] > 0.9
    assert simulated(np.asarray([5.0] * 5 + [-6.0]), EACH, 2_000)[FAILS] > 0.9
    assert simulated(np.asarray([5.0] + [0.0] * 5), ANY, 2_000)[HOLDS] > 0.8


def test_readings_must_agree():
    yes, no = Evidence(0.01, 0.99), Evidence(0.99, 0.01)
    assert verdicts.agreeing([yes, yes]).verdict == HOLDS
    assert verdicts.agreeing([no, no]).verdict == FAILS
    assert verdicts.agreeing([yes, no]).verdict == UNDECIDED


def test_holm_by_hand_and_its_error_rate():
    assert verdicts.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert verdicts.holm([]).size == 0
    p = np.random.default_rng(1).random((4_000, 9))
    assert np.mean([verdicts.holm(row).min() <= 0.05 for row in p]) <= 0.057
