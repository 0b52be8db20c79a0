"""Train a task's experts and keep a ladder of their policies: `python -m experts.train TASK ...`.

The ladder holds every expert's actor at each evaluation point, from which
`experts.register` picks those at 25, 50, 75 and 100 % of the best normalised return.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import numpy as np

from experts.recipes import EXPERTS, recipe
from guided_rl.config import RunConfig
from guided_rl.errors import UserError
from guided_rl.training.run import Progress, train

RUNS = Path("runs/experts")


def ladder_file(task: str, point: int) -> Path:
    return RUNS / task / "ladder" / f"{point:02d}.npz"


def flatten(tree) -> dict[str, np.ndarray]:
    """A parameter tree as {"a/b/c": array}."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {"/".join(str(k.key) for k in path): np.asarray(leaf) for path, leaf in leaves}


def keep_ladder(task: str):
    """An observer that writes each evaluation point's actors and their mean returns."""

    def observe(progress: Progress) -> None:
        path = ladder_file(task, progress.point)
        path.parent.mkdir(parents=True, exist_ok=True)
        real = np.unique(progress.seeds, return_index=True)[1]  # without the copies that fill a wave up
        if len(real) < EXPERTS:
            raise UserError(f"the {EXPERTS} experts of {task} do not fit into memory together; free some of it")
        returns = progress.history.evaluation["episode_return"][progress.point, real, 0]
        actors = {name: leaf[real] for name, leaf in flatten(progress.agents.params["actor"]).items()}
        beside = path.with_suffix(".part.npz")
        np.savez(beside, returns=returns, step=progress.step, **actors)
        beside.replace(path)
        print(f"{task} {progress.step} {progress.seconds:.0f}s", np.round(returns.mean(1)).astype(int), flush=True)

    return observe


def train_task(config: RunConfig) -> None:
    """Train one task's experts, or go on with it; what was finished is only read.

    Raises:
      UserError: its folder holds a run of another configuration.
    """
    train(config, folder=RUNS / config.task, observers=[keep_ladder(config.task)])


def main(tasks: list[str]) -> None:
    for task in tasks:
        train_task(recipe(task))


if __name__ == "__main__":
    main(sys.argv[1:])
