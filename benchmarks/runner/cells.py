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

from benchmarks.claims.ledger import Claim
from benchmarks.report import build as report
from benchmarks.report.replacements import Replacement
from guided_rl.config import RunConfig, check
from guided_rl.methods import build
from guided_rl.results.records import TUNING_SEED
from guided_rl.runtime.errors import unknown_name
from guided_rl.runtime.files import file_name

PRESETS = ("smoke", "quick", "cpu", "long", "paper")
COMMITTED = ("cpu", "long", "paper")
IN_SHARDS = ("cpu", "long")  # on an accelerator a cell is one program over all its seeds
SHARD_UPDATES = 4_000_000  # some 90 minutes of a slow two-core machine, where 64×64 networks learn 750 times a second
SLOW_TASKS = ("Ant", "Humanoid")  # where physics takes as long again as learning


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
      seeds_per_shard: the cell is run as shards of so many seeds, each kept for itself; as a whole if None.
      preset: whose records it is kept among, such as a sweep's whose choice larger presets take over; empty is
        the preset that asks for it.
      whole: of a shard, the cell that it is a part of.

    Raises:
      ValueError: what it needs is run in shards, whose agents would lie in several files.
    """

    config: RunConfig
    variant: str = ""
    setting: str = ""
    needs: Cell | None = None
    tuning: Tuning | None = None
    seeds_per_shard: int | None = None
    preset: str = ""
    whole: Cell | None = None

    def __post_init__(self):
        if self.needs is not None and self.needs.seeds_per_shard is not None:
            raise ValueError(f"{self.name} needs {self.needs.name}, which cannot be run in shards then")

    @property
    def name(self) -> str:
        """The record's folder; a shard has its cell's."""
        parts = (self.config.task, self.setting, self.config.method, self.variant)
        return "__".join(file_name(part) for part in parts if part)

    @property
    def seeds(self) -> range:
        """Its learner seeds."""
        return range(self.config.first_seed, self.config.first_seed + self.config.seeds)

    @property
    def place(self) -> str:
        """The name, or of a shard its own folder within that one."""
        return self.name if self.whole is None else f"{self.name}/shards/{self.seeds[0]}-{self.seeds[-1]}"

    @property
    def updates(self) -> int:
        """Steps of all members, the cell's cost in seed-updates; an ensemble's count as often as it has agents.

        A clone alone learns nothing.
        """
        config = self.config
        learners = 0 if config.method == "bc" else build(config.method, config.options).cost.ensemble
        return learners * len(config.points()) * config.seeds * config.steps


@dataclass(frozen=True)
class Tuning:
    """How a tuned setting is chosen: the grid point of `cell`, on tuning seeds, with the best mean `metric`.

    Attributes:
      cell: the sweep; its seeds start at `TUNING_SEED`, so that no judged seed chooses anything.
      metric, protocol: what is compared, as claims name it.

    Raises:
      ValueError: a seed that is judged would choose.
    """

    cell: Cell
    metric: str = "final"
    protocol: str = "policy"

    def __post_init__(self):
        if self.cell.config.first_seed < TUNING_SEED:
            raise ValueError(f"{self.cell.name} chooses settings, so that its seeds start at {TUNING_SEED}")


@dataclass(frozen=True)
class PaperTable:
    """One paper.

    Attributes:
      name: as in `make table-<name>`. title: for headings.
      cells: `preset -> cells`. claims: the ledger's rows for this paper.
      live: what takes the place of `claims` at preset quick, the main job's: claims in small, which its few cells
        decide. Tasks, steps and seeds were chosen on tuning seeds.
      pairs: (guided method, its base). sweeps: (grid axis, base to compare with).
      grids: what `make sweep-<axis>` runs, `(preset, task) -> cell` by axis; at presets that the
        table has that cell in, it is the same.
      ours: our own methods, with the fixed settings that they replace.
      figures: the paper's own figures, `(records, title) -> {file name: figure}`.
      published: our numbers beside other code bases', `(records, title) -> table`.
      paper_networks: whether networks and batch are the paper's at every preset, so that preset `long`, with the
        paper's numbers of steps, is the paper's own scale.
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
    paper_networks: bool = False
    live: Sequence[Claim] = ()

    def claims_at(self, preset: str) -> Sequence[Claim]:
        """The claims that a preset's cells are held against."""
        return self.live if preset == "quick" and self.live else self.claims


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
        raise unknown_name("preset", preset, PRESETS)
    cells = list(table.cells(preset))
    for task in tasks:
        if task not in {cell.config.task for cell in cells}:
            raise unknown_name(f"task of table {table.name} at preset {preset}", task, {c.config.task for c in cells})
    cells = [cell for cell in cells if not tasks or cell.config.task in tasks]
    for pattern in names:
        if not any(fnmatchcase(cell.name, pattern) for cell in cells):
            raise unknown_name(f"cell of table {table.name} at preset {preset}", pattern, {cell.name for cell in cells})
    cells = [cell for cell in cells if not names or any(fnmatchcase(cell.name, pattern) for pattern in names)]
    cells = [_as_asked(cell, seeds, physics) for cell in cells]
    return [in_shards(cell) for cell in cells] if preset in IN_SHARDS else cells


