"""BREAD's and MENTOR's tables: what is run at each preset, and that their own figures are drawn from records."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.papers.bread import figures as bread_figures
from benchmarks.papers.bread import table as bread
from benchmarks.papers.bread.claims import CHAINS, EQUAL_STEPS
from benchmarks.papers.mentor import figures as mentor_figures
from benchmarks.papers.mentor import table as mentor
from benchmarks.papers.mentor.claims import GATES, MENTOR, SPARSE, K
from benchmarks.runner.cells import PRESETS, cells_of
from guided_rl import envs, methods
from guided_rl.config import check, check_groups
from guided_rl.results.figures import method_names
from tests.benchmarks.claims.test_success_judges import POINTS, record

TABLES = {"bread": bread.TABLE, "mentor": mentor.TABLE}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_cell_can_run_and_has_a_name_of_its_own(table, preset):
    cells = cells_of(table, preset)
    assert len({cell.name for cell in cells}) == len(cells)
    assert bool(cells) == (preset in ("smoke", "quick", "cpu"))
    for cell in cells:
        method = methods.build(cell.config.method, cell.config.options)
        check(cell.config, method)
        check_groups(cell.config, method, envs.make(cell.config.task, "native"))


def test_at_preset_cpu_every_claim_has_its_cells_with_twenty_seeds():
    cells = cells_of(bread.TABLE, "cpu")
    main = {(cell.config.method, cell.config.task) for cell in cells if not cell.variant}
    for method in ("grpo", "bread", "uniform-resets"):
        assert {(method, task) for task in (*CHAINS, *EQUAL_STEPS)} <= main
    judged = [*cells, *cells_of(mentor.TABLE, "cpu")]
    assert {cell.config.seeds for cell in judged} == {20}
    variants = {cell.variant for cell in cells_of(mentor.TABLE, "cpu") if cell.config.method == MENTOR}
    assert set(GATES.values()) <= variants
    assert all(cell.config.episodes >= K for cell in cells_of(mentor.TABLE, "cpu") if cell.config.task in SPARSE)


def test_an_exponential_is_found_in_steps_that_are_one():
    n = np.array([6.0, 8.0, 10.0, 12.0])
    factor, _ = bread_figures.growth(n, 50 * 3.0**n)
    assert factor == pytest.approx(3.0)
    _, power = bread_figures.growth(n, 7 * n**2)
    assert power == pytest.approx(2.0)
    factor, _ = bread_figures.growth(n, np.array([1.0, 2.0, np.inf, np.inf]))
    assert np.isnan(factor)


def test_the_gap_is_drawn_from_three_lengths_on():
    solved = {"grpo": (200, 600, np.inf), "bread": (100, 150, 200)}
    made = [record(m, f"Chain-{n}", s) for m, at in solved.items() for n, s in zip((6, 8, 10), at, strict=True)]
    assert bread_figures.gap(made[:2], "few") is None
    figure = bread_figures.gap(made, "gap")
    told = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert len(told) == 2 and "grpo" in told and any(name.startswith("bread: ×") for name in told)
    assert method_names(made) == ["bread", "grpo"]


def test_mentors_figures_have_a_line_for_each_gate():
    share = np.linspace(1.0, 0.0, POINTS)
    gate = record(MENTOR, "T", 300, entropy=share, advised=share)
    others = [dataclasses.replace(gate, variant=name) for name in ("random gate", "expert 50 %")]
    found = mentor_figures.figures([record("grpo", "T", 600, entropy=share), gate, *others], "MENTOR")
    named = [text.get_text() for text in found["entropy"].legends[0].get_texts()]
    assert named == ["grpo", "entropy gate", "random gate"]
    assert [t.get_text() for t in found["advised"].legends[0].get_texts()] == ["entropy gate", "random gate"]
    assert found["pass_at_k"] is not None
