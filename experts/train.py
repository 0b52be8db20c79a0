"""Train a task's experts and keep a ladder of their policies: `python -m experts.train TASK ...`.

The ladder holds every expert's actor at each evaluation point, from which `experts.register` picks those at 25, 50,
75 and 100 % of the best normalised return. Experts that do not fit into memory together train in waves; each wave
then keeps files of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from experts.recipes import config_of
from guided_rl.api import train
from guided_rl.config import RunConfig
from guided_rl.runtime.files import replace_file
from guided_rl.training.run import Progress

RUNS = Path("runs/experts")
# A checkpoint holds eight replays, gigabytes on the larger tasks: as seldom as an interrupted run can afford to lose.
CHECKPOINT_SECONDS = 600.0


def ladder_folder(name: str) -> Path:
    return RUNS / name / "ladder"


def ladder_file(name: str, point: int, first_seed: int) -> Path:
    """Where the wave whose least seed is `first_seed` keeps its policies of `point`."""
    return ladder_folder(name) / f"{point:02d}_{first_seed}.npz"


def flatten(tree) -> dict[str, np.ndarray]:
    """A parameter tree as {"a/b/c": array}."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {"/".join(str(k.key) for k in path): np.asarray(leaf) for path, leaf in leaves}


def keep_ladder(name: str):
    """An observer that writes each evaluation point's actors, seeds and returns; one file per wave and point."""

    def observe(progress: Progress) -> None:
        seeds, real = np.unique(progress.seeds, return_index=True)  # without the copies that fill a wave up
        path = ladder_file(name, progress.point, int(seeds[0]))
        returns = progress.history.evaluation["episode_return"][progress.point, real, 0]
        actors = {name: leaf[real] for name, leaf in flatten(progress.agents.params["actor"]).items()}
        replace_file(path, lambda file: np.savez(file, returns=returns, step=progress.step, seeds=seeds, **actors))
        print(f"{name} {progress.step} {progress.seconds:.0f}s", np.round(returns.mean(1)).astype(int), flush=True)

    return observe


def train_task(config: RunConfig) -> None:
    """Train one task's experts, or go on with it; what was finished is only read.

    Raises:
      UserError: its folder holds a run of another configuration.
    """
    train(
        config,
        folder=RUNS / config.task,
        observers=[keep_ladder(config.task)],
        checkpoint_seconds=CHECKPOINT_SECONDS,
    )


def main(tasks: Sequence[str]) -> None:
    for task in tasks:
        train_task(config_of(task))


if __name__ == "__main__":
    main(sys.argv[1:])
