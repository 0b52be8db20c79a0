"""Make every offline dataset and say what is in it: `python -m benchmarks.papers.pex.datasets [TASK ...] [--preset P]`.

Datasets are made on first use and kept (see `guided_rl.datasets.recipes` and `maze_recipes`). A table
of returns, lengths and coverage is printed beside what is known of D4RL's own data. It is stored in
`runs/datasets/`, or the folder of `--out`, with pictures of the mazes and their trajectories.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.papers.pex import maze_figure
from benchmarks.papers.pex.claims import BODIES
from benchmarks.papers.pex.d4rl_data import DATA, D4RLData
from benchmarks.papers.pex.table import ROWS, dataset
from benchmarks.runner.cells import PRESETS
from guided_rl.cli.running import show
from guided_rl.data.replay import Layout
from guided_rl.datasets.description import describe
from guided_rl.datasets.lookup import find_dataset
from guided_rl.datasets.maze_recipes import KINDS
from guided_rl.datasets.recipes import MIXTURES
from guided_rl.envs import make
from guided_rl.envs.base import Env
from guided_rl.envs.mazes import LAYOUTS, maze_of
from guided_rl.results import plot_style
from guided_rl.results.scales import scale_of
from guided_rl.results.tables import Table, number, to_json, to_markdown
from guided_rl.runtime.errors import UserError, unknown_name
from guided_rl.runtime.files import replace_file
from guided_rl.training.cache import enable_compile_cache

PICTURES = Path("runs") / "datasets"
COLUMNS = ("Task", "Dataset", "Experts", "Rows each", "Trajectories", "Return", "Normalised", "D4RL", "Length")
COLUMNS += ("Reward a row", "Spread of states", "Cells", "Came to\nthe goal")
D4RL_COLUMNS = ("D4RL's own:\ntrajectories", "Length", "Score", "Rewarded rows")


def known_tasks() -> list[str]:
    """Tasks with datasets."""
    return [*BODIES, *(f"{body}-{maze}" for body in ("PointMaze", "AntMaze") for maze in LAYOUTS)]


def kinds_of(task: str) -> tuple[str, ...]:
    maze = maze_of(task)
    return MIXTURES if maze is None else KINDS[maze.name]


def row(env: Env, kind: str, rows: np.ndarray) -> tuple[tuple[str, ...], dict]:
    """One line of the table, means over experts, and its numbers."""
    parts, scale = [describe(part, env) for part in rows], scale_of(env.name)
    whole = [part for part in parts if part.trajectories]
    returns = [float(part.returns.mean()) for part in whole]
    mean = float(np.mean(returns)) if returns else float("nan")
    length = float(np.mean([part.lengths.mean() for part in whole])) if whole else float("nan")
    d4rl, cells = scale.normalise_d4rl(mean), parts[0].cells
    arrivals, known = [part.arrived for part in parts if part.arrived is not None], DATA.get(f"{env.name}/{kind}")
    arrived = float(np.mean(arrivals)) if arrivals else None
    score = scale.normalise(mean) if scale.normalises and cells is None else None
    facts = {
        "task": env.name,
        "dataset": kind,
        "returns": returns,
        "normalised": score,
        "d4rl": d4rl,
        "length": length,
        "reward": float(np.mean([part.reward for part in parts])),
        "spread": float(np.mean([part.spread for part in parts])),
        "cells": cells,
        "arrived": arrived,
        "d4rl_data": dataclasses.asdict(known) if known else None,
    }
    shown = lambda value: "–" if value is None else number(value)
    text = (
        env.name,
        kind,
        str(len(rows)),
        f"{rows.shape[1]:,}",
        f"{sum(part.trajectories for part in parts):,}",
        number(mean),
        shown(score),
        shown(d4rl if cells is None else None),
        number(length),
        f"{facts['reward']:.3g}",
        f"{facts['spread']:.3g}",
        *("–" if share is None else f"{share:.0%}" for share in (cells, arrived)),
        *d4rls(env.name, kind),
    )
    return text, facts


def d4rls(task: str, kind: str) -> tuple[str, ...]:
    """What D4RL's own dataset has in `D4RL_COLUMNS`; a dash where there can be none."""
    maze = maze_of(task) is not None
    shown = DATA.get(f"{task}/{kind}", D4RLData(0)).shown()
    if task.startswith("PointMaze"):
        shown = dict.fromkeys(shown, "–")
    return (
        shown["trajectories"],
        shown["length"],
        "–" if maze else shown["score"],
        shown["rewarded"] if maze else "–",
    )


def table_of(tasks: Sequence[str], preset: str, physics: str = "auto", pictures: Path | None = PICTURES) -> Table:
    """Statistics of every dataset of the tasks, made where they are not there yet.

    Raises:
      UserError: a task is unknown, or lacks the experts that collect its data.
    """
    text, data = [], []
    for task in tasks:
        env = make(task, physics)
        layout = Layout.of(env.observation_size, env.action_space.width)
        found = {kind: find_dataset(dataset(preset, kind), env, layout) for kind in kinds_of(task)}
        for kind, rows in found.items():
            line, facts = row(env, kind, rows)
            text.append(line)
            data.append(facts)
        if maze_of(task) is not None and pictures is not None:
            plot_style.save(maze_figure.picture({k: rows[0] for k, rows in found.items()}, env), pictures, task)
    notes = (
        "Returns: of sampled actions, means over whole trajectories and experts; in mazes they count rewarded steps.",
        "Spread: geometric mean of the observation entries' standard deviations; compare it within a task.",
        "D4RL's own data are of other bodies and policies. Its rewarded rows in mazes are the catalog's pieces less "
        "the time limits; its diverse U-maze has at most one a trajectory (D4RL issue 199).",
    )
    return Table(f"Offline datasets, preset {preset}", (*COLUMNS, *D4RL_COLUMNS), tuple(text), 2, notes, tuple(data))


def store(table: Table, folder: Path, preset: str) -> Path:
    """Write the table as Markdown and JSON.

    Raises:
      UserError: the folder cannot be written.
    """
    path = folder / f"statistics-{preset}.md"
    try:
        replace_file(path, to_markdown(table).encode())
        replace_file(path.with_suffix(".json"), to_json(table).encode())
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror}); name a folder that can be written") from error
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 a mendable error."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.papers.pex.datasets", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="all tasks with datasets if none")
    parser.add_argument("--out", type=Path, default=PICTURES, help="folder for the table and the pictures")
    parser.add_argument("--preset", default="cpu", help=f"how many rows: {', '.join(PRESETS)} ({ROWS['cpu']:,} at cpu)")
    options = parser.parse_args(arguments)
    enable_compile_cache()
    try:
        if options.preset not in PRESETS:
            raise unknown_name("preset", options.preset, PRESETS)
        for task in options.tasks:
            if task not in known_tasks():
                raise unknown_name("task with datasets", task, known_tasks())
        tasks = options.tasks or known_tasks()
        table = table_of(tasks, options.preset, pictures=options.out)
        show(table)
        print(f"stored: {store(table, options.out, options.preset)}")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
