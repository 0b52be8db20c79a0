"""The main job: every paper's quick cells live, then one screen of what they and the stored records say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.runner.paths import ROOT, records_root
from benchmarks.runner.tables import TABLES, run_table, write_pages
from guided_rl.results.tables import Table
from guided_rl.results.verdicts import FAILS, HOLDS

COLUMNS = ("twin", "long", "outcome")
IN_DATA = {"twin": "at_reduced_scale", "long": "at_papers_steps", "outcome": "outcome"}
LIVE = "quick"


@dataclass(frozen=True)
class Verdicts:
    """How the claims of one paper read, each by its largest scale that has a verdict.

    Attributes:
      holds, fails: how many. others: how many have no verdict.
    """

    holds: int
    fails: int
    others: int

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Verdicts:
        found = [decided(row)[0] for row in rows if row["test"] is None]
        return cls(found.count(HOLDS), found.count(FAILS), found.count(""))

    def cells(self) -> tuple[str, str, str]:
        return str(self.holds), str(self.fails), str(self.others)


def reproduce(physics: str = "auto", say: Callable[[str], None] = print, root: Path = ROOT) -> tuple[Table, list[str]]:
    """Train every table's quick cells that lack a record; a table of verdicts, and a sentence for each paper.

    Raises:
      UserError: a cell cannot run.
    """
    live = {name: run_table(name, LIVE, physics=physics, say=say, root=root).claims.data for name in TABLES}
    stored = {name: _stored(name, root) for name in TABLES}
    rows = [(TABLES[n].title, *Verdicts.of(live[n]).cells(), *Verdicts.of(stored[n]).cells()) for n in TABLES]
    heads = [f"{where}:\n{word}" for where in ("live", "record") for word in ("holds", "not", "open")]
    table = Table("Claims, by verdict", ("paper", *heads), tuple(rows))
    pages = [*write_pages(root=root, presets=(LIVE,)), records_root("cpu", root) / "site" / "index.html"]
    words = [sentence(TABLES[name].title, live[name]) for name in TABLES]
    return table, [*words, f"Tables, figures and every claim: {' and '.join(map(str, pages))}."]


def decided(row: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """A claim's verdict at the largest scale that has one, and that outcome; empty where none has."""
    for column in reversed(COLUMNS):
        outcome = row[IN_DATA[column]]
        if outcome is not None and outcome["verdict"] in (HOLDS, FAILS):
            return outcome["verdict"], outcome
    return "", {}


def sentence(title: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """What was decided live with the smallest p-value; else that nothing was."""
    found = [(row, *decided(row)) for row in rows if row["test"] is None]
    found = [(row, verdict, outcome) for row, verdict, outcome in found if verdict]
    if not found:
        return f"{title}: no claim has a verdict from these few steps."
    row, verdict, _ = min(found, key=lambda f: _p(f[2]))
    statement = row["statement"].rstrip(".")
    if statement[1:2].islower() or statement[1:2] == " ":  # no name in capitals
        statement = statement[0].lower() + statement[1:]
    return f"{title}: {row['id']} {verdict} at this scale: {statement}."


def _stored(name: str, root: Path) -> list[Mapping[str, Any]]:
    """The rows of the committed ledger; none where there is none yet."""
    path = root / "results" / name / "report" / "claims.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []


def _p(outcome: Mapping[str, Any]) -> float:
    return 1.0 if outcome["p"] is None else outcome["p"]
