"""DAI's table: what is run at each preset, at what cost, and that no judged seed chooses T_change."""

from __future__ import annotations

import pytest

from benchmarks.papers.dai import table
from benchmarks.papers.dai.claims import CHOSEN, MANY_BASE, MANY_SEEDS, SETTINGS, T_CHANGES, TASKS
from benchmarks.runner.cells import PRESETS, TUNING_SEED
from guided_rl import methods
from guided_rl.config import RunConfig, check

OPEN_POINTS = ("stored policy action", "noise after mixing", "random warm-up", "averaged panel")


@pytest.mark.parametrize("preset", sorted({*PRESETS, "long"}))
def test_every_cell_can_run_and_has_a_name_of_its_own(preset):
    cells = table.cells(preset)
    assert len({cell.name for cell in cells}) == len(cells)
    for cell in cells:
        check(cell.config, methods.build(cell.config.method, cell.config.options))


def test_the_arithmetic_at_the_head_of_the_table():
    cells = table.cells("cpu")
    total = sum(cell.updates for cell in cells) / 1e6
    studies = (table.TUNING, CHOSEN, MANY_SEEDS, MANY_BASE)
    without = sum(cell.updates for cell in cells if cell.variant not in studies) / 1e6
    assert f"together {total:.1f}: what the claims ask for; without tuning, chosen and 40 seeds {without:.1f}" in (
        table.__doc__
    )
    assert f"together {sum(cell.updates for cell in table.cells('long')) / 1e6:.1f}. Steps" in table.__doc__


def test_the_papers_open_points_are_in_the_table():
    found = {cell.variant for cell in table.cells("cpu") if cell.config.task == "HalfCheetah-v5"}
    assert {*OPEN_POINTS, "layer-normalised critics"} <= found


@pytest.mark.parametrize("preset", ["cpu", "long", "paper"])
def test_t_change_is_chosen_on_seeds_that_judge_nothing(preset):
    chosen = [cell for cell in table.cells(preset) if cell.variant == CHOSEN]
    assert {cell.config.task for cell in chosen} == set(TASKS)
    judged = {seed for cell in table.cells(preset) for seed in range(cell.config.seeds) if cell.variant != table.TUNING}
    for cell in chosen:
        sweep = cell.tuning.cell
        assert sweep in table.cells("cpu") and sweep.preset == "cpu"
        assert (sweep.config.task, sweep.config.method) == (cell.config.task, cell.config.method)
        assert dict(sweep.config.grid) == {"t_change": T_CHANGES} and "t_change" not in cell.config.hparams
        assert sweep.config.seeds >= 5 and sweep.config.first_seed == TUNING_SEED > max(judged)


def test_every_setting_that_claims_read_is_run():
    """Each T_change on 40 seeds of two tasks with their base beside it; the default and the chosen one on all."""
    cells = table.cells("cpu")

    def having(method: str, variant: str) -> dict[str, RunConfig]:
        found = [cell for cell in cells if (cell.config.method, cell.variant) == (method, variant)]
        return {cell.config.task: cell.config for cell in found}

    for setting in SETTINGS:
        for source in setting.sources:
            found = having("dai-sac", source.variant)
            assert set(found) == set(table.ABLATION_TASKS if source.point else TASKS)
            assert all(dict(source.point) in config.points() for config in found.values())
    bases, swept = having("sac", MANY_BASE), having("dai-sac", MANY_SEEDS)
    assert set(bases) == set(swept) and {c.seeds for c in (*bases.values(), *swept.values())} == {40}


def test_preset_long_is_preset_paper_with_narrower_networks():
    long, paper = table.cell("long", "Ant-v5", "dai-sac").config, table.cell("paper", "Ant-v5", "dai-sac").config
    assert (long.steps, long.seeds, long.hparams) == (paper.steps, paper.seeds, paper.hparams)
    assert (long.hidden, long.batch) == ((64, 64), 128)
