"""The claims ledger as a table: each claim in columns by scale, which are never merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.claims.ledger import ELSEWHERE, LONG, PAPER, Claim, Outcome, Row, View, ledger
from benchmarks.report.watched import Seen, watched
from guided_rl.results.records import Record
from guided_rl.results.scales import ScaleOf, scale_of
from guided_rl.results.sources import with_sources
from guided_rl.results.table_notes import data_notes
from guided_rl.results.tables import Table, estimate, number, percent

SHARED_LEVEL = (
    "Verdicts rest on 95 % intervals of at least ten seeds. Tasks of one claim share its level, so an interval that "
    "excludes the threshold on one task may not decide. Holm: the verdict that is left when all claims of the paper "
    "in a column share the level, where that is another one."
)
NARROWER = "At the paper's steps,\n64×64 networks"


def ledger_table(
    records: Mapping[str, Sequence[Record]],
    claims: Sequence[Claim],
    title: str,
    scale: ScaleOf = scale_of,
    paper_networks: bool = False,
) -> Table:
    """The claims of a table, each column judged from the records of its own presets.

    Args:
      records: by preset. paper_networks: whether every preset has the paper's networks.
    """
    views = [View(tuple(with_sources(found)), preset, scale) for preset, found in records.items() if found]
    noting = [watched(claim) for claim in claims]
    rows = ledger([claim for claim, _ in noting], *views, paper_networks=paper_networks)
    return claims_table(rows, views, title, {claim.id: seen for claim, seen in noting})


def claims_table(
    rows: Sequence[Row], views: Sequence[View], title: str, seen: Mapping[str, Seen] | None = None
) -> Table:
    """Claims with their verdicts in up to three columns that are never merged, judged on `views`.

    Args:
      seen: by claim, which cells its judges read.
    """
    presets = [view.preset for view in views if view.preset not in (PAPER, LONG)]
    shown = {"outcome": "At the paper's scale"}
    shown |= {"long": NARROWER} if any(row.long for row in rows) else {}
    shown |= {"twin": f"Scaled twin,\npreset {presets[0]}"} if presets else {}
    text, data = [], []
    for row in rows:
        claimed = f"{row.claim.statement}\n{row.claim.threshold}  ({row.claim.source})"
        verdicts = [getattr(row, column) for column in shown]
        text.append((row.claim.id, claimed, *(_verdict(o, row.claim.unit) if o else "–" for o in verdicts)))
        facts = {
            "id": row.claim.id,
            "twin": row.claim.twin,
            "test": row.claim.test,
            "seed_plan": row.claim.plan,
            "unit": row.claim.unit,
            "presets": [view.preset for view in views],
            **(seen or {}).get(row.claim.id, Seen()).facts(),
            **{name: getattr(row.claim, name) for name in ("paper", "statement", "source", "metric", "threshold")},
        }
        judged = {"outcome": row.outcome, "at_papers_steps": row.long, "at_reduced_scale": row.twin}
        data.append({**facts, **{name: outcome and _facts(outcome) for name, outcome in judged.items()}})
    notes = [SHARED_LEVEL, *_scales(shown, presets)]
    notes += [
        f"Preset {view.preset}: {note}" if len(views) > 1 else note
        for view in views
        for note in data_notes(view.records)
    ]
    for row in rows:
        notes += _reasons(row)
    return Table(title, ("Claim", "Statement", *shown.values()), tuple(text), 2 + len(shown), tuple(notes), tuple(data))


def _scales(shown: Mapping[str, str], presets: Sequence[str]) -> list[str]:
    """What the columns beside the paper's scale are."""
    notes = []
    if "long" in shown:
        notes.append(
            "Paper's steps: preset long has the paper's own numbers of environment and gradient steps; its networks "
            "are narrower (64×64, batch 128), so that its verdicts are not merged with those at the paper's scale."
        )
    if "twin" in shown:
        notes.append(
            f"Scaled twin: preset {presets[0]} judges the same statement at the same fractions of its own budget; "
            "that is no verdict on the paper's claim."
        )
    return notes


def _reasons(row: Row) -> list[str]:
    """The notes of a claim's outcomes; that of a claim not run at the paper's scale only where it has no other."""
    others = {f"{row.claim.id} at the paper's steps": row.long, row.claim.twin: row.twin}
    judged = {name: outcome for name, outcome in others.items() if outcome is not None}
    if row.outcome.verdict != ELSEWHERE or not judged:
        judged = {row.claim.id: row.outcome, **judged}
    return [f"{name}: {outcome.note}." for name, outcome in judged.items() if outcome.note and row.claim.test is None]


def _verdict(outcome: Outcome, unit: str) -> str:
    if outcome.interval is None:
        value = "" if outcome.value is None else number(outcome.value)
    else:
        value = percent(outcome.interval) if unit == "gain" else estimate(outcome.interval)
    lines = [outcome.verdict, *([value] if value and value != "–" else [])]
    if outcome.verdict_holm not in (None, outcome.verdict):
        lines.append(f"Holm: {outcome.verdict_holm}")
    return "\n".join(lines)


def _facts(outcome: Outcome) -> dict[str, Any]:
    names = ("verdict", "value", "interval", "note", "p", "p_holm", "verdict_holm")
    return {**{name: getattr(outcome, name) for name in names}, "seeds_needed": outcome.seeds}
