"""What is in a dataset: returns and lengths of its trajectories, and how much of the task it covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guided_rl.data.replay import Layout
from guided_rl.envs.base import Env
from guided_rl.envs.mazes import maze_of

LEAST_SPREAD = 1e-3  # of an entry that never varied


@dataclass(frozen=True)
class Statistics:
    """One expert's part of a dataset.

    Attributes:
      rows, trajectories: `trajectories` are the whole ones, from a reset to an end or a time limit.
      returns, lengths: of each whole trajectory.
      reward: mean per row.
      spread: geometric mean of the observation entries' standard deviations, the side of the box
        that its states fill; compare it between datasets of one task.
      cells: in a maze, the share of free cells that were visited; else None.
      arrived: in a maze, the share of whole trajectories with a rewarded row; else None.
    """

    rows: int
    trajectories: int
    returns: np.ndarray
    lengths: np.ndarray
    reward: float
    spread: float
    cells: float | None
    arrived: float | None


def trajectory_ends(rows: np.ndarray, layout: Layout) -> np.ndarray:
    """[rows] bool: what follows a row is not its own next observation, so a trajectory ends there."""
    columns = layout.unpack(rows)
    goes_on = (columns["next_obs"][:-1] == columns["obs"][1:]).all(-1)
    return np.append(~goes_on, True)


def describe(rows: np.ndarray, env: Env) -> Statistics:
    """Statistics of one expert's rows [rows, width], which lie in the order of time."""
    layout = Layout.of(env.observation_size, env.action_space.width)
    columns = layout.unpack(rows)
    last = np.flatnonzero(trajectory_ends(rows, layout))
    lengths = np.diff(last, prepend=-1)
    totals = np.add.reduceat(columns["reward"].astype(np.float64), last - lengths + 1)
    maze = maze_of(env.name)
    whole = (
        lengths >= env.episode_length if maze else (columns["terminated"][last] > 0) | (lengths == env.episode_length)
    )
    spread = float(np.exp(np.log(np.maximum(columns["obs"].std(0, dtype=np.float64), LEAST_SPREAD)).mean()))
    cells = arrived = None
    if maze is not None:
        gaps = np.linalg.norm(columns["obs"][:, None, :2] - maze.centres, axis=-1)
        cells = len(np.unique(gaps.argmin(1))) / len(maze.centres)
        arrived = float((totals[whole] > 0).mean()) if whole.any() else None
    reward = float(columns["reward"].mean())
    return Statistics(len(rows), int(whole.sum()), totals[whole], lengths[whole], reward, spread, cells, arrived)
