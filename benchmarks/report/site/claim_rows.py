"""A claim as the pages show it: its verdict at each scale, with numbers, reasons, cells and the command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.claims.ledger import ELSEWHERE, FAILS, HOLDS, LONG, MORE_EXPERTS, PAPER, TESTED, UNDECIDED
from guided_rl.results.tables import estimate, number, percent, stored_interval

STYLES = {HOLDS: "holds", FAILS: "fails", MORE_EXPERTS: "more", UNDECIDED: "open", ELSEWHERE: "none", TESTED: "tested"}
SIGNS = {HOLDS: "✓", FAILS: "✗", UNDECIDED: "?", MORE_EXPERTS: "+", ELSEWHERE: "·", TESTED: "T"}
PLURAL = {HOLDS: "hold", FAILS: "do not hold", MORE_EXPERTS: "need more experts"}
COLUMNS = {"paper": "outcome", "steps": "at_papers_steps", "twin": "at_reduced_scale"}
"""Scales, the largest first, with their keys in a stored ledger."""
SCALES = {
    "paper": "At the paper's own scale",
    "steps": "At the paper's steps, with narrower networks",
    "twin": "Scaled twin, at a reduced scale",
}
MOST_NAMED = 8


@dataclass(frozen=True)
class Judged:
    """A verdict at one scale, with what it rests on, as text; `holm` where the correction changes it."""

    scale: str
    verdict: str
    value: str
    holm: str
    p: str
    p_holm: str
    seeds_needed: str
    reasons: tuple[str, ...]

    @property
    def style(self) -> str:
        return STYLES[self.verdict]

    @property
    def decided(self) -> bool:
        """Whether the claim holds, or does not."""
        return self.verdict in (HOLDS, FAILS)


@dataclass(frozen=True)
class ClaimRow:
    """One claim.

    Attributes:
      id: such as `dai/D1`. paper: its table. judged: one of each scale that has an outcome, the largest first.
      methods, tasks: what it is about. cells: the heads of the records that it was judged from.
      commands: what makes them again, one for each preset. test: of a claim that a test shows.
    """

    id: str
    paper: str
    paper_title: str
    statement: str
    source: str
    metric: str
    threshold: str
    judged: tuple[Judged, ...]
    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    cells: tuple[Any, ...]
    commands: tuple[str, ...]
    test: str

    @property
    def anchor(self) -> str:
        return self.id.replace("/", "-")

    @property
    def shown(self) -> Judged:
        """The verdict at the largest scale that has one; else the smallest scale's, which says why not."""
        decided = [judged for judged in self.judged if judged.decided]
        run = [judged for judged in self.judged if judged.verdict != ELSEWHERE]
        return (decided or run[-1:] or list(self.judged))[0]

    @property
    def why(self) -> str:
        """Its number, or else the first reason why there is none."""
        return self.shown.value or (self.shown.reasons[0] if self.shown.reasons else "")

    @property
    def seeds(self) -> str:
        """The numbers of seeds of its cells, as a phrase."""
        counts = sorted({len(cell.seeds) for cell in self.cells})
        return "none" if not counts else str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def claim_row(
    paper: str, title: str, row: Mapping[str, Any], heads: Mapping[tuple[str, str, str], Any], paper_networks: bool
) -> ClaimRow:
    """The row of a stored ledger.

    Args:
      heads: of the records, by table, preset and cell. paper_networks: as a paper's table has it.
    """
    found = [_judged(scale, row[key], row.get("unit", "gain")) for scale, key in COLUMNS.items() if row[key]]
    cells = dict(row.get("cells", {}))
    kept = [heads[paper, p, name] for p, names in cells.items() for name in names if (paper, p, name) in heads]
    presets = list(cells) or [p for p in row["presets"] if p not in (PAPER, LONG)][:1] or [PAPER]
    return ClaimRow(
        row["id"],
        paper,
        title,
        row["statement"],
        row["source"],
        row["metric"],
        row["threshold"],
        tuple(found),
        tuple(row.get("methods", ())),
        tuple(row.get("tasks", ())),
        tuple(kept),
        tuple(_command(paper, preset, cells.get(preset, ())) for preset in presets),
        row["test"] or "",
    )


def counted(claims: Sequence[ClaimRow]) -> str:
    """How many claims show each verdict, in words."""
    shown = [claim.shown.verdict for claim in claims]
    found = {verdict: shown.count(verdict) for verdict in STYLES if verdict in shown}
    words = [f"{count} {PLURAL.get(verdict, verdict) if count > 1 else verdict}" for verdict, count in found.items()]
    return ", ".join(words) or "none judged yet"


def by_verdict(claims: Sequence[ClaimRow]) -> list[ClaimRow]:
    """The claims in the order of `STYLES`, so that the same verdicts stand together."""
    return sorted(claims, key=lambda claim: list(STYLES).index(claim.shown.verdict))


def _judged(scale: str, outcome: Mapping[str, Any], unit: str) -> Judged:
    holm = outcome["verdict_holm"]
    notes = [] if outcome["verdict"] == TESTED else [note.strip() for note in outcome["note"].split("; ")]
    return Judged(
        scale,
        outcome["verdict"],
        value_text(outcome, unit),
        holm if holm not in (None, outcome["verdict"]) else "",
        _p(outcome["p"]),
        _p(outcome["p_holm"]),
        "" if outcome["seeds_needed"] is None else f"{outcome['seeds_needed']:,}",
        tuple(note for note in notes if note),
    )


def value_text(outcome: Mapping[str, Any], unit: str) -> str:
    """A stored outcome's number with its interval; empty where it has none."""
    if outcome["interval"] is None:
        text = "" if outcome["value"] is None else number(outcome["value"])
    else:
        interval = stored_interval(outcome["interval"])
        text = percent(interval) if unit == "gain" else estimate(interval)
    return "" if text == "–" else text


def _p(value: float | None) -> str:
    return "" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _command(paper: str, preset: str, cells: Sequence[str]) -> str:
    named = " ".join(map(shlex.quote, cells))
    only = f" --cells {named}" if 0 < len(cells) <= MOST_NAMED else ""
    return f"guided-rl table {paper} --preset {preset}{only}"
