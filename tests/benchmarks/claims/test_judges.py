"""Every kind of statement that papers make, judged from made-up records."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.claims import judges, ledger, variant_judges
from benchmarks.claims.ledger import FAILS, HOLDS, UNDECIDED, Claim, View
from guided_rl.results import verdicts
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale
from guided_rl.results.statistics import Interval
from guided_rl.results.tables import number
from tests.benchmarks.claims.views import RANDOM, A, B, pair, spread, view
from tests.results.synthetic import make_record


@pytest.mark.parametrize(("least", "verdict"), [(300, HOLDS), (150, FAILS)])
def test_a_gain_on_each_task_needs_the_least_one(least, verdict):
    judge = judges.gain_on_each("dai-sac", "sac", [A, B], "early", 1.6)
    outcome = judge(view(*pair(500, 100), *pair(least, 100, task=B)))
    assert outcome.verdict == verdict
    assert outcome.value == pytest.approx(least / 100 - 1)


def test_the_value_shown_is_of_a_task_that_decides():
    judge = judges.gain_on_each("dai-sac", "sac", [A, B], "early", 1.6)
    wide = pair(100, 100, width=900, task=B)
    outcome = judge(view(*pair(200, 100), *wide))
    assert outcome.verdict == FAILS and outcome.value == pytest.approx(1.0)
    assert judge(view(*pair(500, 100), *wide)).verdict == UNDECIDED


@pytest.mark.parametrize(
    ("ratio", "width", "verdict"), [(4.0, 5, HOLDS), (6.0, 5, HOLDS), (4.0, 190, UNDECIDED), (2.5, 20, FAILS)]
)
def test_four_times_is_met_by_three_quarters_of_it_and_by_more(ratio, width, verdict):
    dai = make_record("dai-sac", A, spread(100 * ratio + RANDOM, width))
    base = make_record("sac", A, spread(100 + RANDOM, width / 4))
    outcome = judges.ratio_above("dai-sac", "sac", A, "early", 0.75 * 4.0)(view(dai, base))
    assert outcome.verdict == verdict


@pytest.mark.parametrize(("ours", "theirs", "verdict"), [(1, 20, HOLDS), (20, 1, FAILS), (10, 10, UNDECIDED)])
def test_a_smaller_spread_across_seeds(ours, theirs, verdict):
    records = make_record("dai-sac", A, spread(0, ours)), make_record("sac", A, spread(50, theirs))
    outcome = judges.smaller_spread("dai-sac", "sac", [A], "final")(view(*records))
    assert outcome.verdict == verdict
    assert outcome.value == pytest.approx(ours / theirs)


@pytest.mark.parametrize(("dai", "verdict"), [(100, HOLDS), (90, FAILS), (95.5, UNDECIDED)])
def test_not_worse_than_the_base(dai, verdict):
    judge = judges.not_worse("dai-sac", "sac", [A], "final")
    outcome = judge(view(*pair(dai, 100, width=2)))
    assert outcome.verdict == verdict
    assert outcome.value == pytest.approx(dai - 100 + 0.05 * 100)


@pytest.mark.parametrize(
    ("dai", "base", "verdict"), [(300, 0, HOLDS), (300, -200, HOLDS), (-250, -200, FAILS), (0, 0, UNDECIDED)]
)
def test_not_worse_than_a_base_that_has_not_left_random_or_is_below_it(dai, base, verdict):
    """A ratio of returns above random would be undefined here."""
    outcome = judges.not_worse("dai-sac", "sac", [A], "final")(view(*pair(dai, base, width=10)))
    assert outcome.verdict == verdict
    assert outcome.value == pytest.approx(dai - base + 0.05 * abs(base))
    assert f"dai-sac {number(dai + RANDOM)}, sac {number(base + RANDOM)}, random {number(RANDOM)}" in outcome.note


@pytest.mark.parametrize(("best", "verdict"), [(120, HOLDS), (80, FAILS), (101, UNDECIDED)])
def test_exceeding_the_expert_on_a_task_compares_each_seed_with_its_own(best, verdict):
    """Two experts at 50 and 150; seeds follow their own, so only the surplus counts."""
    experts = [Expert("weak", 50.0, 1, "a"), Expert("strong", 150.0, 1, "b")]
    follow = lambda shift: (
        lambda seed, point, share: np.full(share.shape, shift + (50.0 if seed % 2 == 0 else 150.0) + (seed % 5 - 2))
    )
    records = [
        make_record("dai-sac", "one", follow(best - 100.0), experts=experts),
        make_record("dai-sac", "other", follow(-30.0), experts=experts),
    ]
    outcome = judges.exceeds_expert("dai-sac", ["one", "other"])(view(*records))
    assert outcome.verdict == verdict
    assert outcome.value == pytest.approx(best - 100)


def test_beating_on_most_tasks_with_none_reversed():
    tasks = [A, B, "Ant-v5"]
    judge = judges.beats("dai-sac", "sac", tasks, "auc", at_least=2)
    rows = lambda *gaps: [r for task, gap in zip(tasks, gaps, strict=True) for r in pair(100 + gap, 100, 5, task)]
    assert judge(view(*rows(20, 20, 0.5))).verdict == HOLDS
    assert judge(view(*rows(20, 20, -20))).verdict == FAILS
    assert judge(view(*rows(20, 0.5, 0.5))).verdict == UNDECIDED


def test_reaching_the_expert_counts_tasks():
    judge = judges.reaches_expert("a", [A, B], "final", 0.9, at_least=1)
    make = lambda value, task: make_record("a", task, spread(value, 0.5))
    verdict = lambda *records: judge(View(records, "paper", scale=lambda task: Scale(random=0.0, expert=100.0))).verdict
    assert verdict(make(95, A), make(20, B)) == HOLDS
    assert verdict(make(85, A), make(20, B)) == FAILS
    assert verdict(make(95, A)) == UNDECIDED
    of_fewer = judges.reaches_expert("a", [A], "final", 0.9, at_least=4)(
        View((make(95, A),), "paper", scale=lambda task: Scale(random=0.0, expert=100.0))
    )
    assert of_fewer.value == pytest.approx(0.95, abs=0.01)  # a reading of one task, asked for four of six


def test_no_variant_may_be_better_by_more_than_the_margin():
    judge = variant_judges.not_worse_than_variants("a", ("one", "other"), [A], "auc", 0.1)
    make = lambda value, variant="": make_record("a", A, spread(value + RANDOM, 0.5), variant=variant)
    assert judge(view(make(95), make(60, "one"), make(100, "other"))).verdict == HOLDS
    assert judge(view(make(95), make(60, "one"), make(120, "other"))).verdict == FAILS
    assert judge(view(make(95), make(60, "one"), make(100, "other"))).value == pytest.approx(95 - 100 + 10)
    assert ledger.judge(Claim("x", "X", "", "", "", "", judge), view(make(95), make(60, "one"))).verdict == UNDECIDED


@pytest.mark.parametrize(("main", "verdict"), [(95, HOLDS), (60, FAILS)])
def test_the_mean_of_the_variants_is_beaten_seed_by_seed(main, verdict):
    judge = variant_judges.beats_mean_of_variants("a", ("one", "other"), [A], "auc")
    wide = lambda value, variant="": make_record("a", A, spread(value, 40.0), variant=variant)
    outcome = judge(view(wide(main), wide(60, "one"), wide(100, "other")))
    assert (outcome.verdict, outcome.value) == (verdict, pytest.approx(main - 80))


@settings(max_examples=30, deadline=None)
@given(value=st.floats(-10, 10), width=st.floats(0, 5), threshold=st.floats(-10, 10))
def test_more_and_less_are_never_both_and_one_that_holds_refutes_the_other(value, width, threshold):
    interval = Interval(value, value - width, value + width, 10, "bootstrap", df=9.0)
    more, less = verdicts.above(interval, threshold).verdict, verdicts.below(interval, threshold).verdict
    assert HOLDS not in (more, less) or FAILS in (more, less)
    weak = Interval(value, value - width, value + width, 5, "t", df=4.0)
    assert verdicts.above(weak, threshold).verdict == verdicts.below(weak, threshold).verdict == UNDECIDED
