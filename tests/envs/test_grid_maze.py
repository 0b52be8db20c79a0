"""Grid mazes: moves and shortest ways against plain Python, the exact policy and its values played out."""

from __future__ import annotations

from collections import deque

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.envs import make
from guided_rl.envs.discrete.grid_maze import MOVES, GridMaze
from guided_rl.envs.mazes import LAYOUTS

GAMMA = 0.9
mazes = pytest.mark.parametrize("maze", [GridMaze(layout, moves) for layout in LAYOUTS for moves in (4, 8)], ids=str)


def moved(grid: list[str], cell: tuple[int, int], move: tuple[int, int]) -> tuple[int, int]:
    """The rule, cell by cell: not into a wall, nor diagonally between two of them."""
    (row, column), (down, right) = cell, move
    wall = lambda r, c: grid[r][c] == "#"
    if wall(row + down, column + right) or (wall(row + down, column) and wall(row, column + right)):
        return cell
    return row + down, column + right


def shortest(grid: list[str], start: tuple[int, int], moves: int) -> int:
    """Moves from `start` to G, breadth first."""
    queue = deque([(start, 0)])
    seen = {start}
    while queue:
        cell, length = queue.popleft()
        if grid[cell[0]][cell[1]] == "G":
            return length
        for move in MOVES[:moves]:
            if (found := moved(grid, cell, move)) not in seen:
                seen.add(found)
                queue.append((found, length + 1))
    raise AssertionError("G cannot be reached")


@mazes
def test_moves_and_distances_follow_the_rule(maze):
    grid = LAYOUTS[maze.layout].split()
    for number, cell in enumerate(map(tuple, maze.cells.tolist())):
        expected = [maze.number[moved(grid, cell, move)] for move in MOVES[: maze.moves]]
        np.testing.assert_array_equal(maze.following[number], expected)
        assert maze.distance[number] == shortest(grid, cell, maze.moves)


def test_a_diagonal_beside_a_wall_is_two_straight_moves():
    """Of the two cells beside it at least one is free, and a learner with four moves goes through that one."""
    four, eight = GridMaze("medium", 4), GridMaze("medium", 8)
    stay = np.arange(len(four.cells))
    beside_a_wall = 0
    for diagonal, straight in zip(range(4, 8), ((0, 1), (2, 1), (2, 3), (0, 3)), strict=True):
        ways = [four.following[four.following[:, a], b] for a, b in (straight, straight[::-1])]
        first = [four.following[:, a] != stay for a in straight]
        passes = eight.following[:, diagonal] != stay
        reaches = np.stack(
            [(way == eight.following[:, diagonal]) & open_ for way, open_ in zip(ways, first, strict=True)]
        )
        assert reaches[:, passes].any(axis=0).all()
        beside_a_wall += (reaches[:, passes].sum(axis=0) == 1).sum()
    assert beside_a_wall > 0


@mazes
def test_optimal_values_satisfy_bellmans_equation(maze):
    """Q(s, a) = r + γ (1 - d) max Q(s', ·), and the policy is even over its maxima."""
    q, goal = maze.optimal_q(GAMMA), maze.find("G")
    arrived = maze.following == goal
    backed_up = arrived + GAMMA * ~arrived * q.max(axis=1)[maze.following]
    elsewhere = np.arange(len(q)) != goal
    np.testing.assert_allclose(q[elsewhere], backed_up[elsewhere], rtol=1e-12)
    assert not q[goal].any()
    best = np.isclose(q, q.max(axis=1, keepdims=True))
    np.testing.assert_allclose(maze.shortest_policy, best / best.sum(axis=1, keepdims=True))


@mazes
def test_observations_name_their_cells(maze):
    obs = jax.vmap(maze.observe)(np.arange(len(maze.cells)))
    np.testing.assert_array_equal(maze.cell_of(obs), np.arange(len(maze.cells)))
    apart = np.abs(np.asarray(obs)[:, None] - np.asarray(obs)[None]).sum(-1)
    np.testing.assert_array_equal(apart, np.abs(maze.cells[:, None] - maze.cells[None]).sum(-1))


@mazes
def test_the_shortest_way_is_paid_once_at_its_end(maze):
    env = make(f"GridMaze-{maze.layout}-{maze.moves}")
    best = jnp.asarray(maze.shortest_policy.argmax(axis=1), jnp.int32)
    length = int(maze.distance[maze.find("R")])

    def step(state, _):
        state = env.step(state, best[maze.cell_of(state.obs)])
        return state, (state.reward, state.done, state.metrics["success"])

    steps = jax.jit(lambda: jax.lax.scan(step, env.reset(jax.random.key(0)), None, length)[1])()
    expected = np.arange(1, length + 1) == length
    for found in steps:
        np.testing.assert_array_equal(found, expected)
    assert length < env.episode_length / 5


def test_walking_into_a_wall_until_the_time_is_over_is_truncation():
    env = make("GridMaze-umaze-4")
    step = lambda state, _: (lambda after: (after, (after.done, after.info["truncation"])))(
        env.step(state, jnp.int32(0))
    )
    done, truncated = jax.jit(lambda: jax.lax.scan(step, env.reset(jax.random.key(0)), None, 50)[1])()
    np.testing.assert_array_equal(done, np.arange(1, 51) == 50)
    np.testing.assert_array_equal(truncated, done)
