"""What is on record, in the terminal: filters keep what they name, and what is not there is said in a sentence."""

from __future__ import annotations

import json

import pytest

from benchmarks import ROOT
from benchmarks.runner import browsing
from benchmarks.runner.tables import TABLES
from guided_rl.cli import main
from guided_rl.runtime.errors import UserError

CLAIMS = json.loads((ROOT / "results" / "mentor" / "report" / "claims.json").read_text())["rows"]


def test_every_paper_stands_there_with_its_verdicts(tmp_path):
    found = {row[0]: row for row in browsing.papers().rows}
    assert found.keys() == TABLES.keys()
    verdicts = [row["at_reduced_scale"]["verdict"] for row in CLAIMS]
    assert found["mentor"][4:6] == (str(verdicts.count("holds")), str(verdicts.count("does not hold")))
    assert {row[2:4] for row in browsing.papers(tmp_path).rows} == {("–", "0")}


def test_cells_are_filtered_by_patterns():
    every = browsing.cells(["mentor", "robust"])
    assert {row[0] for row in every.rows} == {"mentor", "robust"}
    mazes = browsing.cells(["mentor"], task="GridMaze-*", method="grpo")
    assert {(row[2].split("-")[0], row[3]) for row in mazes.rows} == {("GridMaze", "grpo")}
    assert len(mazes.rows) < len(every.rows)
    with pytest.raises(UserError, match="no cell of mentor is of preset long"):
        browsing.cells(["mentor"], preset="long")


@pytest.mark.parametrize("verdict", ["holds", "does not hold"])
def test_claims_are_filtered_by_verdict(verdict):
    wanted = [row["id"] for row in CLAIMS if row["at_reduced_scale"]["verdict"] == verdict]
    assert [row[0] for row in browsing.claims(["mentor"], verdict).rows] == wanted
    everything = browsing.claims(["mentor"])
    assert [row[0] for row in everything.rows] == [row["id"] for row in CLAIMS]
    gates = browsing.claims(["mentor"], method="grpo", task="CartPole*")
    assert 0 < len(gates.rows) < len(everything.rows)


def test_what_is_not_there_is_said(capsys):
    for words, said in (
        (["pag", "--claims", "--verdict", "perhaps"], "has verdict perhaps"),
        (["nobody"], "unknown table"),
        (["pex", "--task", "nothing"], "task nothing"),
    ):
        assert main(["results", *words]) == 2
        assert said in capsys.readouterr().err
    assert main(["results"]) == 0
    assert "On record" in capsys.readouterr().out
