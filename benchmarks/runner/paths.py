"""Where a table's cells are run and kept, whether each has a record, and what of it is left to train.

A finished cell leaves a record and is not run again while its table asks for the same settings, and the experts
that it listened to are those that ship.
Records of presets cpu, long and paper are kept in `results/`, the others in `runs/`.

Where a table has come to ask for other settings, the cell is run again and its old record stays, also
in reports, until the new one is whole. Seeds and the engine are chosen by a command's words, so that a
record which differs in them is not replaced but in the way: see `refuse_to_lose`. More seeds are added to
a record, and fewer are asked of it, without running any again. Shards lie in `<cell>/shards/<first>-<last>`
until the cell's record, into which they go, takes the folder's place.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.runner.cells import COMMITTED, Cell, agents_file, changed
from benchmarks.runner.tuning import choose
from guided_rl.config import RunConfig, differences
from guided_rl.datasets.expert_metadata import experts_behind
from guided_rl.envs import make
from guided_rl.guides.spec import is_offline
from guided_rl.methods import build
from guided_rl.physics import resolved
from guided_rl.results import records
from guided_rl.runtime import files
from guided_rl.runtime.errors import UserError


def records_root(preset: str, root: Path = ROOT) -> Path:
    """Where a preset's records live: committed for cpu, long and paper, scratch for the rest."""
    return root / "results" if preset in COMMITTED else root / "runs" / "records"


@dataclass(frozen=True)
class CellPaths:
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
        preset = cell.preset or self.preset
        return records.cell_folder(records_root(preset, self.root), self.table, preset, cell.place)

    def run_folder(self, cell: Cell) -> Path:
        """Its checkpoints, until it has a record."""
        return self.root / "runs" / "cells" / self.table / (cell.preset or self.preset) / cell.place

    def curves(self, cell: Cell) -> Path:
        return self.root / "runs" / "curves" / self.table / (cell.preset or self.preset) / cell.place

    def agents(self, cell: Cell) -> Path:
        """What an offline cell leaves to those that need it."""
        return self.root / agents_file(cell.config)


def with_needs(cells: Iterable[Cell]) -> list[Cell]:
    """The cells, what they need and what tunes them, each once."""
    cells = list(cells)
    sweeps = [cell.tuning.cell for cell in cells if cell.tuning is not None]
    needs = [cell.needs for cell in [*sweeps, *cells] if cell.needs is not None]
    return list({cell.name: cell for cell in [*needs, *sweeps, *cells]}.values())


def chosen(place: CellPaths, cell: Cell) -> Cell | None:
    """The cell with the settings that its sweep chose, itself where nothing is tuned; None while there is no choice."""
    if cell.tuning is None:
        return cell
    if not finished(place, cell.tuning.cell):
        return None
    point = choose(records.read(place.record(cell.tuning.cell)), cell.tuning)
    hparams = {**cell.config.hparams, **point}
    return dataclasses.replace(cell, config=dataclasses.replace(cell.config, hparams=hparams), tuning=None)


def changes(place: CellPaths, cell: Cell) -> list[str] | None:
    """`name: stored -> asked for` wherever the cell's record was made otherwise; None if it has none.

    More seeds than asked for are no change. An offline guide's file is named by its own cell's settings, and
    stands only where nothing says more.
    """
    settings = _settings(place, cell)
    if settings is None:
        return None
    old, new = settings
    found = differences(old, new)
    if old["seeds"] > new["seeds"] and len(found) == 1:
        return []
    return [change for change in found if not change.startswith("guide: offline:")] or found


def finished(place: CellPaths, cell: Cell) -> bool:
    """Whether the cell has a record of just these settings; one of others is not believed, and stays until replaced."""
    return changes(place, cell) == []


def cell_status(place: CellPaths, cell: Cell) -> str:
    """`to run`, `waits for …`, `k of n seeds`, `done`, or, with what differs, `to extend`, `to run again` or
    `in the way`: not to be replaced."""
    if chosen(place, cell) is None:
        return f"waits for the choice of {cell.tuning.cell.name}"
    found = changes(place, cell)
    if found == []:
        return "done"
    if found is None:
        there = sum(len(record.seeds) for record in kept(place, cell))
        return f"{there} of {cell.config.seeds} seeds" if there else "to run"
    word = "to extend" if extends(place, cell) else "in the way" if _chosen(place, cell, False) else "to run again"
    return f"{word} ({'; '.join(found)})"


def kept(place: CellPaths, cell: Cell) -> list[records.Record]:
    """Records of some of the cell's seeds, made as it would be now: its own, if that has fewer, and shards."""
    cell = chosen(place, cell)
    if cell is None or build(cell.config.method, cell.config.options).offline:
        return []  # an offline cell's agents lie in one file
    folder = place.record(cell)
    files.heal_all(folder / "shards")
    heads = [folder / "record.json", *sorted(folder.glob("shards/[0-9]*/record.json"))]
    found = [records.read(head.parent) for head in heads if head.exists()]
    return [record for record in found if set(record.seeds) <= set(cell.seeds) and _alike(record, cell)]


