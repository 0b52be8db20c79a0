"""PointFall: push a block into a gap, then walk over it to the goal; a world of cells, in JAX.

Transcribed from the environment that PAG's authors use (`hirl_point_fall`, after
github.com/davidobot/adversarial_hrl); `tests/envs/test_local_guide_tasks.py` holds it to a NumPy
version of the same rules. Cells are unit squares, y upwards:

    y = 5  # # # #        The block starts in (2, 2) and moves along y alone. Pushed by one whole
    y = 4  # G . #        cell it lies in the gap (2, 3) and can be walked over; before, it
    y = 3  # # . #        stands in the only way from the lower room to the goal G.
    y = 2  # . B #
    y = 1  # . . #
    y = 0  # # # #
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from guided_rl.envs.jax_env import JaxEnv, JaxTask

WALLS = np.array(
    [
        [1, 1, 1, 1],
        [1, 0, 0, 1],
        [1, 0, 0, 1],
        [1, 1, 0, 1],
        [1, 0, 0, 1],
        [1, 1, 1, 1],
    ],
    bool,
)  # [y, x]
GOAL = (1, 4)
BLOCK = (2.0, 2.0)
CENTRE = (1.5, 2.0)
STRIDE, TURN = 0.25, np.pi / 4
FRICTION = 0.5
TIME_SCALE = 10.0


class Maze(struct.PyTreeNode):
    """The walker's place and heading, the block's shift along y in [-1, 1], and the steps so far."""

    x: jax.Array
    y: jax.Array
    heading: jax.Array
    block: jax.Array
    time: jax.Array


def start(rng: jax.Array) -> Maze:
    """x ~ 1.5 + U(±0.45), y ~ 2 + U(±0.9), heading ~ π/2 + U(±0.45)."""
    u = jax.random.uniform(rng, (3,), minval=-0.45, maxval=0.45)
    heading = (np.pi / 2 + u[2]) % (2 * np.pi)
    return Maze(CENTRE[0] + u[0], CENTRE[1] + 2.0 * u[1], heading, jnp.float32(0), jnp.float32(0))


def meets(
    left: jax.Array | float, low: jax.Array, x0: jax.Array, y0: jax.Array, x1: jax.Array, y1: jax.Array
) -> jax.Array:
    """Whether the segment touches the unit square at (left, low): Liang and Barsky's clipping."""
    p = jnp.stack([x0 - x1, x1 - x0, y0 - y1, y1 - y0])
    q = jnp.stack([x0 - left, left + 1.0 - x0, y0 - low, low + 1.0 - y0])
    r = q / jnp.where(p == 0, 1.0, p)
    enters = jnp.max(jnp.where(p < 0, r, 0.0))
    leaves = jnp.min(jnp.where(p > 0, r, 1.0))
    return (enters <= leaves) & ~jnp.any((p == 0) & (q < 0))


def hits_wall(x0: jax.Array, y0: jax.Array, x1: jax.Array, y1: jax.Array) -> jax.Array:
    """Whether the stride ends in a wall, or cuts the corner of one; it spans two cells at most each way."""
    walls = jnp.asarray(WALLS)
    column, row = (jnp.floor(jnp.stack(pair)).astype(int) for pair in ((x0, x1), (y0, y1)))
    cells = [(column[i], row[j]) for i in range(2) for j in range(2)]
    cut = [walls[cy, cx] & meets(cx.astype(float), cy.astype(float), x0, y0, x1, y1) for cx, cy in cells]
    return walls[row[1], column[1]] | jnp.any(jnp.stack(cut))


def push(block: jax.Array, x0: jax.Array, y0: jax.Array, x1: jax.Array, y1: jax.Array):
    """Whether the block stops this stride, and where it then lies.

    A stride that would end inside it moves it by the depth over FRICTION, if it came from
    below or above; one that would only cut its corner is stopped alone.
    """
    left, low = BLOCK[0], BLOCK[1] + block
    loose = block != 1.0
    inside = (x1 >= left) & (x1 < left + 1) & (y1 >= low) & (y1 < low + 1)
    depth = jnp.abs(y1 - y0) - jnp.minimum(jnp.abs(low - y0), jnp.abs(y0 - low - 1.0))
    from_outside = (y0 < low) | (y0 > low + 1.0)
    moved = jnp.where(from_outside, jnp.where(y1 >= y0, depth, -depth) / FRICTION, 0.0)
    stopped = loose & (inside | meets(left, low, x0, y0, x1, y1))
    return stopped, jnp.where(loose & inside, jnp.clip(block + moved, -1.0, 1.0), block)


def advance(maze: Maze, action: jax.Array) -> Maze:
    """Turn, then stride; neither happens if a wall or the block is in the way."""
    heading = (maze.heading + TURN * action[1]) % (2 * np.pi)
    x = maze.x + jnp.cos(heading) * STRIDE * action[0]
    y = maze.y + jnp.sin(heading) * STRIDE * action[0]
    stopped, block = push(maze.block, maze.x, maze.y, x, y)
    free = ~(stopped | hits_wall(maze.x, maze.y, x, y))
    go = lambda new, old: jnp.where(free, new, old)
    return Maze(go(x, maze.x), go(y, maze.y), go(heading, maze.heading), block, maze.time + 1.0)


def observe(maze: Maze) -> jax.Array:
    """[x - 1.5, y - 2, heading / 2π, block's shift in x (always 0), block's shift in y, steps / 10]."""
    place = [maze.x - CENTRE[0], maze.y - CENTRE[1], maze.heading / (2 * np.pi)]
    return jnp.stack([*place, jnp.zeros_like(maze.block), maze.block, maze.time / TIME_SCALE])


def at_goal(maze: Maze) -> jax.Array:
    return (jnp.floor(maze.x) == GOAL[0]) & (jnp.floor(maze.y) == GOAL[1])


def reward(before: Maze, action: jax.Array, after: Maze):
    """1 in the goal's cell and -0.001 elsewhere, at every step."""
    there = at_goal(after)
    return jnp.where(there, 1.0, -0.001), {"goal": there.astype(jnp.float32), "block": after.block}


def reward_block(before: Maze, action: jax.Array, after: Maze):
    """The authors' variant that teaches the guide: how far the block is pushed into the gap."""
    pushed = jnp.where(after.block > 0, after.block, -0.001)
    return pushed, {"goal": at_goal(after).astype(jnp.float32), "block": after.block}


def point_fall(name: str = "PointFall", reward=reward) -> JaxEnv:
    """It never ends before its 1,000 steps."""
    twin = "RLLG:hirl_point_fall"
    never = lambda maze: jnp.bool_(False)
    return JaxEnv(JaxTask(name, twin, 2, start, advance, observe, reward, never))


def point_fall_block() -> JaxEnv:
    """PointFall rewarded for the block alone, on which its guide is trained."""
    return point_fall("PointFall-block", reward_block)


TASKS = {"PointFall": point_fall, "PointFall-block": point_fall_block}
