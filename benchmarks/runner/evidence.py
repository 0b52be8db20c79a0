"""Put on record what all tables still lack, the most wanted first, until stopped; go on after a stop.

A cell that cannot be run is told and passed over. Each finished cell or shard can be committed by itself.
"""

from __future__ import annotations

import gc
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import jax

from benchmarks.runner import rates
from benchmarks.runner.cells import COMMITTED, Cell, cells_of
from benchmarks.runner.paths import ROOT, CellPaths, cell_status, chosen, finished, kept, refuse_to_lose
from benchmarks.runner.priorities import PRIORITIES, Wanted
from benchmarks.runner.running import join, next_piece, run_piece, with_choice
from benchmarks.runner.tables import TABLES
from guided_rl.results.tables import Table
from guided_rl.runtime.errors import Interrupted, UserError
from guided_rl.training.waves import stop_on_interrupt

Say = Callable[[str], None]
Item = tuple[str, CellPaths, Cell]
"""A letter of the priorities, and a cell with its place."""


class Commit(NamedTuple):
    """A record's folder, as Git names it, and what is said of it."""

    folder: str
    message: str


def gather(
    commit: bool = False,
    hours: float | None = None,
    cells: int | None = None,
    say: Say = print,
    root: Path = ROOT,
    priorities: Sequence[Wanted] = PRIORITIES,
) -> None:
    """Run the next missing cell or shard over and over.

    Args:
      commit: whether each is committed, or only told how. hours: none is begun after so many. cells: no more than so
        many cells or shards are run.

    Raises:
      UserError: some could not be run, and why; the others are on record.
      Interrupted: stopped on request; what runs goes on from its checkpoint the next time.
    """
    begun, done, failed = time.monotonic(), 0, {}
    items = list(wanted(priorities, root))
    pending = _published(_left_over(items, root), root, say) if commit else []
    while (cells is None or done < cells) and (hours is None or time.monotonic() - begun < 3600 * hours):
        found = _next(items, failed)
        if found is None:
            break
        place, cell, piece = found
        try:
            refuse_to_lose(place, [cell], seeds_chosen=False)
            say(f"{place.table}, preset {place.preset}: {cell.name}")
            run_piece(place, piece, say, f"{place.table} {place.preset} ")
        except UserError as error:
            failed[place, cell.name] = str(error)
            say(f"{cell.name}: {error}; passed over")
            continue
        done += 1
        if cell.tuning is not None and finished(place, cell.tuning.cell):
            with_choice(place, cell)
        pending += [_commit_of(place, piece)] if (piece.preset or place.preset) in COMMITTED else []
        pending = _published(pending, root, say) if commit else _told(pending, say)
        jax.clear_caches()  # compiled programs of days would fill the memory
        gc.collect()
    if failed:
        raise UserError(
            f"{len(failed)} cells could not be run: {'; '.join(f'{n} ({e})' for (_, n), e in failed.items())}"
        )


def wanted(priorities: Sequence[Wanted] = PRIORITIES, root: Path = ROOT) -> Iterator[Item]:
    """Every cell that the priorities name, the most wanted first, each once."""
    seen = set()
    for letter, table, preset, pattern in priorities:
        for cell in cells_of(TABLES[table], preset):
            if fnmatchcase(cell.name, pattern) and (table, preset, cell.name) not in seen:
                seen.add((table, preset, cell.name))
                yield letter, CellPaths(table, preset, root), cell


def missing_table(root: Path = ROOT, priorities: Sequence[Wanted] = PRIORITIES) -> Table:
    """What is missing, in order, with the hours that it will take."""
    known, rows, total = rates.heads(root), [], 0.0
    for letter, place, cell in wanted(priorities, root):
        if (state := cell_status(place, cell)) == "done":
            continue
        left = cell.config.seeds - sum(len(record.seeds) for record in kept(place, cell))
        expected, source = rates.hours(chosen(place, cell) or cell, known, left)
        total += expected or 0.0
        shown = "–" if expected is None else f"{expected:.1f}"
        rows.append((letter, place.table, place.preset, cell.name, state, shown, source))
    rows.append(("", "", "", f"{len(rows)} cells", "", f"{total:.1f}", ""))
    columns = ("", "Table", "Preset", "Cell", "Record", "Hours", "From")
    return Table("Evidence that is missing", columns, tuple(rows), 5, (rates.HOURS,))


def _next(items: Sequence[Item], failed) -> tuple[CellPaths, Cell, Cell] | None:
    """The first cell that lacks something, and what of it; shards that a kill left unmerged are merged on the way."""
    for _, place, cell in items:
        if (place, cell.name) in failed:
            continue
        piece = next_piece(place, cell)
        if piece is not None:
            return place, cell, piece
        if cell_status(place, cell) != "done":
            join(place, with_choice(place, cell))
    return None


def _told(commits: Sequence[Commit], say: Say) -> list[Commit]:
    """Say how to commit them; none is left then."""
    for folder, message in commits:
        say(f"to commit: git add -A '{folder}'; git commit -m '{message}' -- '{folder}'")
    return []


def _commit_of(place: CellPaths, piece: Cell) -> Commit:
    """What a finished cell or shard is committed as: with its whole folder, in which it lies."""
    folder = place.record(piece if piece.whole is None else piece.whole).relative_to(place.root)
    span = "" if piece.whole is None else f", seeds {piece.seeds[0]} to {piece.seeds[-1]}"
    return Commit(str(folder), f"results: {place.table}, preset {piece.preset or place.preset}, {piece.name}{span}")


def _left_over(items: Sequence[Item], root: Path) -> list[Commit]:
    """Records that an earlier call had finished, and was stopped before it committed them."""
    status = ["status", "--porcelain", "-z", "--untracked-files=all", "--", "results"]
    changed = [entry[3:] for entry in _git(root, *status).stdout.split("\0")]
    commits = [_commit_of(place, cell) for _, place, cell in items if place.preset in COMMITTED]
    return [commit for commit in commits if any(path.startswith(f"{commit.folder}/") for path in changed)]


def _published(commits: Sequence[Commit], root: Path, say: Say) -> list[Commit]:
    """Commit them, and give back those that git refused, to be tried again after the next cell."""
    left = []
    with stop_on_interrupt() as stop:
        for commit in commits:
            _git(root, "add", "-A", "--", commit.folder)
            ran = _git(root, "commit", "-q", "-m", commit.message, "--", commit.folder)
            if ran.returncode:
                told = (ran.stderr or ran.stdout).strip().splitlines()
                say(f"{commit.folder} could not be committed yet ({told[-1] if told else 'git failed'})")
                left.append(commit)
    if stop.is_set():
        raise Interrupted("stopped; run the same command to go on")
    return left


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Git in a session of its own, which a Ctrl-C does not reach."""
    return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, start_new_session=True)
