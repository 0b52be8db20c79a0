"""SAC-EO's table and claims: what is run at each preset, and that the claims judge what they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import sac_eo
from benchmarks.cells import PRESETS, cells_of, sweep_cell
from benchmarks.sac_eo_claims import ABLATION_TASKS, CLAIMS, FIXED, TASKS
from guided_rl import methods
from guided_rl.config import check
from guided_rl.envs import TASKS as TWINNED
from guided_rl.reporting import claims
from guided_rl.reporting.claims import ELSEWHERE, FAILS, HOLDS, TESTED, UNDECIDED, Row, View
from guided_rl.reporting.scales import Scale
from tests.reporting.synthetic import make_record

AS_CLAIMED = {"sac": 600, "sac-eo": 950, "modified-bco": 200}


def level(value: float):
    return lambda seed, point, share: value + 0.5 * (seed % 10 - 4.5) + 5 * share


def rows_of(preset: str, experts: Callable[[str], float] = lambda task: 1000, **changed) -> list[Row]:
    numbers = {**AS_CLAIMED, **changed}
    settings = {"table": "sac-eo", "preset": preset}
    records = [make_record(m, task, level(numbers[m]), **settings) for m in AS_CLAIMED for task in TASKS]
    records += [
        make_record("sac-eo", task, level(900), variant=variant, **settings)
        for variant in FIXED
        for task in ABLATION_TASKS
    ]
    return claims.ledger(CLAIMS, View(tuple(records), preset, lambda task: Scale(random=0.0, expert=experts(task))))


def verdicts(preset: str, **changed) -> tuple[dict[str, str], dict[str, str]]:
    rows = rows_of(preset, **changed)
    return (
        {row.claim.id.partition("/")[2]: row.outcome.verdict for row in rows},
        {row.claim.id.partition("/")[2]: row.twin.verdict for row in rows if row.twin is not None},
    )


def test_what_was_claimed_holds_where_it_is_so():
    found, _ = verdicts("paper")
    expected = {"E1": HOLDS, "E2": HOLDS, "E3": HOLDS, "E4": UNDECIDED, "E5": HOLDS, "E6": TESTED, "E7": TESTED}
    assert found == expected


@pytest.mark.parametrize(
    "changed, broken",
    [
        ({"sac": 990}, {"E1"}),
        ({"sac-eo": 850, "sac": 500}, {"E2", "E5"}),
        ({"modified-bco": 990}, {"E3"}),
    ],
)
def test_what_was_claimed_fails_where_it_is_not_so(changed, broken):
    found, _ = verdicts("paper", **changed)
    assert {claim for claim, verdict in found.items() if verdict == FAILS} == broken


def test_poor_experts_decide_nothing():
    found, _ = verdicts("paper", experts=lambda task: 250)
    assert {found[claim] for claim in ("E1", "E2", "E3", "E5")} == {UNDECIDED}


def test_a_poor_expert_leaves_its_claims_undecided_and_the_other_tasks_shown():
    rows = rows_of("paper", experts=lambda task: 250 if task == "hopper-hop" else 1000)
    e1, e2, e3, _, e5, *_ = (row.outcome for row in rows)
    assert [e.verdict for e in (e1, e2, e3, e5)] == [UNDECIDED] * 3 + [HOLDS]
    assert e1.value == pytest.approx(350, abs=1)
    assert "below 300 of 1,000 on hopper-hop (250); elsewhere: cheetah-run" in e1.note
    assert "hopper-hop" not in e1.note.partition("elsewhere")[2]


def test_at_reduced_scale_only_the_twins_are_judged():
    found, twins = verdicts("cpu")
    assert {found[claim] for claim in twins} == {ELSEWHERE}
    assert twins["E1"] == HOLDS


@pytest.mark.parametrize("preset", PRESETS)
def test_every_cell_can_run_and_has_a_name_of_its_own(preset):
    cells = sac_eo.cells(preset)
    assert len({cell.name for cell in cells}) == len(cells)
    for cell in cells:
        method = methods.build(cell.config.method, cell.config.options)
        check(cell.config, method)
        assert cell.config.task in TWINNED
        assert not method.random_warmup
        assert method.needs_dataset == (cell.config.dataset is not None)


def test_the_arithmetic_at_the_head_of_the_table():
    total = sum(cell.updates for cell in sac_eo.cells("cpu")) / 1e6
    assert total == pytest.approx(38.0)
    assert "together 38.0" in sac_eo.__doc__
    assert len(sac_eo.cells("quick")) <= 8


@pytest.mark.parametrize("preset", PRESETS)
def test_the_beta_sweep_is_the_first_half_of_whole_runs(preset):
    half, whole = sac_eo.beta_sweep(preset, "cheetah-run").config, sac_eo.cell(preset, "sac-eo").config
    assert half.steps == whole.steps / 2
    assert round(half.warmup * half.steps) == round(whole.warmup * whole.steps)
    assert sac_eo.TABLE.ours[0].unscheduled


@pytest.mark.parametrize("preset", PRESETS)
def test_the_beta_sweep_runs_alone_at_every_preset(preset):
    alone = sweep_cell(sac_eo.TABLE, "beta", preset, "cheetah-run")
    check(alone.config, methods.build(alone.config.method, alone.config.options))
    assert alone.config.grid == {"beta": sac_eo.BETAS}
    if preset in ("cpu", "paper"):
        assert alone in cells_of(sac_eo.TABLE, preset)
