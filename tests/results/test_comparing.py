"""Competitors are judged by intervals that err as often as they say, and the answer says what the table does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from guided_rl.results.comparing import BETTER, SAME, WORSE, answer, differences_table, judge, probability
from guided_rl.results.records import Expert
from guided_rl.results.statistics import Sample
from tests.results.synthetic import make_record

EXPERT = Expert("bc", 900.0, 1000, "c")


def competitors(shift: float, seeds: int = 20, noise: float = 10.0, base_seed: int = 0):
    """Two methods whose seeds are normal around 100 and around 100 + `shift`, whatever the step."""
    draw = lambda number: np.random.default_rng(100 * base_seed + number).normal(0, noise, 1000)
    curve = lambda centre, number: lambda seed, point, share: np.full(share.shape, centre + draw(number)[seed])
    base = make_record("sac", "task", curve(100.0, 1), seeds=range(seeds))
    guided = make_record("dai-sac", "task", curve(100.0 + shift, 2), seeds=range(seeds), experts=[EXPERT])
    return [base, guided]


@pytest.mark.parametrize(("shift", "verdict"), [(30.0, BETTER), (-30.0, WORSE), (0.0, SAME)])
def test_a_clear_difference_is_found_and_none_is_not(shift, verdict):
    rows = judge(competitors(shift))
    assert rows[0].gain is None and rows[1].verdict == verdict
    assert rows[1].gain.contains(shift) and (rows[1].needed is None) == (verdict != SAME)


def test_fewer_than_ten_seeds_give_no_verdict():
    rows = judge(competitors(500.0, seeds=5))
    assert rows[1].verdict == SAME and "too few" in answer(rows, "auc")


def test_the_answer_says_whether_guidance_helped():
    assert answer(judge(competitors(30.0)), "auc").startswith("Guidance helped: above sac in AUC is dai-sac by ")
    assert answer(judge(competitors(-30.0)), "auc").startswith("Guidance hurt: below sac in AUC is dai-sac by ")
    assert answer(judge(competitors(0.0)), "final") == "No verdict: nothing is separated from sac in final return."


def test_the_answer_speaks_of_guidance_only_where_a_guided_method_stands_beside_a_base():
    base, guided = competitors(30.0)
    plain = dataclasses.replace(guided, method="td3", experts=())
    assert answer(judge([base, plain]), "auc").startswith("Above sac in AUC is td3 by ")
    assert answer(judge([guided, base]), "auc").startswith("Below dai-sac in AUC is sac by ")
    both = answer(judge([base, guided, plain]), "auc")
    assert both.startswith("Guidance helped: above sac in AUC is dai-sac") and "td3" not in both


def test_a_verdict_errs_in_five_per_cent_of_comparisons():
    """200 comparisons of what is the same: about ten are called different, 95 % of the time four to seventeen."""
    wrong = sum(judge(competitors(0.0, base_seed=k))[1].verdict != SAME for k in range(200))
    assert 3 <= wrong <= 18


def test_a_lower_level_asks_for_more():
    records = competitors(9.0, base_seed=3)
    plain, strict = judge(records)[1], judge(records, level=1e-6)[1]
    assert plain.p == strict.p and strict.verdict == SAME and strict.gain.half_width > plain.gain.half_width


def test_probability_of_improvement_counts_pairs():
    a, b = Sample(np.arange(10.0) + 0.5), Sample(np.arange(10.0))
    found = probability(a, b)
    pairs = np.mean([(x > y) + 0.5 * (x == y) for x in a.values for y in b.values])
    assert found.value == pytest.approx(pairs) and 0 <= found.low < found.value < found.high <= 1
    assert probability(b, b).value == 0.5


def test_the_table_says_how_many_seeds_a_verdict_needs():
    table = differences_table(judge(competitors(3.0)), "auc")
    (row,) = table.rows
    assert row[0] == "dai-sac" and row[3] == SAME and row[4].endswith("seeds")
