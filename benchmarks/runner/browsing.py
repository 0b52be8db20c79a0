"""Looking through what is on record, in the terminal: papers, their cells and their claims, from the stored reports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from benchmarks.claims.ledger import ELSEWHERE
from benchmarks.report.site.claim_rows import value_text
from benchmarks.runner.cells import COMMITTED
from benchmarks.runner.main_job import Verdicts
from benchmarks.runner.paths import ROOT, records_root
from benchmarks.runner.tables import TABLES, find_table
from guided_rl.results.tables import Table, estimate, stored_interval
from guided_rl.runtime.errors import UserError

SCALES = {"outcome": "the paper's", "at_papers_steps": "its steps", "at_reduced_scale": "scaled twin"}
EVERY = "*"


def papers(root: Path = ROOT) -> Table:
    """Every paper with its presets, cells and verdicts on record."""
    rows = []
    for name, table in TABLES.items():
        home = records_root("cpu", root) / name
        there = [preset for preset in COMMITTED if any((home / preset).glob("*/record.json"))]
        cells = sum(len(list((home / preset).glob("*/record.json"))) for preset in there)
        verdicts = Verdicts.of(_claims(name, root)).cells() if there else ("–", "–", "–")
        rows.append((name, table.title, " ".join(there) or "–", str(cells), *verdicts))
    columns = ("name", "paper", "presets", "cells", "claims\nthat hold", "do not", "are open")
    notes = ("guided-rl results NAME lists its cells, and with --claims its claims.",)
    return Table("On record", columns, tuple(rows), 3, notes)


def cells(
    names: Sequence[str], preset: str = EVERY, task: str = EVERY, method: str = EVERY, root: Path = ROOT
) -> Table:
    """What every cell returned, early, at the end and on average, with intervals.

    Args:
      names: of papers. preset, task, method: shell patterns.

    Raises:
      UserError: an unknown paper, or no cell is like that.
    """
    rows = []
    for name, kept, row in _returns(names, root):
        if fnmatchcase(kept, preset) and fnmatchcase(row["task"], task) and fnmatchcase(row["method"], method):
            variant = ", ".join([row["variant"], *(f"{k} {v:g}" for k, v in row["grid_point"].items())]).strip(", ")
            means = [estimate(stored_interval(row[part]["mean"])) for part in ("early", "final", "auc")]
            who = (row["task"], row["method"], variant or "–", row["protocol"])
            rows.append((name, kept, *who, str(len(row["seeds"])), *means))
    if not rows:
        raise UserError(f"no cell of {' or '.join(names)} is of preset {preset}, task {task} and method {method}")
    columns = ("paper", "preset", "task", "method", "variant", "policy", "seeds", "early", "final", "AUC")
    notes = (
        "Returns are normalised where the task has a scale: 0 is the better of random and zero action, 100 the expert.",
    )
    return Table(f"{len(rows)} returns", columns, tuple(rows), 6, notes)


def claims(
    names: Sequence[str], verdict: str = EVERY, task: str = EVERY, method: str = EVERY, root: Path = ROOT
) -> Table:
    """Each claim's verdict at every scale that was judged.

    Args:
      names: of papers. verdict, task, method: shell patterns; of what the claim was judged from.

    Raises:
      UserError: an unknown paper, or no claim is like that.
    """
    rows = []
    for name in names:
        for row in _claims(find_table(name).name, root):
            like = (not row["tasks"] and task == EVERY) or any(fnmatchcase(t, task) for t in row["tasks"])
            like &= (not row["methods"] and method == EVERY) or any(fnmatchcase(m, method) for m in row["methods"])
            for scale, words in SCALES.items():
                found = row[scale]
                if (
                    like
                    and found is not None
                    and found["verdict"] != ELSEWHERE
                    and fnmatchcase(found["verdict"], verdict)
                ):
                    shown = value_text(found, row["unit"]) or "–"
                    rows.append((row["id"], row["statement"], words, found["verdict"], shown))
    if not rows:
        raise UserError(f"no claim of {' or '.join(names)} has verdict {verdict}, task {task} and method {method}")
    columns = ("claim", "statement", "scale", "verdict", "value")
    return Table(f"{len(rows)} outcomes of claims", columns, tuple(rows), 4)


def _claims(name: str, root: Path) -> list[Mapping[str, Any]]:
    path = records_root("cpu", root) / name / "report" / "claims.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []


def _returns(names: Sequence[str], root: Path) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Paper, preset and row of every stored table of returns."""
    for name in names:
        for preset in COMMITTED:
            path = records_root("cpu", root) / find_table(name).name / preset / "report" / "returns.json"
            if path.exists():
                for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
                    yield name, preset, row
