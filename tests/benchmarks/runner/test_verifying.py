"""Verifying a paper: stored tables against records, intervals in prose against tables, and cells trained again."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from benchmarks import ROOT
from benchmarks.runner import verifying
from benchmarks.runner.tables import TABLES
from guided_rl.cli import main
from guided_rl.runtime.errors import UserError
from tests.results.synthetic import make_record

QUIET = lambda text: None


@pytest.fixture
def checkout(tmp_path):
    """A folder with the committed records of the smallest table and the results' page."""
    shutil.copytree(ROOT / "results" / "mentor", tmp_path / "results" / "mentor")
    shutil.copy(ROOT / "results" / "README.md", tmp_path / "results" / "README.md")
    return tmp_path


def test_stored_tables_that_are_not_of_their_records_are_named(checkout):
    found = verifying.check("mentor", QUIET, checkout)
    assert found.records > 20 and found.seeds > 400 and found.tables > 10 and not found.differ
    altered = checkout / "results" / "mentor" / "report" / "claims.md"
    altered.write_text(altered.read_text().replace("holds", "does not hold", 1))
    assert verifying.check("mentor", QUIET, checkout).differ == ("results/mentor/report/claims.md",)
    altered.unlink()
    assert verifying.check("mentor", QUIET, checkout).differ == ("results/mentor/report/claims.md",)


def test_a_record_that_was_altered_is_refused(checkout):
    path = next((checkout / "results" / "mentor" / "cpu").glob("*/returns.parquet"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"altered|damaged"):
        verifying.check("mentor", QUIET, checkout)


def test_a_paper_without_records_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match="make table-mentor"):
        verifying.check("mentor", QUIET, tmp_path)


@pytest.mark.parametrize(
    ("prose", "found", "absent"),
    [
        ("by 5.7 [3.1, 8.3] points", 1, ()),
        ("−12 [−34, 1,200] and 5.8 [3.1, 8.3]", 1, ("5.8 [3.1, 8.3]",)),
        ("nothing", 0, ()),
    ],
)
def test_intervals_of_the_prose_are_looked_up_to_the_digits_given(prose, found, absent):
    tables = ["| 5.72 [3.14, 8.28] |", "| −12.3 [−34.2, 1,200] |"]
    assert verifying.words(prose, tables) == (found, absent)


def moved(record, by: float):
    returns = record.returns
    column = pa.array(returns["episode_return"].to_numpy() + by, returns["episode_return"].type)
    place = returns.column_names.index("episode_return")
    return dataclasses.replace(record, returns=returns.set_column(place, "episode_return", column))


def test_seeds_trained_again_are_identical_or_alike_or_not():
    luck = np.random.default_rng(0).normal(size=10)
    curve = lambda seed, point, share: 100 * share + luck[seed]
    stored = make_record("sac", "Hopper-v5", curve)
    few = dataclasses.replace(
        stored, seeds=stored.seeds[:3], returns=stored.returns.filter(pc.less(stored.returns["seed"], 3))
    )
    assert verifying.compared(stored, few) == f"{stored.cell}: bit-identical, 3 of 10 seeds"
    assert verifying.compared(stored, moved(stored, 1e-3)).startswith(f"{stored.cell}: within intervals")
    assert verifying.compared(stored, moved(stored, 50.0)).startswith(f"{stored.cell}: different, 10 of 10 seeds")


@pytest.mark.trains
def test_a_committed_cell_trained_again(monkeypatch, tmp_path):
    """The first seed of the cheapest committed cell, and what is said where there is nothing to compare with."""
    place = verifying.CellPaths("mentor", "cpu", ROOT)
    cell = next(c for c in verifying.cells_of(TABLES["mentor"], "cpu") if c.name == "DistractorChain-8__grpo")
    shutil.copytree(place.record(cell), tmp_path / place.record(cell).relative_to(ROOT))
    said = verifying.retrained("mentor", cell.name, "cpu", 1, QUIET, tmp_path)
    assert f"{cell.name}: bit-identical" in said or "give at least 2" in said  # other processors round otherwise
    with pytest.raises(UserError, match="unknown cell"):
        verifying.retrained("mentor", "nothing", "cpu", 1, QUIET, tmp_path)
    with pytest.raises(UserError, match="at least 1"):
        verifying.retrained("mentor", cell.name, "cpu", 0, QUIET, tmp_path)


def test_the_command_exits_with_2_where_a_table_differs(monkeypatch, capsys):
    good = verifying.Checked(3, 30, 12, (), 2, ("1 [0, 2]",))
    monkeypatch.setattr(verifying, "check", lambda name: good)
    assert main(["verify", "mentor"]) == 0
    out = capsys.readouterr().out
    assert "12 stored tables are what the records say" in out and "1 [0, 2]" in out
    monkeypatch.setattr(verifying, "check", lambda name: dataclasses.replace(good, differ=("results/x.md",)))
    assert main(["verify", "mentor"]) == 2
    assert "1 of 13 stored tables" in capsys.readouterr().err
