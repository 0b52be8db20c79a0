"""PEX's table and claims: its arithmetic, what needs what, the gate, and verdicts from made-up records."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.claims import ledger
from benchmarks.claims.ledger import FAILS, HOLDS, UNDECIDED, View
from benchmarks.papers.pex import table as pex
from benchmarks.papers.pex.claims import (
    ABLATED,
    ANTMAZE,
    BASELINES,
    BETA_SETS,
    CLAIMS,
    FREE,
    FRESH,
    GATE,
    LOCOMOTION,
    LONG_MAZES,
    OFFLINE,
    README,
    README_SET,
    SWEEP,
)
from benchmarks.runner.cells import PRESETS, agents_file, cells_of
from guided_rl.config import check
from guided_rl.methods import build
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale, scale_of
from guided_rl.results.sources import digest
from guided_rl.runtime.errors import UserError
from tests.results.synthetic import make_record

TABLE = pex.TABLE
AGENTS = tuple(Expert("offline", 50.0, 1000, "c") for _ in range(10))
UNIT = lambda task: Scale(0.0, 100.0)


def test_preset_cpu_keeps_to_its_arithmetic():
    cells = cells_of(TABLE, "cpu")
    beyond = {cell.name for cell in (*pex.other_beta("cpu"), *pex.varied("cpu", README_SET, README, {}))}
    total, more = (
        sum(cell.updates for cell in cells if (cell.name in beyond) == chosen) / 1e6 for chosen in (False, True)
    )
    assert total == pytest.approx(39.6, abs=0.05)
    assert total <= 40
    assert f"together {total:.1f}" in pex.__doc__
    assert more == pytest.approx(5.6)
    assert f"= {more:.1f}," in pex.__doc__


def test_preset_long_keeps_to_its_arithmetic_and_its_shards_to_90_minutes():
    cells = pex.cells("long")
    of = lambda *chosen: sum(cell.updates for cell in cells if cell.config.task.startswith(chosen)) / 1e6
    assert (of("AntMaze"), of(*pex.BODIES)) == (35.0, 210.0)
    assert "= 35\n" in pex.__doc__ and "together 245." in pex.__doc__
    for cell in cells:
        config = cell.config
        assert (config.hidden, config.batch, config.seeds) == ((64, 64), 128, 10)
        rates = {name for name in config.hparams if name.endswith("_lr") or name == "tau"}
        assert not rates, cell.name  # the paper's, which are the methods' own
        if config.method == "iql-offline":
            assert config.steps == 1_000_000 and cell.seeds_per_shard is None
            continue
        maze = config.task.startswith("AntMaze")
        assert config.steps == (250_000 if maze else 1_000_000)
        slow = 250 if maze else 600  # updates a second on a slow machine
        assert cell.seeds_per_shard * config.steps / slow <= 90 * 60


def test_long_goes_offline_first_where_the_gate_decides_and_warms_up_as_long_as_the_paper():
    first, second, *others = pex.cells("long")
    assert [c.name for c in (first, second)] == [
        "AntMaze-umaze__fixed__iql-offline__offline",
        "AntMaze-medium__play__iql-offline__offline",
    ]
    online = next(c for c in others if c.config.task == "AntMaze-umaze")
    assert online.needs.config == first.config
    assert online.config.warmup * online.config.steps == 5_000
    assert first.config.dataset == "fixed"  # all of D4RL's million rows


@pytest.mark.parametrize(("preset", "main", "other"), [("cpu", 3.0, 10.0), ("long", 10.0, 3.0), ("paper", 10.0, 3.0)])
def test_both_betas_are_there_and_the_agents_have_the_learners(preset, main, other):
    cells = pex.cells(preset)
    beta = lambda cell: cell.config.hparams.get("awr_temperature", 3.0)
    for name in BETA_SETS:
        for variant, value in (("", main), (f"β {other:g}", other)):
            found = [c for c in cells if f"{c.config.task}/{c.setting}" == name and c.variant == variant]
            methods = {c.config.method: c for c in found}
            assert {"pex", "direct"} <= set(methods)
            for method in ("pex", "direct"):
                assert beta(methods[method]) == beta(methods[method].needs) == value
                assert methods[method].needs.config in [c.config for c in cells]
    mazes = [c for c in cells if "Maze" in c.config.task and c.config.method in ("pex", "iql-offline")]
    assert {beta(c) for c in mazes} == {10.0}
    if preset != "long":
        readme = next(c for c in cells if c.variant == README and c.config.method == "pex")
        assert (readme.config.task, readme.setting) == ("HalfCheetah-v5", "random")
        assert readme.config.hparams.items() >= {"expectile": 0.9, "awr_temperature": 10.0}.items()
        assert readme.needs.config.hparams == readme.config.hparams
    awac = [c for c in cells if c.config.method.startswith("awac")]
    assert not any("awr_temperature" in c.config.hparams for c in awac)  # its λ is another


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
        assert (cell.config.dataset is not None) == method.needs.dataset, cell.name
        assert (cell.needs is not None) == method.needs.guide, cell.name
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
        add = lambda method, value, variant="", experts=AGENTS, task=task, **more: found.append(
            make_record(
                method, task, level(value), variant=variant, experts=experts, table="pex", preset=preset, **more
            )
        )
        add("iql-offline", offline, OFFLINE, behaviour)
        add("pex", offline + plus)
        add("direct", offline)
        if task in BETA_SETS:
            more = {"config": {"hparams": {"awr_temperature": 10.0}}}
            add("iql-offline", offline, f"{OFFLINE}, β 10", behaviour, **more)
            add("pex", offline + plus + 3, "β 10", **more)
            add("direct", offline, "β 10", **more)
        if task == README_SET:
            add("pex", offline + plus + 7, README)
            add("direct", offline, README)
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


def verdicts(records: list) -> dict[str, ledger.Outcome]:
    view = View(tuple(records), "paper", UNIT)
    return {row.claim.id: row.outcome for row in ledger.ledger(CLAIMS, view)}


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
    assert found["pex/C1.beta3"].value == pytest.approx(10.0)
    assert found["pex/C1.beta10"].value == pytest.approx(13.0)
    assert found["pex/C1.readme"].value == pytest.approx(17.0)


def test_claims_about_beta_find_it_by_its_value_whichever_row_is_the_main_one():
    """At presets long and paper the main rows have β 10 and the variants 3."""
    turned = []
    for record in records_of():
        if record.task in BETA_SETS and record.variant in ("", OFFLINE):
            record = dataclasses.replace(record, config={**record.config, "hparams": {"awr_temperature": 10.0}})
        elif "β 10" in record.variant:
            variant = record.variant.replace("β 10", "β 3")
            record = dataclasses.replace(record, variant=variant, config={**record.config, "hparams": {}})
        turned.append(record)
    found = verdicts(turned)
    assert found["pex/C1.beta3"].value == pytest.approx(13.0)
    assert found["pex/C1.beta10"].value == pytest.approx(10.0)
    none = verdicts([r for r in turned if "β 3" not in r.variant])
    assert none["pex/C1.beta3"].verdict not in (HOLDS, FAILS)
    assert "not run on HalfCheetah-v5/medium-replay" in none["pex/C1.beta3"].note


def test_what_preset_long_runs_decides_the_claims_about_its_part():
    ran = {f"{cell.config.task}/{cell.setting}" for cell in pex.cells("long")}
    assert ran == {*BETA_SETS, *LONG_MAZES}
    found = verdicts([r for r in records_of() if r.task in ran])
    decided = {name.removeprefix("pex/") for name, outcome in found.items() if outcome.verdict == HOLDS}
    assert decided >= {"C1.mazes", "C1.mazes.buffer", "C1.replay.buffer", "C1.beta3", "C1.beta10", "C3.part"}
    assert not decided & {"C1", "C1.locomotion", "C1.antmaze", "C2", "C3"}


def test_a_claim_that_spans_antmaze_says_first_that_it_says_nothing_about_it():
    """Umaze needs 50 and medium mazes 20; locomotion half of its data's own."""
    low = [
        make_record(r.method, r.task, level(15.0), variant=OFFLINE, experts=r.experts, table="pex")
        if r.variant == OFFLINE and r.task in ANTMAZE
        else r
        for r in records_of()
    ]
    found = verdicts(low)
    for name in ("C1", "C1.buffer'", "C3"):
        note = found[f"pex/{name}"].note
        assert note.startswith("judged without 4 of 1"), note
        assert "so that it says nothing about AntMaze; " in note
        assert found[f"pex/{name}"].verdict == HOLDS
    for name in ("C1.antmaze", "C2"):
        assert found[f"pex/{name}"].verdict == UNDECIDED
        assert "offline policy not competent on AntMaze-umaze/fixed: 15.0 is below 50.0" in found[f"pex/{name}"].note
    assert not verdicts(records_of())["pex/C1"].note.startswith("judged without")


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
