"""What the site shows, read back from stored reports and from the heads of records; nothing is computed here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.claims.ledger import LONG
from benchmarks.claims.ledger import PAPER as PAPER_PRESET
from benchmarks.report.site.claim_rows import ClaimRow, claim_row
from benchmarks.report.site.markdown_tables import read_table
from guided_rl.results.records import TUNING_SEED
from guided_rl.results.tables import Table


@dataclass(frozen=True)
class Paper:
    """A paper's table, as the site names it.

    Attributes:
      name: its folder among the records. title: for headings. about: its table's docstring.
      answer: what was found, in a sentence; empty where nobody wrote one.
      presets: those that have a report, the largest first.
      pairs: (guided method, its base). methods: all that it trains, with a record or without.
      paper_networks: whether networks are the paper's at every preset.
    """

    name: str
    title: str
    about: str = ""
    answer: str = ""
    presets: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    methods: tuple[str, ...] = ()
    paper_networks: bool = False


@dataclass(frozen=True)
class CellHead:
    """What the head of a record says.

    Attributes:
      points: number of grid points, more than one in a sweep. seeds: learner seeds.
    """

    table: str
    preset: str
    cell: str
    task: str
    method: str
    variant: str
    points: int
    seeds: tuple[int, ...]
    budget: int
    commit: str
    engine: str

    @property
    def folder(self) -> str:
        """Its folder among the records."""
        return f"{self.table}/{self.preset}/{self.cell}"

    @property
    def label(self) -> str:
        """Its method, with what sets it apart."""
        return f"{self.method} ({self.variant})" if self.variant else self.method

    @property
    def main(self) -> bool:
        """Whether it is its method's cell of the comparison."""
        return not self.variant and self.points == 1 and min(self.seeds, default=0) < TUNING_SEED


@dataclass(frozen=True)
class Catalogue:
    """Everything below one folder of records.

    Attributes:
      records: the folder. papers: those that have a report.
    """

    records: Path
    papers: tuple[Paper, ...]
    _tables: dict[Path, Table] = field(default_factory=dict, repr=False)

    @cached_property
    def cells(self) -> list[CellHead]:
        """The heads of all records, by table, preset and name."""
        return [
            _head(paper.name, preset, path.parent.name, json.loads(path.read_text(encoding="utf-8")))
            for paper in self.papers
            for preset in paper.presets
            for path in sorted((self.records / paper.name / preset).glob("*/record.json"))
        ]

    @cached_property
    def claims(self) -> list[ClaimRow]:
        """The claims of all papers, each with its verdicts."""
        by_folder = {(c.table, c.preset, c.cell): c for c in self.cells}
        return [
            claim_row(paper.name, paper.title, row, by_folder, paper.paper_networks)
            for paper in self.papers
            for row in self._claims_of(paper)
        ]

    def _claims_of(self, paper: Paper) -> Sequence[dict[str, Any]]:
        """The rows of the paper's one ledger; a scratch preset's own where it has none."""
        folders = [self.records / paper.name / "report"]
        folders += [self.records / paper.name / preset / "report" for preset in paper.presets]
        found = [folder / "claims.json" for folder in folders if (folder / "claims.json").exists()]
        return json.loads(found[0].read_text(encoding="utf-8"))["rows"] if found else []

    @cached_property
    def methods(self) -> list[str]:
        """Methods that have a record, or that a claim is about."""
        return sorted({cell.method for cell in self.cells} | {name for claim in self.claims for name in claim.methods})

    @cached_property
    def tasks(self) -> list[str]:
        """Tasks that have a record, or that a claim is about."""
        return sorted({cell.task for cell in self.cells} | {name for claim in self.claims for name in claim.tasks})

    def of(self, paper: str = "", preset: str = "", method: str = "", task: str = "") -> list[CellHead]:
        """The cells of these names; an empty name is any."""
        asked = {"table": paper, "preset": preset, "method": method, "task": task}
        return [c for c in self.cells if all(not value or getattr(c, name) == value for name, value in asked.items())]

    def tables(self, paper: str, preset: str) -> dict[str, Table]:
        """The tables of a report by name, provenance and claims included."""
        folder = self.records / paper / preset / "report"
        for path in sorted(folder.glob("*.md")):
            if path not in self._tables:
                self._tables[path] = read_table(path.read_text(encoding="utf-8"))
        return {path.stem: self._tables[path] for path in sorted(folder.glob("*.md"))}

    def figures(self, paper: str, preset: str) -> list[str]:
        """Names of the stored figures of a report."""
        return sorted(path.stem for path in (self.records / paper / preset / "report").glob("*.svg"))

    @cached_property
    def finals(self) -> list[dict[str, Any]]:
        """The rows of every table of returns, each with its `table` and `preset`."""
        found: list[dict[str, Any]] = []
        for paper in self.papers:
            for preset in paper.presets:
                path = self.records / paper.name / preset / "report" / "returns.json"
                rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
                found += [{"table": paper.name, "preset": preset, **row} for row in rows]
        return found


def scale_label(preset: str, paper_networks: bool) -> str:
    """What a preset's records are beside the paper, in a few words."""
    if preset == PAPER_PRESET or (preset == LONG and paper_networks):
        return "the paper's own scale"
    if preset == LONG:
        return "the paper's steps, with narrower networks"
    return "a reduced scale"


def names(cells: Iterable[CellHead], what: str) -> list[str]:
    """The different values of an attribute, sorted."""
    return sorted({getattr(cell, what) for cell in cells})


def _head(table: str, preset: str, cell: str, head: dict[str, Any]) -> CellHead:
    """What `record.json` says, under the names of the folders that it lies in."""
    points = 1
    for values in head["grid"].values():
        points *= len(values)
    provenance = head["provenance"]
    return CellHead(
        table,
        preset,
        cell,
        head["task"],
        head["method"],
        head["variant"],
        points,
        tuple(head["seeds"]),
        int(head["config"].get("steps", 0)),
        str(provenance.get("commit", "")),
        str(provenance.get("engine") or ""),
    )
