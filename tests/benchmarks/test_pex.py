"""PEX's table and claims: its arithmetic, what needs what, the gate, and verdicts from made-up records."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import pex
from benchmarks.cells import PRESETS, agents_file, cells_of
from benchmarks.pex_claims import ABLATED, ANTMAZE, BASELINES, CLAIMS, FREE, FRESH, GATE, LOCOMOTION, OFFLINE, SWEEP
from guided_rl.config import check
from guided_rl.errors import UserError
from guided_rl.methods import build
from guided_rl.reporting import claims
from guided_rl.reporting.claims import FAILS, HOLDS, UNDECIDED, View
from guided_rl.reporting.records import Expert
from guided_rl.reporting.scales import Scale, scale_of
from guided_rl.reporting.sources import digest
from tests.reporting.synthetic import make_record

TABLE = pex.TABLE
AGENTS = tuple(Expert("offline", 50.0, 1000, "c") for _ in range(10))
UNIT = lambda task: Scale(0.0, 100.0)


def test_preset_cpu_keeps_to_its_arithmetic():
    cells = cells_of(TABLE, "cpu")
    total = sum(cell.updates for cell in cells) / 1e6
    assert total == pytest.approx(39.6, abs=0.05)
    assert total <= 40
    assert f"together {total:.1f}" in pex.__doc__


def test_the_quick_preset_is_at_most_eight_programs():
    assert len(cells_of(TABLE, "quick")) <= 8


@pytest.mark.parametrize("preset", PRESETS)
def test_every_cell_can_run_and_stands_after_what_it_needs(preset):
    cells = cells_of(TABLE, preset)
    names = [cell.name for cell in cells]
    assert len(set(names)) == len(names)
    for number, cell in enumerate(cells):
        method = build(cell.config.method, cell.config.options)
        check(cell.config, method)
        assert (cell.config.dataset is not None) == method.needs_dataset, cell.name
        assert (cell.needs is not None) == method.needs_guide, cell.name
        if cell.needs is not None:
            earlier = [c for c in cells[:number] if c.config == cell.needs.config]
            assert len(earlier) == 1, cell.name
            assert cell.config.guide == f"offline:{agents_file(cell.needs.config)}"


def test_agents_are_traced_to_the_cell_that_trained_them_by_their_files_name():
    for cell in cells_of(TABLE, "cpu"):
        if cell.needs is not None:
            assert digest(cell.needs.config.to_json()) in cell.config.guide


def test_other_seeds_are_other_agents():
    pair = [next(c for c in cells_of(TABLE, "quick", seeds) if c.needs) for seeds in (3, 4)]
    assert pair[0].needs.config.seeds == 3
    assert pair[0].config.guide != pair[1].config.guide


def test_a_record_names_its_dataset_and_is_read_on_its_bodys_scale():
    assert scale_of("Walker2d-v5/medium") == scale_of("Walker2d-v5")
    assert "Walker2d-v5__medium__pex" in [cell.name for cell in cells_of(TABLE, "cpu")]


def level(value: float, spread: float = 1.0):
    return lambda seed, point, share: np.full(share.shape, value + spread * (seed - 4.5))


def records_of(gain: float = 10.0, offline: float = 50.0, free: float = 5.0, preset: str = "paper") -> list:
    """Records in which PEX is above direct by `gain`, and above its variants by `free`; twice that on AntMaze."""
    found = []
    behaviour = (Expert("medium", 60.0, 1000, "d"),)
    for task in LOCOMOTION + ANTMAZE:
        plus = gain * (2 if task in ANTMAZE else 1)
        add = lambda method, value, variant="", experts=AGENTS, task=task: found.append(
            make_record(method, task, level(value), variant=variant, experts=experts, table="pex", preset=preset)
        )
        add("iql-offline", offline, OFFLINE, behaviour)
        add("pex", offline + plus)
        add("direct", offline)
        add("buffer", offline - 5, experts=behaviour)
        if task in ABLATED:
            for method in BASELINES:
                add(method, offline)
            for variant in (FREE, FRESH):
                add("pex", offline + plus - free, variant)
            sweep = lambda seed, point, share: np.full(share.shape, 10 * np.log(point["inverse_temperature"]) + seed)
            grid = {"inverse_temperature": pex.KAPPA}
            found.append(make_record("pex", task, sweep, grid=grid, variant=SWEEP, table="pex", preset=preset))
    for task in dict.fromkeys(task.partition("/")[0] for task in LOCOMOTION + ANTMAZE):
        found.append(make_record("iql", task, level(10.0), table="pex", preset=preset))
    return found


def verdicts(records: list) -> dict[str, claims.Outcome]:
    view = View(tuple(records), "paper", UNIT)
    return {row.claim.id: row.outcome for row in claims.ledger(CLAIMS, view)}


def test_every_claim_of_the_specification_is_there_with_its_source():
    ids = [claim.id for claim in CLAIMS]
    assert len(set(ids)) == len(ids)
    for number in range(1, 7):
        assert any(i.startswith(f"pex/C{number}") for i in ids)
    assert all(claim.source and claim.metric and claim.threshold for claim in CLAIMS)


def test_records_that_do_what_the_paper_says_make_every_claim_hold():
    found = verdicts(records_of())
    assert {outcome.verdict for outcome in found.values()} == {HOLDS}, found
    assert found["pex/C1"].value == pytest.approx((9 * 10 + 4 * 20) / 13)
    assert found["pex/C2"].value == pytest.approx(10.0)
    assert found["pex/C4"].value == pytest.approx(5.0)


def test_no_gain_and_worse_ablations_do_not_hold():
    found = verdicts(records_of(gain=-10.0, free=-5.0))
    for name in ("C1", "C1.locomotion", "C1.antmaze", "C2", "C4", "C5", "C3"):
        assert found[f"pex/{name}"].verdict == FAILS, name


def test_an_incompetent_offline_policy_is_not_judged_and_says_why():
    records = records_of(offline=20.0)  # below half of the behaviour's 60, and below umaze's 50
    outcome = verdicts(records)["pex/C1"]
    assert (
        "offline policy not competent on HalfCheetah-v5/medium: 20.0 is below 30.0, 50% of its data's own"
        in outcome.note
    )
    assert "AntMaze-umaze/fixed: 20.0 is below 50.0" in outcome.note
    assert outcome.value == pytest.approx((3 * 10 + 2 * 20) / 5)  # random has no gate, and medium mazes need 20
    view = View(tuple(records), "paper", UNIT)
    assert GATE.reason(view, "HalfCheetah-v5/random") == ""
    nothing = verdicts([r for r in records if r.task in ABLATED])
    assert nothing["pex/C4"].verdict == UNDECIDED
    assert "not competent" in nothing["pex/C4"].note


def test_few_seeds_and_missing_tasks_give_no_verdict():
    fewer = lambda r: make_record(
        r.method, r.task, level(50.0), variant=r.variant, seeds=range(5), experts=r.experts, table="pex"
    )
    few = [fewer(r) if r.task in ANTMAZE else r for r in records_of()]
    found = verdicts(few)
    assert found["pex/C1"].verdict == found["pex/C2"].verdict == UNDECIDED
    assert found["pex/C1.locomotion"].verdict == HOLDS
    part = verdicts([r for r in records_of() if not r.task.startswith("Hopper")])
    assert part["pex/C1.locomotion"].verdict == UNDECIDED
    assert "not run on Hopper-v5/random, Hopper-v5/medium, Hopper-v5/medium-replay" in part["pex/C1.locomotion"].note


def test_what_is_kept_early_says_where_it_was_read():
    rare = [
        make_record(r.method, r.task, level(60.0), variant=r.variant, experts=r.experts, table="pex", evaluations=10)
        for r in records_of()
    ]
    said = "read at 10 % of the budget, where the evaluation nearest to 5 % lies"
    assert said in verdicts(rare)["pex/C3"].note
    assert said not in verdicts(records_of())["pex/C3"].note


def test_kappa_that_changes_nothing_does_not_matter():
    same = [
        make_record("pex", task, level(50.0), grid={"inverse_temperature": pex.KAPPA}, variant=SWEEP)
        for task in ABLATED
    ]
    assert verdicts(same)["pex/C6"].verdict == UNDECIDED


def test_a_dataset_task_that_does_not_exist_is_named():
    with pytest.raises(UserError, match="did you mean HalfCheetah-v5"):
        cells_of(TABLE, "cpu", tasks=("HalfCheeta-v5",))


def test_cells_are_chosen_by_pattern():
    chosen = [cell.name for cell in cells_of(TABLE, "cpu", names=("Hopper-v5__medium__*", "Walker2d-v5__iql"))]
    methods = ("iql-offline__offline", "pex", "direct", "buffer")
    assert chosen == [*(f"Hopper-v5__medium__{method}" for method in methods), "Walker2d-v5__iql"]


def test_a_pattern_that_no_cell_matches_is_named():
    with pytest.raises(UserError, match="did you mean Walker2d-v5__iql"):
        cells_of(TABLE, "cpu", names=("Walker2d__iql",))


def test_offline_scores_stand_beside_published_ones_on_d4rls_scale():
    task, scale = "HalfCheetah-v5/medium", scale_of("HalfCheetah-v5")
    offline = make_record("iql-offline", task, variant=OFFLINE, experts=(Expert("medium", 80.0, 10, "c"),))
    shown = TABLE.published([offline, make_record("pex", task)], "title")
    ((name, *_, published),) = shown.rows
    assert name == task and "48.3 ± 0.2 (CORL" in published
    assert shown.data[0]["d4rl"] == pytest.approx(scale.normalise_d4rl(100.0))
    assert shown.data[0]["data"] == pytest.approx(scale.normalise_d4rl(80.0))