def extends(place: CellPaths, cell: Cell) -> bool:
    """Whether the cell's own record stays a part of what is asked for now."""
    return place.record(cell).joinpath("record.json").exists() and any(
        record.seeds[0] == cell.seeds[0] for record in kept(place, cell)
    )


def missing_parts(place: CellPaths, cell: Cell) -> list[Cell]:
    """What is left to train of a cell whose settings are known: itself, or shards of the seeds that nothing has yet."""
    there = kept(place, cell)
    if not there and cell.seeds_per_shard is None:
        return [cell]
    done = {seed for record in there for seed in record.seeds}
    runs: list[list[int]] = []
    for seed in (seed for seed in cell.seeds if seed not in done):
        if runs and runs[-1][-1] + 1 == seed and len(runs[-1]) < (cell.seeds_per_shard or cell.config.seeds):
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return [shard(cell, run) for run in runs]


def shard(cell: Cell, seeds: Sequence[int]) -> Cell:
    """The part of a cell that has these seeds, one after another."""
    config = dataclasses.replace(cell.config, first_seed=seeds[0], seeds=len(seeds))
    return dataclasses.replace(cell, config=config, seeds_per_shard=None, whole=cell)


def refuse_to_lose(place: CellPaths, cells: Sequence[Cell], seeds_chosen: bool) -> None:
    """Refuse to replace records that another choice of seeds or engine made, also of what the cells need.

    Args:
      seeds_chosen: whether the command says how many seeds, rather than the table.

    Raises:
      UserError: the first such record, how it was made, and what to do.
    """
    sweeps = {cell.tuning.cell.name for cell in cells if cell.tuning is not None}
    for cell in with_needs(cells):
        if lost := _chosen(place, cell, seeds_chosen and cell.name not in sweeps):
            stored = " and ".join(f"{name} {value}" for name, (value, _) in lost.items())
            asked = " and ".join(f"{name} {value}" for name, (_, value) in lost.items())
            raise UserError(
                f"{place.record(cell)} was made with {stored}, and a record with {asked} would replace it; "
                f"ask for {stored}, move that folder away, or use guided-rl run, which has a folder of its own"
            )


def _chosen(place: CellPaths, cell: Cell, seeds_chosen: bool) -> dict[str, tuple[Any, Any]]:
    """What a command's words set and the cell's record has otherwise, as (stored, asked for).

    To forget words that made more seeds, or took another engine, loses as much as to give them.
    """
    settings = _settings(place, cell)
    if settings is None:
        return {}
    old, new = settings
    found = {name: (old[name], new[name]) for name in ("seeds", "physics") if old[name] != new[name]}
    more = "seeds" in found and old["seeds"] < new["seeds"]
    if more and (not seeds_chosen or extends(place, cell)):
        del found["seeds"]
    if "seeds" in found and not seeds_chosen and finished(place, cell):
        del found["seeds"]
    return found


def _settings(place: CellPaths, cell: Cell) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """How the cell's record was made, and how it would be now; the same `physics` where the same engine ran."""
    folder, cell = place.record(cell), chosen(place, cell)
    files.heal(folder)
    if cell is None or not (folder / "record.json").exists():
        return None
    return _made_and_asked(records.read(folder), cell)


def _made_and_asked(record: records.Record, cell: Cell) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record's configuration and the cell's; where other experts have been shipped since, both name theirs."""
    made, asked = dict(record.config), _as_run(record, cell).config.to_json()
    then, now = {expert.checksum for expert in record.experts}, shipped_experts(cell.config)
    if then and now and then != now:
        made["experts"], asked["experts"] = (" ".join(sorted(c[:8] for c in found)) for found in (then, now))
    return made, asked


def shipped_experts(config: RunConfig) -> set[str]:
    """Checksums of the shipped experts that a run would listen to; empty where it listens to something else."""
    if is_offline(config.guide):
        return set()
    return set(_shipped(config.task, config.method, json.dumps(dict(config.options)), config.guide, config.dataset))


@functools.cache
def _shipped(task: str, method: str, options: str, guide: str | None, dataset: str | None) -> tuple[str, ...]:
    behind = experts_behind(build(method, json.loads(options)), guide, dataset, make(task, "native"))
    return tuple(expert.checksum for expert in behind)


def _alike(record: records.Record, cell: Cell) -> bool:
    """Whether a record was made as the cell would be, but for its seeds."""
    found = differences(*_made_and_asked(record, cell))
    return not [change for change in found if not change.startswith(("seeds: ", "first_seed: "))]


def _as_run(record: records.Record, cell: Cell) -> Cell:
    """The cell, naming the engine as the record does where it is the same."""
    return changed(cell, {"physics": record.config["physics"]}) if _same_engine(record, cell.config.physics) else cell


def _same_engine(record: records.Record, physics: str) -> bool:
    """Whether `physics` names what the record ran on; worlds without an engine run on any."""
    ran = record.provenance.get("engine")
    preset = record.provenance.get("engine_options", {}).get("preset", "xml")
    return ran is None or resolved(physics) == (ran if preset == "xml" else f"{ran}:{preset}")
