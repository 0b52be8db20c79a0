"""Verdicts: each of them from made-up records with known gains."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.claims import judges, ledger
from benchmarks.claims.ledger import ELSEWHERE, FAILS, HOLDS, MORE_EXPERTS, TESTED, UNDECIDED, Claim
from benchmarks.report.claims_table import claims_table
from tests.benchmarks.claims.views import CLONE, RANDOM, A, B, pair, spread, view
from tests.results.synthetic import constant, make_record


@pytest.mark.parametrize(
    ("dai", "width", "seeds", "verdict"),
    [
        (300, 5, 10, HOLDS),
        (200, 5, 10, FAILS),
        (260, 60, 10, UNDECIDED),
        (300, 5, 9, UNDECIDED),
    ],
)
def test_a_mean_gain_over_160_per_cent(dai, width, seeds, verdict):
    judge = judges.mean_gain("dai-sac", "sac", [A], "early", 1.6)
    outcome = judge(view(*pair(dai, 100, width, seeds=seeds)))
    assert outcome.verdict == verdict
    if seeds == 10:
        assert outcome.value == pytest.approx(dai / 100 - 1, rel=0.02)
    else:
        assert "fewer than 10" in outcome.note


def test_readings_of_an_average_that_disagree_are_undecided():
    """Ratios 9 and 1 average to a gain of 4; of sums 90 + 1000 over 10 + 1000 the gain is 0.08."""
    judge = judges.mean_gain("dai-sac", "sac", [A, B], "final", 1.6)
    outcome = judge(view(*pair(90, 10, 0.1), *pair(1000, 1000, 0.1, task=B)))
    assert outcome.value == pytest.approx(4.0, rel=0.01)
    assert outcome.verdict == UNDECIDED
    assert "disagree" in outcome.note
    assert "ratio of averages +8 %" in outcome.note


def test_a_task_that_was_not_run_leaves_a_claim_undecided_but_shows_the_rest():
    outcome = judges.mean_gain("dai-sac", "sac", [A, B], "early", 1.6)(view(*pair(500, 100)))
    assert (outcome.verdict, round(outcome.value, 1)) == (UNDECIDED, 4.0)
    assert f"not run on {B}" in outcome.note


def test_no_cells_is_undecided_with_the_reason():
    claim = Claim("x/1", "X", "s", "s", "m", "t", judges.mean_gain("dai-sac", "sac", [A], "early", 1.6))
    outcome = ledger.judge(claim, view())
    assert (outcome.value, outcome.verdict) == (None, UNDECIDED)
    assert "no cells of dai-sac and sac" in outcome.note


def test_a_base_at_random_leaves_a_ratio_undefined_and_the_claim_undecided():
    outcome = judges.mean_gain("dai-sac", "sac", [A], "early", 1.6)(view(*pair(500, 1, width=20)))
    assert (outcome.value, outcome.verdict) == (None, UNDECIDED)
    assert "undefined" in outcome.note


def test_the_executed_mixture_stands_in_the_note_and_never_decides():
    curves = {"policy": constant(100.0 + RANDOM), "mixture": constant(900.0 + RANDOM)}
    records = make_record("dai-sac", A, curves), make_record("sac", A, spread(100 + RANDOM, 1))
    outcome = judges.mean_gain("dai-sac", "sac", [A], "early", 1.6)(view(*records))
    assert outcome.verdict == FAILS
    assert "executed mixture +800 % [" in outcome.note


def test_a_task_whose_experts_fall_short_is_left_out_and_named():
    weak = [dataclasses.replace(CLONE, episode_return=7_000.0)]
    poor = [make_record("dai-sac", A, spread(500, 1), experts=weak), make_record("sac", A, spread(0, 1))]
    judge = judges.beats("dai-sac", "sac", [A, B], "final", at_least=2)
    outcome = judge(view(*poor, *pair(100, 50, task=B)))
    assert (outcome.verdict, outcome.value) == (HOLDS, pytest.approx(50))
    assert f"{A}, where the experts of dai-sac return 7,000, below 8,000" in outcome.note
    with pytest.raises(ledger.Missing, match="no task has fit experts"):
        judges.beats("dai-sac", "sac", [A], "final", at_least=1)(view(*poor))


def test_a_claim_that_no_number_of_seeds_decides_says_so():
    """Three experts 100 apart, a difference of 30 from the base: the standard error's floor is some 58."""
    experts = [dataclasses.replace(CLONE, checksum=str(number)) for number in range(3)]
    by_expert = lambda seed, point, share: np.full(share.shape, 30.0 + 100.0 * (seed % 3 - 1) + seed // 3)
    records = (
        make_record("dai-sac", A, by_expert, seeds=range(12), experts=experts),
        make_record("sac", A, spread(0, 3)),
    )
    judge = judges.beats("dai-sac", "sac", [A], "final", at_least=1)
    outcome = judge(view(*records))
    assert outcome.verdict == MORE_EXPERTS and outcome.seeds is None
    assert "no number of seeds decides this: with 3 experts the standard error's floor is 57.7" in outcome.note
    few = judge(view(*pair(105, 100, width=12)))
    assert few.verdict == UNDECIDED and 10 < few.seeds < 100
    assert f"a verdict needs some {few.seeds} seeds" in few.note


def test_holms_correction_is_over_the_tested_claims_of_one_paper():
    judge = lambda gap: judges.beats("dai-sac", "sac", [A], "final", 1) if gap else None
    same = lambda name, paper="X": Claim(name, paper, "s", "s", "m", "t", judge(1))
    built = Claim("x/T", "X", "s", "s", "m", "t", test="tests/a.py::b")
    names = [same(f"x/{number}") for number in range(4)]
    weak = view(*pair(104, 100, width=5))  # p is some 2 %
    alone, among = ledger.ledger([same("y/1", "Y")], weak)[0].outcome, ledger.ledger([*names, built], weak)
    assert (alone.verdict, alone.verdict_holm, alone.p) == (HOLDS, HOLDS, alone.p_holm)
    assert 0.05 / 4 < alone.p < 0.05
    assert {(row.outcome.verdict, row.outcome.verdict_holm) for row in among[:4]} == {(HOLDS, UNDECIDED)}
    assert among[4].outcome.verdict_holm is None
    table = claims_table(among, [weak], "Claims")
    assert table.rows[0][2].endswith("Holm: undecided") and "Holm" not in table.rows[4][2]
    assert table.data[0]["outcome"]["p_holm"] == pytest.approx(4 * alone.p)


@pytest.mark.parametrize(("guide", "verdict"), [("local", HOLDS), ("local,shift=0.4", UNDECIDED)])
def test_what_seeds_share_hides_no_likeness_where_the_guide_is_the_same(guide, verdict):
    """Seeds differ by far more than the margin, the two methods by nothing on the same seed."""
    records = [make_record(m, A, spread(0, 90), config={"guide": g}) for m, g in (("pag", "local"), ("sag", guide))]
    assert judges.about_equal("pag", "sag", [A], "auc", 0.25)(view(*records)).verdict == verdict


@pytest.mark.parametrize(
    "judge",
    [
        judges.mean_gain("dai-sac", "sac", [A], "at:0.05", 1.6),
        judges.gain_on_each("dai-sac", "sac", [A], "at:0.05", 1.6),
        judges.beats("dai-sac", "sac", [A], "at:0.05", 1),
        judges.not_worse("dai-sac", "sac", [A], "at:0.05"),
        judges.not_worse_on_average("dai-sac", "sac", [A], "at:0.05"),
        judges.about_equal("dai-sac", "sac", [A], "at:0.05", 0.25),
        judges.smaller_spread("dai-sac", "sac", [A], "at:0.05"),
    ],
)
def test_an_outcome_says_where_it_was_read_if_that_is_not_where_the_claim_is_about(judge):
    said = "read at 10 % of the budget, where the evaluation nearest to 5 % lies"
    rare = [make_record(m, A, spread(200, 5), evaluations=10) for m in ("dai-sac", "sac")]
    assert said in judge(view(*rare)).note
    assert "read at" not in judge(view(*pair(300, 100))).note


def test_failed_seeds_are_named_in_the_note():
    records = pair(500, 100, failed={"3/0": 70})
    outcome = judges.mean_gain("dai-sac", "sac", [A], "early", 1.6)(view(*records))
    assert outcome.verdict == UNDECIDED
    assert "dai-sac on HalfCheetah-v5: seeds 3" in outcome.note


def test_only_the_paper_preset_judges_a_claim_and_others_only_its_twin():
    claim = Claim("dai/D1", "DAI", "s", "s", "m", "t", judges.mean_gain("dai-sac", "sac", [A], "early", 1.6))
    mechanism = Claim("dai/D7", "DAI", "s", "s", "m", "t", test="tests/methods/test_dai.py::test_x")
    records = pair(500, 100)
    paper, built = ledger.ledger([claim, mechanism], view(*records))
    assert (paper.outcome.verdict, paper.twin) == (HOLDS, None)
    assert (built.outcome.verdict, built.outcome.note) == (TESTED, mechanism.test)
    reduced = ledger.ledger([claim], view(*records, preset="cpu"))[0]
    assert (reduced.outcome.verdict, reduced.twin.verdict) == (ELSEWHERE, HOLDS)
    assert reduced.outcome.value is None
    assert claim.twin == "dai/D1~"


def test_a_claim_judged_at_its_own_scale_and_at_a_reduced_one_tells_the_tasks_of_both():
    judge = judges.mean_gain("dai-sac", "sac", [A], "early", 1.6)
    both = Claim("dai/D1", "DAI", "s", "s", "m", "t", judge, at_scale=judge)
    reduced = dataclasses.replace(both, id="dai/D2", at_scale=None)
    reduced_scale = view(*pair(500, 100), preset="cpu")
    rows = ledger.ledger([both, reduced], reduced_scale)
    told = [note.partition(":")[0] for note in claims_table(rows, [reduced_scale], "Claims").notes]
    assert [name for name in told if name.startswith("dai/")] == ["dai/D1", "dai/D1~", "dai/D2~"]


def test_sweeps_and_variants_are_not_the_main_cell():
    main = pair(500, 100)
    sweep = make_record("dai-sac", A, constant(0.0), grid={"t_change": (0.1, 0.5)}, variant="t_change sweep")
    weak = make_record("dai-sac", A, constant(0.0), variant="expert 50 %")
    assert view(*main, sweep, weak).find("dai-sac", A) is main[0]
    with pytest.raises(ledger.Missing, match="2 cells claim to be"):
        view(*main, main[0]).find("dai-sac", A)


def test_a_claim_needs_a_judge_or_a_test():
    with pytest.raises(ValueError, match="either a judge or a test"):
        Claim("x", "X", "", "", "", "")
