"""Reward-robust planning's table: its cells can be planned, and its claims read what the records say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.claims import ledger
from benchmarks.claims.ledger import FAILS, HOLDS, UNDECIDED, View
from benchmarks.papers.robust import table as robust
from benchmarks.papers.robust.claims import CLAIMS, TASKS, TWO, WITH_TWO, problem_of, reference
from benchmarks.runner.cells import PRESETS, cells_of
from guided_rl.config import check
from guided_rl.methods import build
from guided_rl.planning.linear_programme import least_epsilon
from guided_rl.results.record_tables import training_table
from tests.results.synthetic import make_record

SMALL = ("RobustGrid-5", "RobustGrid-10")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_cell_can_run(preset):
    for cell in cells_of(robust.TABLE, preset):
        check(cell.config, build(cell.config.method, cell.config.options))


def test_preset_cpu_keeps_to_its_arithmetic():
    cells = cells_of(robust.TABLE, "cpu")
    of = lambda chosen: sum(cell.updates for cell in cells if chosen(cell))
    assert of(lambda c: not c.variant) == 32_000
    assert of(lambda c: c.variant and not c.config.grid) == 12_000
    assert of(lambda c: c.config.grid) == 6_000


@pytest.mark.parametrize("task", SMALL)
def test_a_noisy_experts_epsilon_is_more_than_the_least_and_not_twice_as_much(task):
    least = least_epsilon(problem_of(task), "noisy")
    assert least < robust.NOISE[task] < max(2 * least, least + 0.1)


def record(method: str, task: str, variant: str = "", **metrics):
    """A record with these metrics of every seed, the counts of the linear programme's policy where none are given."""
    problem = problem_of(task)
    options = {"experts": "two"} if variant == TWO else {}
    hparams = {"epsilon": robust.DISAGREEMENT[task]} if variant == TWO else {}
    best = reference(task, options.get("experts", "exact"), hparams.get("epsilon", 0.0))
    counts = best.occupancy.sum(-1) @ problem.test.features
    found = {f"count_{number}": count for number, count in enumerate(counts)}
    found |= {"unseen_share": 0.0, "agreement": 1.0, **metrics}
    made = make_record(method, task, variant=variant, preset="cpu", config={"options": options, "hparams": hparams})
    seeds = np.asarray(made.seeds)
    values = {name: np.full((2, len(seeds)), value) for name, value in found.items()}
    return dataclasses.replace(made, training=training_table(seeds, 0 * seeds, np.array([500, 1000]), values))


def verdict(number: str, records) -> str:
    (claim,) = (c for c in CLAIMS if c.id == f"robust/{number}")
    return ledger.judge(claim, View(tuple(records), "cpu")).verdict


@pytest.mark.slow
def test_claims_hold_of_the_programmes_own_policies():
    good = [record("reward-robust", task) for task in TASKS]
    assert [verdict(number, good) for number in ("S1", "S2", "S3")] == [HOLDS] * 3
    assert verdict("S1.naive", [record("naive-planning", task, unseen_share=0.05) for task in TASKS]) == HOLDS
    assert verdict("S4", [record("reward-robust", task, TWO) for task in WITH_TWO]) == HOLDS


def test_claims_fail_where_their_measure_does():
    bad = [record("reward-robust", "RobustGrid-5", unseen_share=0.04, agreement=0.5, count_2=0.9)]
    assert [verdict(number, bad) for number in ("S1", "S2", "S3")] == [UNDECIDED] * 3  # three tasks are missing
    judged = {c.id: c.judge(View(tuple(bad), "cpu")) for c in CLAIMS if c.id in ("robust/S1", "robust/S3")}
    assert judged["robust/S1"].value == pytest.approx(0.04)
    assert judged["robust/S3"].value == pytest.approx(0.5)


def test_the_table_beside_the_programme_has_a_row_a_planner():
    records = [record("reward-robust", task) for task in SMALL] + [record("naive-planning", SMALL[0], count_2=0.9025)]
    table = robust.beside_the_programme(records, "beside")
    assert [row["task"] for row in table.data] == [SMALL[0], SMALL[1], SMALL[0]]
    assert table.data[0]["worst"].value == pytest.approx(table.data[0]["programme"], abs=1e-5)
    assert table.data[2]["worst"].value < table.data[2]["programme"] - 0.5
    assert FAILS not in str(table.rows)
