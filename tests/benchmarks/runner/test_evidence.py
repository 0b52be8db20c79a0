"""Evidence: the next missing cell of all tables, run and committed, again and again."""

from __future__ import annotations

import dataclasses
import subprocess

import pytest

from benchmarks.runner import evidence, priorities, rates, tables
from benchmarks.runner.cells import PRESETS, Cell, PaperTable
from benchmarks.runner.paths import CellPaths, cell_status
from benchmarks.runner.priorities import Wanted
from benchmarks.runner.running import join
from guided_rl.runtime.errors import UserError
from tests.benchmarks.runner.test_shards import SWEEP, TUNED, WHOLE, keep
from tests.training.small import small

ORDER = (Wanted("a", "two", "cpu", "*sac"), Wanted("b", "one", "long"), Wanted("c", "two", "cpu"))
TD3 = Cell(small(method="td3"))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A checkout with two tables, where training a piece only keeps its record."""
    small_tables = {"one": [WHOLE, TUNED], "two": [TD3, Cell(small())]}
    made = {name: PaperTable(name, name, lambda preset, c=c: c, (), (), ()) for name, c in small_tables.items()}
    monkeypatch.setattr(evidence, "TABLES", made)
    (tmp_path / "results").mkdir()
    for command in (["init", "-q"], ["config", "user.email", "a@b.c"], ["config", "user.name", "a"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)

    def train(place, piece, say, label=""):
        if piece.config.method == "td3":
            raise UserError("no disk")
        keep(place, piece)
        if piece.whole is not None:
            join(place, piece.whole)

    monkeypatch.setattr(evidence, "run_piece", train)
    return tmp_path


def gather(root, said, **options):
    evidence.gather(say=said.append, root=root, priorities=ORDER, **options)


def subjects(root) -> list[str]:
    log = subprocess.run(["git", "log", "--format=%s", "--reverse"], cwd=root, capture_output=True, text=True)
    return log.stdout.splitlines()


def test_everything_missing_is_run_in_order_and_committed_one_by_one(root):
    with pytest.raises(UserError, match=r"1 cells could not be run: .*td3 \(no disk\)"):
        gather(root, [], commit=True)
    assert subjects(root) == [
        f"results: two, preset cpu, {Cell(small()).name}",
        *(f"results: one, preset long, {WHOLE.name}, seeds {span}" for span in ("0 to 1", "2 to 3", "4 to 4")),
        f"results: one, preset long, {SWEEP.name}",
        f"results: one, preset long, {TUNED.name}",
    ]
    clean = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True)
    assert clean.stdout == ""
    assert (CellPaths("one", "long", root).record(SWEEP) / "choice.json").exists()


def test_it_goes_on_where_it_was_stopped_and_says_what_to_commit(root):
    said = []
    gather(root, said, cells=2)
    place = CellPaths("one", "long", root)
    assert cell_status(place, WHOLE) == "2 of 5 seeds" and sum("to commit: git add" in line for line in said) == 2
    gather(root, said, cells=1)
    assert cell_status(place, WHOLE) == "4 of 5 seeds" and subjects(root) == []
    gather(root, said, hours=0.0)
    assert cell_status(place, WHOLE) == "4 of 5 seeds"


def test_a_commit_that_git_refuses_stops_nothing(root):
    (root / ".git" / "index.lock").touch()
    said = []
    gather(root, said, cells=2, commit=True)
    assert sum("could not be committed yet" in line for line in said) == 3  # the first is tried again
    (root / ".git" / "index.lock").unlink()
    gather(root, said, cells=0, commit=True)
    assert subjects(root) == [
        f"results: two, preset cpu, {Cell(small()).name}",
        f"results: one, preset long, {WHOLE.name}",
    ]


def test_what_is_missing_is_listed_with_the_hours_of_the_seeds_that_are_left(root, monkeypatch):
    gather(root, [], cells=2)
    table = evidence.missing_table(root, ORDER)
    assert [row[:5] for row in table.rows[:-1]] == [
        ("b", "one", "long", WHOLE.name, "2 of 5 seeds"),
        ("b", "one", "long", TUNED.name, f"waits for the choice of {SWEEP.name}"),
        ("c", "two", "cpu", TD3.name, "to run"),
    ]
    assert table.rows[0][-1] == "record"


def test_hours_are_by_the_rate_of_the_record_that_is_most_like_the_cell():
    config = small().to_json()
    head = {"method": "sac", "variant": "", "grid": {}, "seeds": [0, 1], "wall_seconds": 58.0, "compile_seconds": 10.0}
    head |= {"config": config, "provenance": {}}
    other = {**head, "config": {**config, "task": "Ant-v5"}, "wall_seconds": 4810.0}
    cell = Cell(small(steps=2400, seeds=10, grid={"gamma": (0.9, 0.99)}))
    assert rates.hours(cell, [other, head])[0] == pytest.approx(10 * 2 * 2400 * 48 / 480 / 3600)
    assert rates.hours(cell, [other], seeds=1) == (pytest.approx(2 * 2400 * 10 / 3600), "record")
    for dearer in ({"hidden": (32,)}, {"options": {"epochs": 10}}):
        assert rates.seconds_per_step(dataclasses.replace(cell, config=small(**dearer)), [head]) is None


def test_priorities_name_tables_and_presets_that_there_are():
    assert {want.table for want in priorities.PRIORITIES} == set(tables.TABLES)
    assert {want.preset for want in priorities.PRIORITIES} <= set(PRESETS)
