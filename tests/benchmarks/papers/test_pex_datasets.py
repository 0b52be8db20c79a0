"""The datasets command: which tasks it knows, what it prints, and what it refuses."""

from __future__ import annotations

import json

import pytest

from benchmarks.papers.pex import datasets
from benchmarks.papers.pex.d4rl_data import DATA, UNKNOWN
from benchmarks.papers.pex.published import PUBLISHED
from benchmarks.papers.pex.table import ROWS


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_RL_CACHE", str(tmp_path))
    return tmp_path


def test_a_mazes_datasets_are_described_and_drawn(apart, monkeypatch):
    monkeypatch.setitem(ROWS, "smoke", 1_500)
    table = datasets.table_of(["PointMaze-umaze"], "smoke", "native", apart)
    assert [row[1] for row in table.rows] == ["fixed", "diverse"]
    by_name = {facts["dataset"]: facts for facts in table.data}
    assert by_name["fixed"]["length"] == 150
    assert by_name["diverse"]["cells"] == 1.0
    assert by_name["fixed"]["reward"] > 0.3  # the ball waits at the goal, which is no end
    assert by_name["fixed"]["arrived"] == 1.0
    assert by_name["fixed"]["d4rl_data"] is None and set(table.rows[0][-4:]) == {"–"}
    assert (apart / "PointMaze-umaze.png").stat().st_size > 5_000


def test_the_table_is_stored_where_it_was_asked_for(apart, monkeypatch, capsys):
    monkeypatch.setitem(ROWS, "smoke", 1_500)
    assert datasets.main(["PointMaze-umaze", "--preset", "smoke", "--out", str(apart / "kept")]) == 0
    stored = json.loads((apart / "kept" / "statistics-smoke.json").read_text())
    assert [row["dataset"] for row in stored["rows"]] == ["fixed", "diverse"]
    assert "| PointMaze-umaze | fixed |" in (apart / "kept" / "statistics-smoke.md").read_text()
    assert "stored: " in capsys.readouterr().out


def test_d4rls_own_numbers_stand_beside_ours_or_are_not_known():
    assert set(DATA) - set(PUBLISHED) <= {f"{body}/expert" for body in datasets.BODIES}
    assert all(data.source and (data.trajectories or data.rewarded) for data in DATA.values())
    # 10,768 pieces: 9,768 rewarded rows, 999 time limits and the rest after the last one.
    assert datasets.d4rls("AntMaze-medium", "play") == ("999", "1,001", "–", "0.98%")
    assert datasets.d4rls("Hopper-v5", "medium") == ("2,190", "457", "44", "–")
    assert datasets.d4rls("Hopper-v5", "medium-replay")[2] == UNKNOWN
    assert datasets.d4rls("Hopper-v5", "random") == (UNKNOWN,) * 3 + ("–",)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["Hoper-v5"], "did you mean Hopper-v5"),
        (["--preset", "quik"], "did you mean quick"),
        (["Reacher-v5"], "unknown"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, sentence, capsys):
    assert datasets.main(arguments) == 2
    assert sentence in capsys.readouterr().err
