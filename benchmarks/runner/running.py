"""Running one cell of a table, whole or shard by shard, and keeping its record; an interrupted one goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from benchmarks.runner.cells import Cell
from benchmarks.runner.paths import CellPaths, chosen, finished, kept, missing_parts
from benchmarks.runner.tuning import keep_choice
from guided_rl import api
from guided_rl.cli.watch import watching
from guided_rl.datasets.expert_metadata import experts_behind
from guided_rl.results import collect, merging, records
from guided_rl.results.agents import keep_agents
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.progress import returns_in_words
from guided_rl.training.checkpoint import Checkpoints

Say = Callable[[str], None]


def run_cell(place: CellPaths, cell: Cell, say: Say, label: str = "") -> None:
    """Train one cell, or go on with it, and keep its record.

    What chooses its settings, and what it needs, is trained first if it is missing.
    """
    if cell.tuning is not None and not finished(place, cell.tuning.cell):
        run_cell(place, cell.tuning.cell, say, label)
    if cell.needs is not None and not place.agents(cell.needs).exists():
        say(f"{label}{cell.needs.name}: its agents are not on this machine, so they are trained again")
        run_cell(place, cell.needs, say, label)
    cell = with_choice(place, cell)
    for piece in missing_parts(place, cell):
        run_piece(place, piece, say, label)
    join(place, cell)


def next_piece(place: CellPaths, cell: Cell) -> Cell | None:
    """What `run_piece` is to train next for a cell: of its sweep, what it needs, or of itself; None if nothing."""
    if finished(place, cell):
        return None
    if cell.tuning is not None and (found := next_piece(place, cell.tuning.cell)) is not None:
        return found
    if cell.needs is not None and not place.agents(cell.needs).exists():
        return cell.needs
    return next(iter(missing_parts(place, with_choice(place, cell))), None)


def with_choice(place: CellPaths, cell: Cell) -> Cell:
    """The cell with its chosen settings; the choice is kept beside the record that it rests on."""
    if cell.tuning is not None:
        folder = place.record(cell.tuning.cell)
        keep_choice(records.read(folder), cell.tuning, folder)
    return chosen(place, cell)


def run_piece(place: CellPaths, cell: Cell, say: Say, label: str = "") -> None:
    """Train a cell whose settings are known, or a shard of one, which goes into its cell's record if it is the last."""
    run = api.make_run(cell.config)
    experts = experts_behind(run.method, cell.config.guide, cell.config.dataset, run.env, rows=run.offline)
    if cell.whole is not None:
        _refuse_other_experts(kept(place, cell.whole), experts, place, cell)
    run_folder = place.run_folder(cell)
    begun = any(Checkpoints(wave).latest() for wave in run_folder.glob("wave_*"))
    named = cell.name if cell.whole is None else f"{cell.name}, seeds {cell.seeds[0]} to {cell.seeds[-1]}"
    say(f"{label}{named}{': going on from its checkpoint' if begun else ''}")
    group = f"{place.table}/{cell.config.task}/{cell.config.method}"
    with watching(run, group, place.curves(cell)) as observers:
        result = run.execute(run_folder, observers, place.checkpoint_seconds)
    if run.method.leaves_agents:
        keep_agents(result, place.agents(cell), run.offline.shape[1])
    preset = cell.preset or place.preset
    record = collect.from_result(result, place.table, preset, cell.name, experts, cell.variant, cell.setting)
    if not finished(place, cell):
        records.write(record, place.record(cell))
    shutil.rmtree(run_folder, ignore_errors=True)
    last = result.history.mean_returns(-1, result.protocols, result.died_at < 0)
    told = f"last return {returns_in_words(last)}" if last else "every seed failed"
    say(f"{label}{named}: {result.wall_seconds:.0f} s, {told}")
    if cell.whole is not None:
        join(place, cell.whole)


def join(place: CellPaths, cell: Cell) -> None:
    """Merge shards, and the record that they extend, into the cell's record, if no seed is missing; they go with it."""
    if finished(place, cell) or missing_parts(place, cell):
        return
    records.write(merging.merge(kept(place, cell)), place.record(cell))
    shutil.rmtree(place.run_folder(cell), ignore_errors=True)


def _refuse_other_experts(parts, experts, place: CellPaths, cell: Cell) -> None:
    """Refuse to train a shard that could not be merged.

    Raises:
      UserError: the experts behind its guide are no longer those of the shards that are there.
    """
    for part in parts:
        if records.plain(part.experts) != records.plain(experts):
            raise UserError(
                f"the experts of {cell.config.guide or cell.config.dataset} have changed since seeds {part.seeds[0]} "
                f"to {part.seeds[-1]} of {cell.name} were trained; move {place.record(cell.whole)} away to train all "
                "again"
            )
