"""One cell of a table: where it is run and kept, whether it has a record, and running it.

A finished cell leaves a record and is never run again; an interrupted one goes on from its
checkpoint. Records of presets cpu and paper are kept in `results/`, the others in `runs/`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cells import Cell, agents_file
from guided_rl.cli.watch import watching
from guided_rl.errors import UserError
from guided_rl.guides.quotes import experts_behind
from guided_rl.reporting import collect, records
from guided_rl.training.checkpoint import Checkpoints, differences
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


def finished(place: Place, cell: Cell) -> bool:
    """Whether a record of just this configuration exists.

    Raises:
      UserError: there is a record of another configuration in its place.
    """
    folder = place.record(cell)
    if not (folder / "record.json").exists():
        return False
    changed = differences(records.read(folder).config, cell.config.to_json())
    if changed:
        raise UserError(f"{folder} was made with other settings ({'; '.join(changed)}); remove it to run it again")
    return True


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
    final = np.nanmean(result.history.evaluation["episode_return"][-1, :, 0])
    say(f"{label}{cell.name}: {result.wall_seconds:.0f} s, last return {final:,.0f}")
