"""What a finished offline run leaves behind: its agents, which an online run takes as its guide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np

from guided_rl.guides.offline_agents import write_agents
from guided_rl.results.summaries import FINAL_SHARE
from guided_rl.runtime.errors import UserError

if TYPE_CHECKING:
    from guided_rl.training.run import Result


def healthy_members(result: Result) -> tuple[np.ndarray, list[float]]:
    """The members that stayed finite, in the order of their seeds, and the final return of each one's own policy."""
    healthy = np.flatnonzero(result.died_at < 0)
    last = max(1, round(FINAL_SHARE * len(result.steps)))
    returns = result.history.evaluation["episode_return"][-last:, healthy, 0].mean((0, 2))
    return healthy, np.round(returns.astype(np.float64), 4).tolist()


def keep_agents(result: Result, path: Path, rows: int) -> Path:
    """Write every healthy member of an offline run to `path`, in the order of their seeds.

    Args:
      rows: of the dataset per expert, what the agents cost.

    Raises:
      UserError: the run had a grid, so that a seed is no single agent, or no member was healthy.
    """
    if len(result.config.points()) > 1:
        raise UserError("an offline run with a grid leaves several agents per seed; give one value of each instead")
    healthy, returns = healthy_members(result)
    if not healthy.size:
        raise UserError(f"every offline agent on {result.config.task} turned non-finite; lower the learning rates")
    facts = {
        "task": result.env.name,
        "method": result.method.name,
        "dataset": result.config.dataset,
        "steps": result.config.steps,
        "seeds": result.seeds[healthy].tolist(),
        "returns": returns,
        "rows": int(rows),
    }
    write_agents(path, jax.tree.map(lambda leaf: np.asarray(leaf)[healthy], result.agents), facts)
    return path
