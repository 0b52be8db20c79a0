"""Cells in shards of seeds, records that get more of them, and settings that a sweep chooses."""

from __future__ import annotations

import dataclasses
import json

import pytest

from benchmarks.runner import running
from benchmarks.runner.cells import Cell, PaperTable, Tuning, cells_of, in_shards
from benchmarks.runner.paths import CellPaths, cell_status, chosen, finished, kept, missing_parts
from benchmarks.runner.running import join, next_piece, run_cell, with_choice
from benchmarks.runner.tuning import CHOICE, choice, choose
from guided_rl.results import records
from guided_rl.results.records import TUNING_SEED, Expert
from guided_rl.runtime.errors import UserError
from tests.results.synthetic import make_record
from tests.training.small import small

WHOLE = Cell(small(seeds=5), seeds_per_shard=2)
SWEEP = Cell(small(first_seed=TUNING_SEED, grid={"gamma": (0.9, 0.99)}), "gamma sweep")
TUNED = Cell(small(), "chosen", tuning=Tuning(SWEEP))


@pytest.fixture
def place(tmp_path) -> CellPaths:
    return CellPaths("tiny", "quick", tmp_path)


def keep(place: CellPaths, cell: Cell, curve=None, **changes) -> None:
    """The record that a cell or shard would leave."""
    settings = {"seeds": cell.seeds, "grid": dict(cell.config.grid), "config": cell.config.to_json()}
    record = make_record(cell.config.method, cell.config.task, curve, **settings, variant=cell.variant)
    records.write(dataclasses.replace(record, cell=cell.name, **changes), place.record(cell))


def spans(cells: list[Cell]) -> list[tuple[int, int]]:
    return [(cell.seeds[0], cell.seeds[-1]) for cell in cells]


def test_a_cell_is_left_in_shards_until_each_is_there_and_is_one_record_then(place):
    assert spans(missing_parts(place, WHOLE)) == [(0, 1), (2, 3), (4, 4)]
    first, second, third = missing_parts(place, WHOLE)
    assert {cell.name for cell in (first, second, WHOLE)} == {WHOLE.name}
    keep(place, second)
    join(place, WHOLE)
    assert cell_status(place, WHOLE) == "2 of 5 seeds" and spans(missing_parts(place, WHOLE)) == [(0, 1), (4, 4)]
    assert records.read_all(place.root / "runs" / "records", "tiny", "quick") == []  # a shard is no cell
    keep(place, first)
    keep(place, third)
    join(place, WHOLE)
    (record,) = records.read_all(place.root / "runs" / "records", "tiny", "quick")
    assert record.seeds == (0, 1, 2, 3, 4) and record.config == WHOLE.config.to_json()
    assert finished(place, WHOLE) and not (place.record(WHOLE) / "shards").exists()
    assert [part["seeds"] for part in record.provenance["parts"]] == [[0, 1], [2, 3], [4, 4]]


def test_shards_of_other_settings_or_sizes_are_no_part(place):
    other = dataclasses.replace(WHOLE, config=dataclasses.replace(WHOLE.config, evaluations=2))
    keep(place, missing_parts(place, other)[0])
    assert kept(place, WHOLE) == [] and len(missing_parts(place, WHOLE)) == 3
    keep(place, missing_parts(place, dataclasses.replace(WHOLE, seeds_per_shard=3))[0])
    assert spans(missing_parts(place, WHOLE)) == [(3, 4)]


def test_a_record_is_extended_by_the_seeds_that_it_lacks(place):
    few = Cell(small(seeds=3))
    keep(place, few)
    more = dataclasses.replace(few, config=dataclasses.replace(few.config, seeds=8))
    assert cell_status(place, more) == "to extend (seeds: 3 -> 8)" and spans(missing_parts(place, more)) == [(3, 7)]
    assert spans(missing_parts(place, dataclasses.replace(more, seeds_per_shard=2))) == [(3, 4), (5, 6), (7, 7)]
    keep(place, missing_parts(place, more)[0])
    assert finished(place, few)
    join(place, more)
    assert records.read(place.record(more)).seeds == tuple(range(8)) and finished(place, more)


def test_a_shard_whose_experts_are_others_is_refused_before_it_is_trained(place, monkeypatch):
    first, second, _ = missing_parts(place, WHOLE)
    keep(place, first)
    monkeypatch.setattr(running, "experts_behind", lambda *_, **__: (Expert("bc", 1.0, 1, "c"),))
    with pytest.raises(UserError, match=r"have changed since seeds 0 to 1 .* move .* away"):
        running.run_piece(place, second, print)