def in_shards(cell: Cell) -> Cell:
    """The cell, and what tunes it, run in shards of at most 90 minutes on a slow machine where they would take longer.

    A cell that says its own number of seeds keeps it. Cores come in pairs, and so do seeds that have one member each.
    Offline agents lie in one file, so that their cell stays whole.
    """
    if cell.tuning is not None:
        cell = dataclasses.replace(cell, tuning=dataclasses.replace(cell.tuning, cell=in_shards(cell.tuning.cell)))
    cost = cell.updates * (2 if cell.config.task.startswith(SLOW_TASKS) else 1)
    offline = build(cell.config.method, cell.config.options).offline
    if cell.seeds_per_shard is not None or offline or cost <= SHARD_UPDATES:
        return cell
    together = 2 if len(cell.config.points()) == 1 else 1
    count = int(SHARD_UPDATES * cell.config.seeds / cost)
    return dataclasses.replace(cell, seeds_per_shard=max(together, count // together * together))


def sweep_cell(
    table: PaperTable, axis: str, preset: str, task: str, seeds: int | None = None, physics: str = "auto"
) -> Cell:
    """The cell that sweeps one axis of the table on a task at a preset.

    Raises:
      UserError: an unknown axis, preset or task, or a setting that cannot run.
    """
    if axis not in table.grids:
        raise unknown_name(f"sweep of table {table.name}", axis, table.grids)
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    cell = _as_asked(table.grids[axis](preset, task), seeds, physics)
    return in_shards(cell) if preset in IN_SHARDS else cell


def _as_asked(cell: Cell, seeds: int | None, physics: str) -> Cell:
    """The cell with the user's choices, and checked, so that a mistake in them is told before records are looked at."""
    cell = changed(cell, {"physics": physics, **({} if seeds is None else {"seeds": seeds})})
    check(cell.config, build(cell.config.method, cell.config.options))
    return cell


def changed(cell: Cell, changes: Mapping[str, Any]) -> Cell:
    """The cell with other settings, also in what it needs, and with that as its guide.

    What tunes it takes the engine alone: seeds are asked for of what is judged.
    """
    if cell.tuning is not None and "physics" in changes:
        sweep = changed(cell.tuning.cell, {"physics": changes["physics"]})
        cell = dataclasses.replace(cell, tuning=dataclasses.replace(cell.tuning, cell=sweep))
    if cell.needs is None:
        return dataclasses.replace(cell, config=dataclasses.replace(cell.config, **changes))
    needs = changed(cell.needs, changes)
    guide = f"offline:{agents_file(needs.config)}"
    return dataclasses.replace(cell, config=dataclasses.replace(cell.config, guide=guide, **changes), needs=needs)


def agents_file(config: RunConfig) -> Path:
    """Where an offline run's agents lie in the checkout, by the run's configuration."""
    digest = hashlib.sha256(json.dumps(config.to_json(), sort_keys=True).encode()).hexdigest()[:12]
    return Path("runs") / "agents" / f"{config.task}__{config.method}__{digest}.npz"
