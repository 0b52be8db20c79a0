"""GORL-style's table and claims: its arithmetic, what its arms share, and verdicts from made-up records."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.claims import ledger
from benchmarks.claims.ledger import FAILS, HOLDS, UNDECIDED, View
from benchmarks.papers.gorl import table as gorl
from benchmarks.papers.gorl.claims import BEST, CLAIMS, DEMOS, MIXED, RELATIVE, SETS, SHUFFLED
from benchmarks.papers.gorl.figures import weights_by_source
from benchmarks.runner.cells import PRESETS, cells_of
from guided_rl.config import check, differences
from guided_rl.methods import build
from guided_rl.results.record_tables import training_table
from guided_rl.results.records import TUNING_SEED
from guided_rl.results.scales import Scale
from tests.results.synthetic import make_record

ARMS = {("td3-bc", ""), ("td3-bc", DEMOS), ("td3-bc", BEST), ("gorl-style", ""), ("gorl-style", SHUFFLED)}
UNIT = lambda task: Scale(0.0, 100.0)


def test_preset_cpu_keeps_to_its_arithmetic():
    cells = cells_of(gorl.TABLE, "cpu")
    arms = sum(cell.updates for cell in cells) / 1e6
    tuning = sum(cell.tuning.cell.updates for cell in cells if cell.tuning) / 1e6
    mixed = sum(c.updates for c in cells if "iql" in c.config.method or c.variant == RELATIVE) / 1e6
    assert (round(arms - mixed, 6), tuning, round(mixed, 6)) == (6.0, 1.08, 0.9)
    assert all(said in gorl.__doc__ for said in ("= 6.0", "= 1.08", "= 0.9", "together 7.98"))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_cell_can_run(preset):
    for cell in cells_of(gorl.TABLE, preset):
        check(cell.config, build(cell.config.method, cell.config.options))


def test_every_set_has_five_arms_that_differ_in_what_they_are_named_for_alone():
    cells = cells_of(gorl.TABLE, "cpu")
    assert {f"{c.config.task}/{c.setting}" for c in cells} == set(SETS)
    for task in SETS:
        mine = {(c.config.method, c.variant): c for c in cells if f"{c.config.task}/{c.setting}" == task}
        if task in MIXED:
            relative = mine.pop(("gorl-style", RELATIVE)).config.to_json()
            ours = mine["gorl-style", ""].config.to_json()
            assert differences(ours, relative) == ["options.relative: None -> True"]
            plain, guided = (mine.pop((method, "")).config for method in ("iql-offline", "gorl-style-iql"))
            assert differences(plain.to_json() | {"method": ""}, guided.to_json() | {"method": ""}) == [
                f"dataset: {plain.dataset} -> {plain.dataset}+200",
                "hparams.guide_lr: None -> 0.001",
                "options.rows: None -> 200",
            ]
        assert mine.keys() == ARMS
        base, demos = mine["td3-bc", ""].config, mine["td3-bc", DEMOS].config
        changed = differences(base.to_json(), demos.to_json())
        assert changed == [f"dataset: {base.dataset} -> {base.dataset}+200"]
        ours, shuffled = mine["gorl-style", ""].config, mine["gorl-style", SHUFFLED].config
        assert differences(ours.to_json(), shuffled.to_json()) == ["options.shuffled: None -> True"]
        assert ours.dataset == demos.dataset
        tuned = mine["td3-bc", BEST]
        assert tuned.config.to_json() == demos.to_json()
        assert tuned.tuning.cell.config.first_seed >= TUNING_SEED > demos.first_seed + demos.seeds
        assert tuned.tuning.cell.config.grid == {"kappa": gorl.KAPPAS}


def view(ours: float, base: float = 50.0, tasks=SETS, spread: float = 1.0) -> View:
    """Records of every arm; seeds share a part of their luck, so that pairing helps."""
    records, rng = [], np.random.default_rng(0)
    for task in tasks:
        luck = 20 * rng.normal(size=10)
        for method, variant in ARMS:
            level = ours if (method, variant) == ("gorl-style", "") else base
            values = level + luck + spread * rng.normal(size=10)
            curve = lambda seed, point, share, values=values: np.full(share.shape, values[seed])
            records.append(make_record(method, task, curve, variant=variant, preset="cpu"))
    return View(tuple(records), "cpu", UNIT)


def verdict(number: str, seen: View) -> str:
    (claim,) = (c for c in CLAIMS if c.id == f"gorl/{number}")
    return ledger.judge(claim, seen).verdict


@pytest.mark.parametrize("number", ["G1", "G2", "G3", "G5"])
def test_gains_are_paired_by_seed_and_judged_over_all_sets(number):
    assert verdict(number, view(55.0)) == HOLDS
    assert verdict(number, view(45.0)) == FAILS
    assert verdict(number, view(50.0, spread=5.0)) == UNDECIDED
    assert verdict(number, view(55.0, tasks=SETS[:3])) == UNDECIDED  # nine sets are missing


def test_a_gain_on_iql_is_one_over_the_mixed_sets():
    def seen(ours: float) -> View:
        rng, records = np.random.default_rng(0), []
        for task in MIXED:
            for method, level in (("iql-offline", 50.0), ("gorl-style-iql", ours)):
                values = level + rng.normal(size=10)
                curve = lambda seed, point, share, values=values: np.full(share.shape, values[seed])
                records.append(make_record(method, task, curve, preset="cpu"))
        return View(tuple(records), "cpu", UNIT)

    assert verdict("G6", seen(55.0)) == HOLDS and verdict("G6", seen(45.0)) == FAILS


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"medium-expert": 90.0, "medium": 48.0, "medium-replay": 45.0}, HOLDS),
        ({"medium-expert": 90.0, "medium": 95.0, "medium-replay": 45.0}, FAILS),
        ({"medium-expert": 90.0, "medium": 48.0}, UNDECIDED),
    ],
)
def test_the_base_is_best_on_the_mixed_set_of_every_body(scores, expected):
    rng, records = np.random.default_rng(0), []
    for task in SETS:
        if (level := scores.get(task.partition("/")[2])) is not None:
            values = level + rng.normal(size=10)
            curve = lambda seed, point, share, values=values: np.full(share.shape, values[seed])
            records.append(make_record("td3-bc", task, curve, preset="cpu"))
    assert verdict("G0", View(tuple(records), "cpu", UNIT)) == expected


def with_metrics(record, **metrics):
    """The record with these training metrics, one value a seed throughout."""
    seeds, steps = np.asarray(record.seeds), np.array([500, 1000])
    values = {name: np.broadcast_to(value, (2, len(seeds))) for name, value in metrics.items()}
    return dataclasses.replace(record, training=training_table(seeds, 0 * seeds, steps, values))


@pytest.mark.parametrize(("area", "expected"), [(0.7, HOLDS), (0.4, FAILS)])
def test_the_area_is_judged_on_each_mixed_set(area, expected):
    rng, records = np.random.default_rng(0), []
    for task in MIXED:
        weights = dict.fromkeys(("weight_older", "weight_newer", "weight_expert"), np.ones(10))
        found = {"weight_auc": area + 0.01 * rng.normal(size=10), **weights}
        records.append(with_metrics(make_record("gorl-style", task, preset="cpu"), **found))
    assert verdict("G4", View(tuple(records), "cpu", UNIT)) == expected
    assert len(weights_by_source(records, "weights").axes) == 3


def test_without_records_there_is_no_verdict_and_no_figure():
    assert verdict("G1", View((), "cpu", UNIT)) == UNDECIDED
    assert weights_by_source([], "weights") is None
