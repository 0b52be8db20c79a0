"""Cells, folders and waiting, for tests of launchers."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.runner.cells import Cell
from benchmarks.runner.paths import CellPaths
from guided_rl.training.checkpoint import Checkpoints
from tests.training.small import small

ROOT = Path(__file__).parents[3]
LONG = {"steps": 12_000, "evaluations": 40}
GIB = 2**30


def place(folder: Path) -> CellPaths:
    return CellPaths("tiny", "quick", folder, checkpoint_seconds=0.0)


def cells(**settings) -> list[Cell]:
    return [Cell(small(method=method, **settings)) for method in ("sac", "td3")]


def leave(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")


def saved(place: CellPaths, cell: Cell) -> int:
    """Step of the cell's last checkpoint, 0 if there is none."""
    path = Checkpoints(place.run_folder(cell) / "wave_0").latest()
    return 0 if path is None else int(path.name.removeprefix("step_"))


def until(condition, seconds: float = 500.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
