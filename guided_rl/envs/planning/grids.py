"""Grids with an unseen wall: the expert walked where it was not, the learner must plan where it is.

Reaching the goal earns 1 once; a step on plain ground costs 0.02. The weight of the wall, which may be walked through,
was never shown, so that it may be anything in [-1, 1]; the truth is -1. `RobustGrid-layouts` draws one of twenty small
grids of plain ground, mud and grass at reset; of mud and grass too nothing is known but what the expert's ways say.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from guided_rl.envs.planning.tabular import PlanningEnv, planning_env
from guided_rl.planning.mdp import MDP
from guided_rl.planning.problem import RewardProblem

GOAL, STEP = 1.0, -0.02
GAMMA = 0.95
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
LAYOUTS, SIDE = 20, 5
MUD, GRASS = -0.15, -0.06
MINDS = ((-0.15, -0.06), (-0.03, -0.20))  # of mud and grass, of two experts who disagree


def moves(rows: int, columns: int) -> np.ndarray:
    """Where each move leads from every cell, [cells, 4]; off the grid it leads nowhere."""
    row, column = np.divmod(np.arange(rows * columns)[:, None], columns)
    step = np.asarray(MOVES)
    row, column = np.clip(row + step[:, 0], 0, rows - 1), np.clip(column + step[:, 1], 0, columns - 1)
    return row * columns + column


def process(kinds: Sequence[np.ndarray], starts: Sequence[int], features: int, goal: int = 0) -> MDP:
    """Grids side by side, one drawn at the start; the last state of all is where an episode is over.

    Args:
      kinds: the feature of every cell, [rows, columns] each. starts: the first cell of each.
    """
    over = sum(kind.size for kind in kinds)
    following, first = np.full((over + 1, len(MOVES), 1), over), np.zeros(over + 1)
    begun, flat = 0, np.concatenate([kind.ravel() for kind in kinds])
    for kind, start in zip(kinds, starts, strict=True):
        following[begun : begun + kind.size, :, 0] = begun + moves(*kind.shape)
        first[begun + start] = 1 / len(kinds)
        begun += kind.size
    following[:over][flat == goal] = over
    shown = np.concatenate([np.eye(features)[flat], np.zeros((1, features))])
    return MDP(following.astype(np.int32), np.ones(following.shape), shown, first)


def walled(size: int, wall: tuple[slice, int], start: tuple[int, int], goal: tuple[int, int]) -> RewardProblem:
    """A grid of plain ground, and the same with a wall."""
    plain = np.ones((size, size), int)
    plain[goal] = 0
    barred = plain.copy()
    barred[wall] = 2
    first = start[0] * size + start[1]
    low, high = np.array([GOAL, STEP, -1.0]), np.array([GOAL, STEP, 1.0])
    train, test = (process([kind], [first], 3) for kind in (plain, barred))
    return RewardProblem(train, test, GAMMA, low, high, ("goal", "step", "wall"), 2, np.array([GOAL, STEP, -1.0]))


def grid_5() -> RewardProblem:
    """5 × 5, the wall in column 2 but for the last row, from the first corner along the first row."""
    return walled(5, (slice(0, 4), 2), (0, 0), (0, 4))


def grid_10() -> RewardProblem:
    """10 × 10, the wall in column 5 but for the last two rows, along row 4."""
    return walled(10, (slice(0, 8), 5), (4, 0), (4, 9))


def layouts() -> RewardProblem:
    """Twenty grids of mud and grass; in the test some of their plain cells are of a kind that no expert saw."""
    rng, cells = np.random.default_rng(1), SIDE * SIDE
    kinds, barred, starts = [], [], []
    for _ in range(LAYOUTS):
        kind = rng.choice([1, 2, 3], cells, p=[0.5, 0.25, 0.25])
        start, goal = rng.permutation(cells)[:2]
        kind[goal], kind[start] = 0, 1
        plain = np.setdiff1d(np.flatnonzero(kind == 1), [start])
        other = kind.copy()
        other[rng.permutation(plain)[: len(plain) // 3]] = 4
        kinds.append(kind.reshape(SIDE, SIDE))
        barred.append(other.reshape(SIDE, SIDE))
        starts.append(int(start))
    low, high = np.array([GOAL, STEP, -0.3, -0.3, -1.0]), np.array([GOAL, STEP, 0.0, 0.0, 1.0])
    minds = np.array([[GOAL, STEP, mud, grass, 0.0] for mud, grass in MINDS])
    return RewardProblem(
        process(kinds, starts, 5),
        process(barred, starts, 5),
        GAMMA,
        low,
        high,
        ("goal", "step", "mud", "grass", "unknown"),
        4,
        np.array([GOAL, STEP, MUD, GRASS, -1.0]),
        minds=minds,
    )


PROBLEMS: dict[str, Callable[[], RewardProblem]] = {
    "RobustGrid-5": grid_5,
    "RobustGrid-10": grid_10,
    "RobustGrid-layouts": layouts,
}
TASKS: dict[str, Callable[[], PlanningEnv]] = {
    name: functools.partial(lambda name: planning_env(name, PROBLEMS[name](), 100), name) for name in PROBLEMS
}
