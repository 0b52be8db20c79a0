"""A paper's table as data: cells to run, claims to judge, figures to draw."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from guided_rl.config import RunConfig, check
from guided_rl.errors import unknown
from guided_rl.methods import build
from guided_rl.reporting import report
from guided_rl.reporting.claims import Claim
from guided_rl.reporting.replacements import Replacement

PRESETS = ("smoke", "quick", "cpu", "paper")
TUNING_SEED = 10_000


@dataclass(frozen=True)
class Cell:
    """A method on a task with all its seeds and grid points: the unit that is run and kept.

    Attributes:
      config: the population. variant: what sets an ablation or sweep apart from the main
        cell of the same method and task; empty for the main one.
      setting: what the task is done from, such as an offline dataset; in records it is a part of
        the task's name, as in `Hopper-v5/medium`.
      needs: the offline cell whose agents are this one's guide.
      tuning: what chooses hyper-parameters that the paper tunes; they are not in `config` until it has run.
    """

    config: RunConfig
    variant: str = ""
    setting: str = ""
    needs: Cell | None = None
    tuning: Tuning | None = None

    @property
    def name(self) -> str:
        """The record's folder."""
        parts = (self.config.task, self.setting, self.config.method, self.variant)
        return "__".join("".join(c if c.isalnum() or c in ".-" else "_" for c in part) for part in parts if part)

    @property
    def updates(self) -> int:
        """Steps of all members, the cell's cost in seed-updates; an ensemble's count as often as it has agents.

        A clone alone learns nothing.
        """
        config = self.config
        learners = 0 if config.method == "bc" else build(config.method, config.options).ensemble
        return learners * len(config.points()) * config.seeds * config.steps


@dataclass(frozen=True)
class Tuning:
    """How a tuned setting is chosen: the grid point of `cell`, on tuning seeds, with the best mean `metric`.

    Attributes:
      cell: the sweep; its seeds start at `TUNING_SEED`, so that no judged seed chooses anything.
      metric, protocol: what is compared, as claims name it.
    """

    cell: Cell
    metric: str = "final"
    protocol: str = "policy"


@dataclass(frozen=True)
class PaperTable:
    """One paper.

    Attributes:
      name: as in `make table-<name>`. title: for headings.
      cells: `preset -> cells`. claims: the ledger's rows for this paper.
      pairs: (guided method, its base). sweeps: (grid axis, base to compare with).
      grids: what `make sweep-<axis>` runs, `(preset, task) -> cell` by axis; at presets that the
        table has that cell in, it is the same.
      ours: our own methods, with the fixed settings that they replace.
      figures: the paper's own figures, `(records, title) -> {file name: figure}`.
      published: our numbers beside other code bases', `(records, title) -> table`.
    """

    name: str
    title: str
    cells: Callable[[str], Sequence[Cell]]
    claims: Sequence[Claim]
    pairs: Sequence[tuple[str, str]]
    sweeps: Sequence[tuple[str, str]]
    grids: Mapping[str, Callable[..., Cell]] = field(default_factory=dict)
    ours: Sequence[Replacement] = ()
    figures: report.MoreFigures | None = None
    published: report.Published | None = None


def cells_of(
    table: PaperTable,
    preset: str,
    seeds: int | None = None,
    physics: str = "auto",
    tasks: Sequence[str] = (),
    names: Sequence[str] = (),
) -> list[Cell]:
    """The table's cells at a preset, with the user's choices applied.

    Args:
      tasks: only cells of these. names: only cells whose name matches one of these shell patterns.

    Raises:
      UserError: an unknown preset or task, a pattern that no cell matches, or a setting that cannot run.
    """
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    cells = list(table.cells(preset))
    for task in tasks:
        if task not in {cell.config.task for cell in cells}:
            raise unknown(f"task of table {table.name} at preset {preset}", task, {c.config.task for c in cells})
    cells = [cell for cell in cells if not tasks or cell.config.task in tasks]
    for pattern in names:
        if not any(fnmatchcase(cell.name, pattern) for cell in cells):
            raise unknown(f"cell of table {table.name} at preset {preset}", pattern, {cell.name for cell in cells})
    cells = [cell for cell in cells if not names or any(fnmatchcase(cell.name, pattern) for pattern in names)]
    return [_as_asked(cell, seeds, physics) for cell in cells]


def sweep_cell(
    table: PaperTable, axis: str, preset: str, task: str, seeds: int | None = None, physics: str = "auto"
) -> Cell:
    """The cell that sweeps one axis of the table on a task at a preset.

    Raises:
      UserError: an unknown axis, preset or task, or a setting that cannot run.
    """
    if axis not in table.grids:
        raise unknown(f"sweep of table {table.name}", axis, table.grids)
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    return _as_asked(table.grids[axis](preset, task), seeds, physics)


def _as_asked(cell: Cell, seeds: int | None, physics: str) -> Cell:
    """The cell with the user's choices, and checked, so that a mistake in them is told before records are looked at."""
    cell = changed(cell, {"physics": physics, **({} if seeds is None else {"seeds": seeds})})
    check(cell.config, build(cell.config.method, cell.config.options))
    return cell


def changed(cell: Cell, changes: Mapping[str, Any]) -> Cell:
    """The cell with other settings, also in what it needs, and with that as its guide."""
    if cell.needs is None:
        return dataclasses.replace(cell, config=dataclasses.replace(cell.config, **changes))
    needs = changed(cell.needs, changes)
    guide = f"offline:{agents_file(needs.config)}"
    return dataclasses.replace(cell, config=dataclasses.replace(cell.config, guide=guide, **changes), needs=needs)


def agents_file(config: RunConfig) -> Path:
    """Where an offline run's agents lie in the checkout, by the run's configuration."""
    digest = hashlib.sha256(json.dumps(config.to_json(), sort_keys=True).encode()).hexdigest()[:12]
    return Path("runs") / "agents" / f"{config.task}__{config.method}__{digest}.npz"