def test_a_shard_takes_at_most_its_time_and_seeds_come_in_pairs():
    wide = lambda **settings: Cell(small(**{"steps": 1_000_000, "evaluations": 20, "seeds": 10, **settings}))
    assert in_shards(wide()).seeds_per_shard == 4
    assert in_shards(wide(task="Humanoid-v5")).seeds_per_shard == 2
    assert in_shards(wide(steps=2_000_000, grid={"gamma": (0.9, 0.95, 0.99)})).seeds_per_shard == 1
    assert in_shards(wide(steps=100_000)).seeds_per_shard is None
    assert in_shards(wide(method="iql-offline", dataset="demos")).seeds_per_shard is None
    assert in_shards(dataclasses.replace(wide(), seeds_per_shard=7)).seeds_per_shard == 7
    table = PaperTable("tiny", "Tiny", lambda preset: [wide()], (), (), ())
    assert [cells_of(table, preset)[0].seeds_per_shard for preset in ("quick", "long", "paper")] == [None, 4, None]
    with pytest.raises(ValueError, match="cannot be run in shards"):
        Cell(small(), needs=in_shards(wide()))


@pytest.mark.slow
def test_a_cell_run_in_shards_is_the_cell_run_whole(place, tmp_path):
    cell = Cell(small(seeds=4), seeds_per_shard=2)
    run_cell(place, cell, lambda sentence: None)
    other = CellPaths("tiny", "quick", tmp_path / "other")
    run_cell(other, dataclasses.replace(cell, seeds_per_shard=None), lambda sentence: None)
    sharded, whole = (records.read(p.record(cell)) for p in (place, other))
    assert repr(sharded.returns.to_pydict()) == repr(whole.returns.to_pydict())
    assert repr(sharded.training.to_pydict()) == repr(whole.training.to_pydict())
    assert sharded.config == whole.config and not list(place.run_folder(cell).glob("*"))


# Tuning


def by_gamma(seed, point, share):
    return 100 * point["gamma"] + seed % 3 + 0 * share


def test_the_best_point_by_its_healthy_seeds_is_chosen():
    record = make_record("sac", curve=by_gamma, grid={"gamma": (0.9, 0.99, 0.5)}, failed={"3/1": 100})
    assert choose(record, Tuning(SWEEP)) == {"gamma": 0.99}
    told = choice(record, Tuning(SWEEP, "auc"))
    assert told["chosen"] == {"gamma": 0.99} and [row["seeds"] for row in told["points"]] == [10, 9, 10]
    assert all(row["low"] < row["mean"] < row["high"] for row in told["points"])
    lost = {f"{seed}/{point}": 1 for seed in range(10) for point in range(3)}
    with pytest.raises(UserError, match="every seed of every point failed"):
        choose(dataclasses.replace(record, failed=lost), Tuning(SWEEP))


def test_a_tuned_cell_waits_for_its_choice_and_then_has_it(place):
    assert chosen(place, TUNED) is None and not finished(place, TUNED)
    assert cell_status(place, TUNED) == f"waits for the choice of {SWEEP.name}"
    assert next_piece(place, TUNED) == SWEEP
    keep(place, SWEEP, by_gamma)
    assert next_piece(place, TUNED).config.hparams == {"gamma": 0.99}
    assert with_choice(place, TUNED).config.hparams == {"gamma": 0.99}
    told = json.loads((place.record(SWEEP) / CHOICE).read_text())
    assert told["chosen"] == {"gamma": 0.99} and len(told["returns_sha256"]) == 64
    assert cell_status(place, TUNED) == "to run"
    keep(place, chosen(place, TUNED))
    assert cell_status(place, TUNED) == "done" and next_piece(place, TUNED) is None


def test_a_sweep_whose_choice_larger_presets_take_over_is_kept_among_those_of_its_own(place):
    sweep = dataclasses.replace(SWEEP, preset="smoke")
    tuned = dataclasses.replace(TUNED, tuning=Tuning(sweep))
    keep(dataclasses.replace(place, preset="smoke"), SWEEP, by_gamma)
    assert chosen(place, tuned).config.hparams == {"gamma": 0.99} and chosen(place, TUNED) is None


def test_no_seed_that_is_judged_chooses():
    with pytest.raises(ValueError, match=f"seeds start at {TUNING_SEED}"):
        Tuning(Cell(small()))


def test_what_tunes_a_cell_keeps_its_seeds_and_takes_the_engine():
    table = PaperTable("tiny", "Tiny", lambda preset: [TUNED], (), (), ())
    (cell,) = cells_of(table, "quick", seeds=7, physics="native")
    assert cell.config.seeds == 7 and cell.tuning.cell.config.seeds == SWEEP.config.seeds
    assert cell.tuning.cell.config.physics == "native"
