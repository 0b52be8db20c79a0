"""The main job ends on one screen: verdicts counted, live and on record, and a sentence for each paper."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from benchmarks.runner import evidence, main_job
from benchmarks.runner.main_job import Verdicts, decided, reproduce, sentence
from guided_rl.cli import main
from guided_rl.results.tables import Table


def outcome(verdict: str, p: float | None = 0.01) -> dict:
    return {"verdict": verdict, "p": p}


def row(name: str, statement: str = "It helps", test: str | None = None, **columns) -> dict:
    found = dict.fromkeys(("outcome", "at_papers_steps", "at_reduced_scale"))
    return {"id": name, "statement": statement, "test": test, **found, **columns}


ROWS = [
    row("a/1", at_reduced_scale=outcome("holds", 0.04), outcome=outcome("not run at this scale", None)),
    row("a/2", "It never crashes.", at_reduced_scale=outcome("holds", 0.001)),
    row("a/3", at_reduced_scale=outcome("holds"), at_papers_steps=outcome("does not hold")),
    row("a/4", at_reduced_scale=outcome("undecided", 0.4)),
    row("a/5", test="tests/x.py::y", outcome=outcome("by test", None)),
]


def test_a_claim_counts_by_the_largest_scale_that_decides_it():
    assert decided(ROWS[2])[0] == "does not hold" and decided(ROWS[3])[0] == ""
    assert Verdicts.of(ROWS) == Verdicts(holds=2, fails=1, others=1)


def test_the_sentence_is_of_the_surest_verdict():
    assert sentence("A", ROWS) == "A: a/2 holds at this scale: it never crashes."
    assert sentence("A", [row("a/6", "PAG crashes less", at_reduced_scale=outcome("holds"))]).endswith(
        ": PAG crashes less."
    )
    assert sentence("A", ROWS[3:]) == "A: no claim has a verdict from these few steps."


def test_every_paper_is_run_and_stands_on_the_screen(tmp_path, monkeypatch):
    run = []

    def run_table(name, preset, physics, say, root):
        run.append((name, preset))
        return SimpleNamespace(claims=Table("", (), (), data=tuple(ROWS)))

    monkeypatch.setattr(main_job, "run_table", run_table)
    monkeypatch.setattr(main_job, "write_pages", lambda root, presets: [root / "page.html"])
    monkeypatch.setattr(main_job, "TABLES", {"one": SimpleNamespace(title="One"), "two": SimpleNamespace(title="Two")})
    (tmp_path / "results" / "two" / "report").mkdir(parents=True)
    (tmp_path / "results" / "two" / "report" / "claims.json").write_text(json.dumps({"rows": ROWS[:1]}))
    table, words = reproduce(root=tmp_path)
    assert run == [("one", "quick"), ("two", "quick")]
    assert table.rows == (("One", "2", "1", "1", "0", "0", "0"), ("Two", "2", "1", "1", "1", "0", "0"))
    assert words[0].startswith("One: a/2 holds") and str(tmp_path / "page.html") in words[-1]


@pytest.mark.parametrize("command", [["reproduce"], ["evidence", "--list"]])
def test_the_commands_find_their_modules(command, monkeypatch, capsys):
    nothing = Table("nothing", ("column",), ())
    monkeypatch.setattr(main_job, "reproduce", lambda physics: (nothing, ["all is said"]))
    monkeypatch.setattr(evidence, "missing_table", lambda: nothing)
    assert main(command) == 0
    assert "column" in capsys.readouterr().out
