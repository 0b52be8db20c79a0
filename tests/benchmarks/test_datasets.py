"""The datasets command: which tasks it knows, what it prints, and what it refuses."""

from __future__ import annotations

import pytest

from benchmarks import datasets
from benchmarks.pex import ROWS


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_RL_CACHE", str(tmp_path))
    monkeypatch.setattr(datasets, "PICTURES", tmp_path)
    return tmp_path


def test_a_mazes_datasets_are_described_and_drawn(apart, monkeypatch):
    monkeypatch.setitem(ROWS, "smoke", 1_500)
    table = datasets.table_of(["PointMaze-umaze"], "smoke", "native", apart)
    assert [row[1] for row in table.rows] == ["fixed", "diverse"]
    by_name = {facts["dataset"]: facts for facts in table.data}
    assert by_name["fixed"]["length"] == 150
    assert by_name["diverse"]["cells"] == 1.0
    assert by_name["fixed"]["reward"] > 0.3  # the ball waits at the goal, which is no end
    assert (apart / "PointMaze-umaze.png").stat().st_size > 5_000


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
