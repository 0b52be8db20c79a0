"""PEX's table: its arithmetic, what needs what, and what its rows are compared with."""

from __future__ import annotations

import pytest

from benchmarks.papers.pex import table as pex
from benchmarks.papers.pex.claims import (
    BETA_SETS,
    OFFLINE,
    README,
    README_SET,
)
from benchmarks.runner.cells import PRESETS, agents_file, cells_of
from guided_rl.config import check
from guided_rl.methods import build
from guided_rl.results.records import Expert
from guided_rl.results.scales import scale_of
from guided_rl.results.sources import digest
from guided_rl.runtime.errors import UserError
from tests.results.synthetic import make_record

TABLE = pex.TABLE


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
