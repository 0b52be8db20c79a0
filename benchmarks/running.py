"""One cell of a table: where it is run and kept, whether it has a record, and running it.

A finished cell leaves a record and is not run again while its table asks for the same settings;
an interrupted one goes on from its checkpoint. Records of presets cpu and paper are kept in
`results/`, the others in `runs/`.

Where a table has come to ask for other settings, the cell is run again and its old record stays, also
in reports, until the new one is whole. Seeds and the engine are chosen by a command's words, so that a
record which differs in them is not replaced but in the way: see `refuse_to_lose`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cells import Cell, agents_file, changed
from guided_rl.cli.watch import watching
from guided_rl.config import differences
from guided_rl.errors import UserError
from guided_rl.guides.quotes import experts_behind
from guided_rl.physics import resolved
from guided_rl.reporting import collect, records
from guided_rl.reporting.progress import returns_in_words
from guided_rl.training.checkpoint import Checkpoints
from guided_rl.training.offline import keep_agents
from guided_rl.training.run import Session

ROOT = Path(__file__).resolve().parent.parent


def records_root(preset: str, root: Path = ROOT) -> Path:
    """Where a preset's records live: committed for cpu and paper, scratch for the rest."""
    return root / "results" if preset in ("cpu", "paper") else root / "runs" / "records"


@dataclass(frozen=True)
class Place:
    """Where a table's cells are run and kept at a preset.

    Attributes:
      table: its name. root: the checkout, or a folder like it.
      checkpoint_seconds: least time between a running cell's checkpoints.
    """

    table: str
    preset: str
    root: Path = ROOT
    checkpoint_seconds: float = 120.0

    def record(self, cell: Cell) -> Path:
        return records.cell_folder(records_root(self.preset, self.root), self.table, self.preset, cell.name)

    def run_folder(self, cell: Cell) -> Path:
        """Its checkpoints, until it has a record."""
        return self.root / "runs" / "cells" / self.table / self.preset / cell.name

    def curves(self, cell: Cell) -> Path:
        return self.root / "runs" / "curves" / self.table / self.preset / cell.name

    def agents(self, cell: Cell) -> Path:
        """What an offline cell leaves to those that need it."""
        return self.root / agents_file(cell.config)


def changes(place: Place, cell: Cell) -> list[str] | None:
    """`name: stored -> asked for` wherever the cell's record was made otherwise; None if it has none.

    An offline guide's file is named by its own cell's settings, and stands only where nothing says more.
    """
    settings = _settings(place, cell)
    if settings is None:
        return None
    found = differences(*settings)
    return [change for change in found if not change.startswith("guide: offline:")] or found


def _settings(place: Place, cell: Cell) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """How the cell's record was made, and how it would be now; the same `physics` where the same engine ran."""
    folder = place.record(cell)
    if not (folder / "record.json").exists():
        return None
    record = records.read(folder)
    if _same_engine(record, cell.config.physics):
        cell = changed(cell, {"physics": record.config["physics"]})
    return dict(record.config), cell.config.to_json()


def _same_engine(record: records.Record, physics: str) -> bool:
    """Whether `physics` names what the record ran on; worlds without an engine run on any."""
    ran = record.provenance.get("engine")
    preset = record.provenance.get("engine_options", {}).get("preset", "xml")
    return ran is None or resolved(physics) == (ran if preset == "xml" else f"{ran}:{preset}")


def finished(place: Place, cell: Cell) -> bool:
    """Whether the cell has a record of just these settings; one of others is not believed, and stays until replaced."""
    return changes(place, cell) == []


def standing(place: Place, cell: Cell) -> str:
    """`to run`, `done`, or, with what differs, `to run again` or `in the way`: not to be replaced."""
    found = changes(place, cell)
    if not found:
        return "to run" if found is None else "done"
    return f"{'in the way' if _chosen(place, cell, False) else 'to run again'} ({'; '.join(found)})"


def refuse_to_lose(place: Place, cells: Sequence[Cell], seeds_chosen: bool) -> None:
    """Refuse to replace records that another choice of seeds or engine made, also of what the cells need.

    Args:
      seeds_chosen: whether the command says how many seeds, rather than the table.

    Raises:
      UserError: the first such record, how it was made, and what to do.
    """
    for cell in with_needs(cells):
        if lost := _chosen(place, cell, seeds_chosen):
            stored = " and ".join(f"{name} {value}" for name, (value, _) in lost.items())
            asked = " and ".join(f"{name} {value}" for name, (_, value) in lost.items())
            raise UserError(
                f"{place.record(cell)} was made with {stored}, and a record with {asked} would replace it; "
                f"ask for {stored}, move that folder away, or use guided-rl run, which has a folder of its own"
            )


def _chosen(place: Place, cell: Cell, seeds_chosen: bool) -> dict[str, tuple[Any, Any]]:
    """What a command's words set and the cell's record has otherwise, as (stored, asked for).

    To forget words that made more seeds, or took another engine, loses as much as to give them.
    """
    settings = _settings(place, cell)
    if settings is None:
        return {}
    old, new = settings
    found = {name: (old[name], new[name]) for name in ("seeds", "physics") if old[name] != new[name]}
    if "seeds" in found and old["seeds"] < new["seeds"] and not seeds_chosen:
        del found["seeds"]
    return found


def with_needs(cells: Sequence[Cell]) -> list[Cell]:
    """The cells and what they need, each once."""
    needs = [cell.needs for cell in cells if cell.needs is not None]
    return list({cell.name: cell for cell in [*needs, *cells]}.values())


def run_cell(place: Place, cell: Cell, say: Callable[[str], None], label: str = "") -> None:
    """Train one cell, or go on with it, and keep its record; what it needs is trained first if it is missing."""
    if cell.needs is not None and not place.agents(cell.needs).exists():
        say(f"{label}{cell.needs.name}: its agents are not on this machine, so they are trained again")
        run_cell(place, cell.needs, say, label)
    session = Session(cell.config)
    experts = experts_behind(session.method, cell.config.guide, cell.config.dataset, session.env, rows=session.offline)
    run_folder = place.run_folder(cell)
    begun = any(Checkpoints(wave).latest() for wave in run_folder.glob("wave_*"))
    say(f"{label}{cell.name}{': going on from its checkpoint' if begun else ''}")
    group = f"{place.table}/{cell.config.task}/{cell.config.method}"
    with watching(session, group, place.curves(cell)) as observers:
        result = session.run(run_folder, observers, place.checkpoint_seconds)
    if session.method.offline:
        keep_agents(result, place.agents(cell), session.offline.shape[1])
    record = collect.from_result(result, place.table, place.preset, cell.name, experts, cell.variant, cell.setting)
    if not finished(place, cell):
        records.write(record, place.record(cell))
    shutil.rmtree(run_folder, ignore_errors=True)
    last = result.history.mean_returns(-1, result.protocols, result.died_at < 0)
    told = f"last return {returns_in_words(last)}" if last else "every seed failed"
    say(f"{label}{cell.name}: {result.wall_seconds:.0f} s, {told}")
