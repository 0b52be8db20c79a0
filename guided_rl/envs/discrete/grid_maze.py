"""Grid mazes: D4RL's layouts, walked cell by cell with four moves or eight, and what is best in them, exactly.

Reaching G pays 1 and ends the episode; nothing else pays. With eight moves the same maze is seen as with four, so that
an expert of one kind can be watched by a learner of the other (HA-DIIQN, arXiv 2511.03616). A diagonal passes one
corner of a wall at most, so that two straight moves always do what it does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.jax_env import JaxEnv, JaxTask
from guided_rl.envs.mazes import LAYOUTS

# (rows, columns) of up, right, down, left; then up-right, down-right, down-left, up-left.
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1), (-1, 1), (1, 1), (1, -1), (-1, -1))
TIME_LIMITS = {"umaze": 50, "medium": 100, "large": 200}


@dataclass(frozen=True)
class GridMaze:
    """A layout and how many of `MOVES` it takes. Its state is the number of a free cell, in reading order.

    Attributes:
      layout: key of `LAYOUTS`, in which R is the start and G the goal.
      moves: 4 or 8, the actions.
    """

    layout: str
    moves: int

    @functools.cached_property
    def grid(self) -> np.ndarray:
        """Characters [rows, columns]."""
        return np.array([list(row) for row in LAYOUTS[self.layout].split()])

    @functools.cached_property
    def cells(self) -> np.ndarray:
        """(row, column) of every free cell, [cells, 2]."""
        return np.argwhere(self.grid != "#")

    @functools.cached_property
    def number(self) -> np.ndarray:
        """Of every cell [rows, columns]; -1 in walls."""
        number = np.full(self.grid.shape, -1)
        number[tuple(self.cells.T)] = np.arange(len(self.cells))
        return number

    def find(self, letter: str) -> int:
        """The number of the cell that `letter` marks."""
        return int(self.number[self.grid == letter].item())

    @functools.cached_property
    def following(self) -> np.ndarray:
        """Where each move leads, [cells, moves]; a move that a wall stops leads nowhere."""
        row, column = np.moveaxis(self.cells[:, None] + np.array(MOVES[: self.moves]), -1, 0)
        beside = np.stack([self.number[self.cells[:, :1], column], self.number[row, self.cells[:, 1:]]])
        target = self.number[row, column]
        free = (target >= 0) & (beside >= 0).any(axis=0)
        return np.where(free, target, np.arange(len(self.cells))[:, None])

    @functools.cached_property
    def distance(self) -> np.ndarray:
        """Moves on a shortest way to G, [cells], by breadth-first search."""
        distance = np.full(len(self.cells), -1)
        distance[self.find("G")] = length = 0
        while (distance < 0).any():
            length += 1
            distance[(distance[self.following] == length - 1).any(axis=1) & (distance < 0)] = length
        return distance

    @property
    def shortest_policy(self) -> np.ndarray:
        """Probabilities [cells, moves], even over the moves that begin a shortest way; even over all in G."""
        nearer = self.distance[self.following] < self.distance[:, None]
        nearer |= (self.distance == 0)[:, None]
        return nearer / nearer.sum(axis=1, keepdims=True)

    def optimal_q(self, gamma: float) -> np.ndarray:
        """Q*(s, a) = γ^(moves from where a leads to G), [cells, moves]; 0 in G, where the episode is over.

        V*(s) is its maximum over the moves.
        """
        q = np.float64(gamma) ** self.distance[self.following]
        return np.where((self.distance == 0)[:, None], 0.0, q)

    def observe(self, cell: jax.Array) -> jax.Array:
        """Thermometer code of row and column, [rows - 3 + columns - 3]: a 1 for each row above the cell's, and so on.

        Two observations differ in as many entries as straight moves lie between their cells where there is no wall.
        """
        row, column = jnp.asarray(self.cells)[cell]
        rows, columns = (np.arange(1, size - 2) for size in self.grid.shape)
        return jnp.concatenate([rows < row, columns < column]).astype(jnp.float32)

    def cell_of(self, obs: jax.Array) -> jax.Array:
        """The cell [...] that was seen as `obs` [..., observation]."""
        rows = self.grid.shape[0] - 3
        row, column = obs[..., :rows].sum(-1), obs[..., rows:].sum(-1)
        return jnp.asarray(self.number)[row.astype(int) + 1, column.astype(int) + 1]


def grid_maze(layout: str, moves: int) -> JaxEnv:
    """The task of a maze; a world is the number of its cell."""
    maze = GridMaze(layout, moves)
    following, goal = maze.following.astype(np.int32), maze.find("G")

    def reward(before: jax.Array, action: jax.Array, after: jax.Array):
        success = (after == goal).astype(jnp.float32)
        return success, {"success": success}

    task = JaxTask(
        name=f"GridMaze-{layout}-{moves}",
        twin="none",
        action_size=moves,
        start=lambda rng: jnp.int32(maze.find("R")),
        advance=lambda cell, action: jnp.asarray(following)[cell, action],
        observe=maze.observe,
        reward=reward,
        terminated=lambda cell: cell == goal,
        episode_length=TIME_LIMITS[layout],
        discrete=True,
    )
    return JaxEnv(task)


TASKS: dict[str, Callable[[], JaxEnv]] = {
    f"GridMaze-{layout}-{moves}": functools.partial(grid_maze, layout, moves) for layout in LAYOUTS for moves in (4, 8)
}
