"""Cells that differ in more than what a comparison is about are never compared."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.claims import judges, ledger
from benchmarks.claims.ledger import ELSEWHERE, HOLDS, UNDECIDED, Claim, View
from benchmarks.report.replacements import Replacement, replacements_table
from guided_rl.config import RunConfig
from guided_rl.results import summary_tables
from guided_rl.results.likeness import BASE, unlike
from guided_rl.results.scales import Scale
from tests.results.synthetic import constant, make_record

TASK = "HalfCheetah-v5"
WHOLE = RunConfig(task=TASK, steps=1000).to_json()


def cell(method: str, height: float, preset: str = "cpu", variant: str = "", **settings):
    curve = lambda seed, point, share: constant(height)(seed, point, share) + seed
    return make_record(method, TASK, curve, preset=preset, variant=variant, config={**WHOLE, **settings})


def claim(**options) -> Claim:
    return Claim("x/1", "X", "s", "s", "m", "t", judges.beats("dai-sac", "sac", [TASK], "auc", 1), **options)


def judged(*records, preset: str = "cpu", **options):
    return ledger.judge(claim(**options), View(records, preset, lambda task: Scale(random=0.0)))


def test_base_settings_are_all_that_no_comparison_is_about():
    assert {"hidden", "batch", "steps", "activation", "warmup", "critic_layer_norm", "episodes"} <= set(BASE)
    assert not {"task", "method", "hparams", "options", "seeds", "physics"} & set(BASE)


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden": [256, 256]},
        {"batch": 256},
        {"activation": "tanh"},
        {"critic_layer_norm": True},
        {"timeout_is_terminal": True},
        {"episodes": 5},
    ],
)
def test_a_claim_between_cells_of_other_base_settings_is_not_judged_unless_it_is_about_them(settings):
    records = cell("dai-sac", 200), cell("sac", 100, **settings)
    found = judged(*records)
    (name,) = settings
    assert found.verdict == UNDECIDED and f"cells were made with other settings: {name} " in found.note
    assert judged(*records, across=(name,)).verdict == HOLDS
    assert not summary_tables.gains_table(records, [("dai-sac", "sac")], "Gains").rows
    assert any(name in note for note in summary_tables.gains_table(records, [("dai-sac", "sac")], "Gains").notes)


def test_what_is_the_methods_own_or_only_asked_for_stops_no_comparison():
    assert not unlike([cell("a", 0, warmup=0.01), cell("b", 0, warmup=None, seeds=7, hparams={"tau": 0.1})])
    assert unlike([cell("a", 0, warmup=0.01), cell("b", 0, warmup=0.1)]) == ["warmup 0.01 or 0.1"]
    assert judged(cell("dai-sac", 200), cell("sac", 100), cell("td3", 0, hidden=[8])).verdict == HOLDS


def test_a_fixed_setting_of_other_networks_is_left_out_of_what_ours_replaces():
    records = [cell("ours", 200), cell("sac", 100), cell("sac", 300, variant="wide", hidden=[256])]
    table = replacements_table(records, [Replacement("ours", "sac", ("wide",))], "Ours")
    assert {row["best"] for row in table.data} == {"the default"}
    assert any("sac (wide) on" in note and "hidden" in note for note in table.notes)


def columns(*views: View, **options):
    (row,) = ledger.ledger([claim(**options.pop("claim", {}))], *views, **options)
    return row


def views(**heights: float) -> list[View]:
    """One view of each preset, whose DAI is at this height, and SAC at 100."""
    scale = lambda task: Scale(random=0.0)
    return [View((cell("dai-sac", h, p), cell("sac", 100, p)), p, scale) for p, h in heights.items()]


def test_each_scale_is_judged_in_a_column_of_its_own():
    row = columns(*views(cpu=200, long=50, paper=101))
    verdicts = [outcome.verdict for outcome in (row.outcome, row.long, row.twin)]
    assert verdicts == [HOLDS, ledger.FAILS, HOLDS]
    row = columns(*views(cpu=50, long=200))
    assert (row.outcome.verdict, row.long.verdict) == (ELSEWHERE, HOLDS)
    assert columns(*views(quick=200)).long is None and columns(*views(paper=200)).twin is None


def test_long_is_the_papers_scale_where_the_networks_are_the_papers():
    row = columns(*views(cpu=50, long=200), paper_networks=True)
    assert (row.outcome.verdict, row.long, row.twin.verdict) == (HOLDS, None, ledger.FAILS)


def test_a_claim_without_cells_at_long_is_not_run_there_and_its_own_judge_is_asked_of_every_scale():
    scale = lambda task: Scale(random=0.0)
    cpu, long = views(cpu=200, long=200)
    empty = dataclasses.replace(long, records=(cell("td3", 0, "long"),))
    assert columns(cpu, empty).long.verdict == ELSEWHERE
    whole = judges.at_full_steps(claim().judge, [("dai-sac", TASK, "")], 1000)
    assert columns(cpu, long, claim={"at_scale": whole}).outcome.verdict == HOLDS
    assert columns(cpu, empty, claim={"at_scale": whole}).outcome.verdict == HOLDS
    short = View(tuple(dataclasses.replace(r, config={**r.config, "steps": 10}) for r in cpu.records), "cpu", scale)
    assert columns(short, empty, claim={"at_scale": whole}).outcome.verdict == ELSEWHERE
