"""Push mazes: a point with momentum in one of D4RL's layouts, moved by pushes in eight directions; in JAX.

Coming into the cell G pays 1 and ends the episode; nothing else pays. In `PushMaze-…-turned` the eight directions are
turned by 22.5°, so that no push is one of the other maze's: what is seen is the same and the actions are disjoint.
Lengths are in cells. The task is ours.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.discrete.grid_maze import GridMaze
from guided_rl.envs.jax_env import JaxEnv, JaxTask

PUSH, DRAG = 0.15, 0.6  # added to the speed at a step, and the share of it that is left after one
TIME_LIMITS = {"umaze": 60, "medium": 120, "large": 240}
TURNED = np.pi / 8
World = dict[str, jax.Array]


def directions(turned: bool) -> np.ndarray:
    """Unit vectors (rows, columns) of the eight pushes, [8, 2]: to the right first, then against the clock."""
    angle = np.arange(8) * np.pi / 4 + (TURNED if turned else 0.0)
    return np.stack([-np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)


def observe(maze: GridMaze, world: World) -> jax.Array:
    """Where in the layout the point is, from -1 to 1 on each axis, and its speed in pushes, [4]."""
    half = (np.array(maze.grid.shape, np.float32) - 1) / 2
    return jnp.concatenate([world["place"] / half - 1.0, world["speed"] / PUSH]).astype(jnp.float32)


def place_of(maze: GridMaze, obs: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(place, speed), [..., 2] each, of what was seen."""
    half = (np.array(maze.grid.shape, np.float32) - 1) / 2
    return (obs[..., :2] + 1.0) * half, obs[..., 2:] * PUSH


def push_maze(layout: str, turned: bool) -> JaxEnv:
    """The task; a world is the point's `place` and `speed` (rows, columns), [2] each; cells' centres are whole."""
    maze, pushes = GridMaze(layout, 4), directions(turned)
    free, goal = maze.number >= 0, maze.find("G")
    start = maze.cells[maze.find("R")].astype(np.float32)

    def cell(place: jax.Array) -> tuple[jax.Array, jax.Array]:
        row, column = jnp.round(place).astype(int)
        return row, column

    def advance(world: World, action: jax.Array) -> World:
        place, speed = world["place"], DRAG * world["speed"] + PUSH * jnp.asarray(pushes)[action]
        for axis in (0, 1):  # one after the other, so that a wall stops what runs into it and no more
            moved = place.at[axis].add(speed[axis])
            open_ = jnp.asarray(free)[cell(moved)]
            place, speed = jnp.where(open_, moved, place), speed.at[axis].multiply(open_)
        return {"place": place, "speed": speed}

    def arrived(world: World) -> jax.Array:
        return jnp.asarray(maze.number)[cell(world["place"])] == goal

    def reward(before: World, action: jax.Array, after: World):
        success = arrived(after).astype(jnp.float32)
        return success, {"success": success}

    task = JaxTask(
        name=f"PushMaze-{layout}{'-turned' if turned else ''}",
        twin="none",
        action_size=8,
        start=lambda rng: {"place": jnp.asarray(start), "speed": jnp.zeros(2)},
        advance=advance,
        observe=functools.partial(observe, maze),
        reward=reward,
        terminated=arrived,
        episode_length=TIME_LIMITS[layout],
        discrete=True,
    )
    return JaxEnv(task)


TASKS: dict[str, Callable[[], JaxEnv]] = {
    f"PushMaze-{layout}{'-turned' if turned else ''}": functools.partial(push_maze, layout, turned)
    for layout in TIME_LIMITS
    for turned in (False, True)
}
