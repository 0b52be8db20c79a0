"""Mazes: D4RL's layouts, the shortest ways through them, walls that hold, and when an episode ends."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from guided_rl.envs import make, mazes
from guided_rl.envs.mazes import ANT, COMMANDED, LAYOUTS, POINT, ant_model, maze_of

names = pytest.mark.parametrize("name", LAYOUTS)


@functools.cache
def point():
    env = make("PointMaze-umaze", "native")
    return jax.jit(env.init), jax.jit(env.step)


@names
def test_layouts_are_closed_and_connected(name):
    maze = ANT[name]
    border = np.concatenate([maze.grid[0], maze.grid[-1], maze.grid[:, 0], maze.grid[:, -1]])
    assert (border == "#").all()
    assert maze.grid.shape == {"umaze": (5, 5), "medium": (8, 8), "large": (9, 12)}[name]
    assert (maze.grid == "R").sum() == (maze.grid == "G").sum() == 1
    assert all(maze.grid[cell] != "#" for cell in COMMANDED[name])
    assert all(maze.hops[cell][0] >= 0 for cell in maze.free)


@names
def test_hops_are_neighbours_on_shortest_ways(name):
    maze = ANT[name]
    count = len(maze.free)
    steps = np.zeros((count, count), int)
    for start in range(count):
        for target in range(count):
            cell = start
            while cell != target:
                following = maze.hops[maze.free[cell]][target]
                assert np.abs(np.subtract(maze.free[cell], maze.free[following])).sum() == 1
                cell, steps[start, target] = following, steps[start, target] + 1
                assert steps[start, target] <= count
    np.testing.assert_array_equal(steps, steps.T)
    through = (steps[:, :, None] + steps[None, :, :]).min(1)
    assert (steps <= through).all()


def d4rls_cell(x: float, y: float, scale: float) -> tuple[int, int]:
    """D4RL's rule, in its layouts: int(1 + x / scale) of coordinates that are at least 1e-4."""
    return int(1 + max(y, 1e-4) / scale), int(1 + max(x, 1e-4) / scale)


@names
def test_a_cell_counts_as_entered_past_its_centre_as_in_d4rl(name):
    maze = ANT[name]
    places = np.random.default_rng(0).uniform(-2, 4 * max(maze.grid.shape) - 8, (500, 2)).astype(np.float32)
    entered = np.asarray(jax.vmap(maze.entered)(jnp.asarray(places)))
    np.testing.assert_array_equal(entered, [d4rls_cell(x, y, 4.0) for x, y in places])
    corner = maze.centre((1, 2))
    assert tuple(np.asarray(maze.entered(corner - 0.1))) == (1, 1)
    assert tuple(np.asarray(maze.entered(corner + 0.1))) == (1, 2)


@names
def test_from_everywhere_that_a_body_can_be_there_is_a_way_to_every_cell(name):
    """Half a cell left of a centre or above it the cell before counts, and that may be a wall."""
    maze, walls = ANT[name], 0
    for cell in maze.free:
        for offset in ((-1.9, -1.9), (-1.9, 1.9), (1.9, -1.9), (1.9, 1.9)):
            row, column = np.asarray(maze.entered(maze.centre(cell) + np.float32(offset)))
            assert (maze.hops[row, column] >= 0).all()
            walls += maze.grid[row, column] == "#"
    assert walls > 0


@names
def test_boxes_cover_the_walls_and_nothing_else(name):
    maze = ANT[name]
    for row in range(maze.grid.shape[0]):
        for column in range(maze.grid.shape[1]):
            place = maze.centre((row, column))
            inside = [np.all(np.abs(place - centre) < half) for centre, half in maze.boxes()]
            assert sum(inside) == (maze.grid[row, column] == "#")


def test_the_ant_is_d4rls():
    model = ant_model(ANT["umaze"])
    assert (model.opt.timestep, model.opt.integrator) == (0.02, mujoco.mjtIntegrator.mjINT_RK4)
    np.testing.assert_array_equal(model.actuator_ctrlrange, np.tile([-30.0, 30.0], (8, 1)))
    np.testing.assert_array_equal(model.actuator_gear[:, 0], 1.0)
    np.testing.assert_array_equal(model.dof_armature[6:14], 1.0)
    np.testing.assert_array_equal(model.dof_damping[6:14], 1.0)
    foot = model.geom("left_ankle_geom")
    np.testing.assert_allclose(foot.friction, [1.0, 0.5, 0.5])
    volume = np.pi * 0.08**2 * (2 * foot.size[1] + 4 / 3 * 0.08)
    assert model.body_mass[foot.bodyid[0]] == pytest.approx(5.0 * volume)
    walls = np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_BOX)
    np.testing.assert_allclose(model.geom_pos[walls, 2] + model.geom_size[walls, 2], 2.0)
    np.testing.assert_allclose(model.geom_pos[walls, 2] - model.geom_size[walls, 2], 0.0)
    env = make("AntMaze-umaze", "native")
    assert (env.observation_size, env.action_size, env.episode_length) == (29, 8, 700)
    assert env.dt == pytest.approx(0.1)


def test_the_ant_starts_at_r_and_its_goal_lies_near_g():
    env = make("AntMaze-medium", "native")
    state = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), 200))
    qpos = np.asarray(jax.vmap(lambda data: data["qpos"])(state.pipeline_state))
    assert np.abs(qpos[:, :2]).max() <= 0.1
    np.testing.assert_allclose(qpos[:, 2], 0.75, atol=0.1001)
    offset = qpos[:, -2:] - ANT["medium"].centre(ANT["medium"].find("G"))
    assert offset.min() >= 0
    assert 1.2 < offset.max() <= 1.5
    np.testing.assert_allclose(offset.mean(0), 0.75, atol=0.1)
    np.testing.assert_array_equal(state.obs[:, :2], qpos[:, :2])


def test_the_goal_stays_where_it_is_while_the_body_moves():
    env = make("AntMaze-umaze", "native")
    state = jax.jit(env.reset)(jax.random.key(1))
    step = jax.jit(env.step)
    for i in range(5):
        after = step(state, jnp.sin(jnp.arange(8.0) + i))
        np.testing.assert_array_equal(after.pipeline_state["qpos"][-2:], state.pipeline_state["qpos"][-2:])
        state = after
    assert np.abs(np.asarray(state.obs[15:])).max() > 0.01


def test_reaching_the_goal_pays_one_and_ends_the_episode():
    init, step = point()
    goal = POINT["umaze"].centre(POINT["umaze"].find("G"))
    near = init(np.array([goal[0] + 0.35, goal[1], *goal], np.float32), np.zeros(4, np.float32))
    far = init(np.array([goal[0] + 0.48, goal[1], *goal], np.float32), np.zeros(4, np.float32))
    for start, reward in ((near, 1.0), (far, 0.0)):
        after = step(start, jnp.zeros(2))
        assert float(after.reward) == float(after.done) == reward
        assert float(after.info["truncation"]) == 0.0


def test_walls_hold_the_ball():
    init, step = point()
    state = init(np.array([0, 0, 5, 5], np.float32), np.zeros(4, np.float32))
    for _ in range(40):
        state = step(state, jnp.array([0.0, 1.0]))
    assert state.obs[1] == pytest.approx(0.5 - 0.15, abs=0.06)  # the wall below R, less the ball's radius


def test_the_reaching_ant_sees_the_way_and_is_paid_for_metres():
    env = make("AntReach", "native")
    start = np.zeros(17, np.float32)
    start[2], start[3], start[-2:] = 0.75, 1.0, [3.0, 4.0]
    state = jax.jit(env.init)(start, np.zeros(16, np.float32))
    assert env.observation_size == 29
    np.testing.assert_allclose(state.obs[-2:], [3.0, 4.0])
    after = jax.jit(env.step)(state, jnp.ones(8))
    moved = 5.0 - np.linalg.norm([3.0, 4.0] - np.asarray(after.pipeline_state["qpos"][:2]))
    assert float(after.reward) == pytest.approx(moved, abs=1e-5)
    goals = jax.vmap(lambda key: env.task.start(key)[0][-2:])(jax.random.split(jax.random.key(0), 2000))
    distance = np.linalg.norm(goals, axis=1)
    assert distance.max() <= mazes.REACH_RADIUS
    assert np.mean(distance < mazes.REACH_RADIUS / 2) == pytest.approx(0.25, abs=0.04)


def test_mazes_by_task_name():
    assert maze_of("AntMaze-large") is ANT["large"]
    assert maze_of("PointMaze-umaze") is POINT["umaze"]
    assert maze_of("HalfCheetah-v5") is maze_of("AntReach") is None


@pytest.mark.slow
def test_the_ball_in_mjx_is_the_ball_in_c():
    init, step = point()
    other = make("PointMaze-umaze", "mjx")
    start = np.array([0, 0, 0, 2], np.float32), np.array([0.5, 0.2, 0, 0], np.float32)
    ours, theirs = init(*start), jax.jit(other.init)(*start)
    theirs_step = jax.jit(other.step)
    for i in range(30):
        action = jnp.array([np.cos(i / 5), np.sin(i / 7)], jnp.float32)
        ours, theirs = step(ours, action), theirs_step(theirs, action)
    np.testing.assert_allclose(theirs.obs, ours.obs, atol=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["AntMaze-umaze", "AntMaze-large", "AntReach"])
def test_mjx_has_all_that_the_ant_and_its_walls_need(task):
    """Traced, not compiled: MJX refuses a missing collision or integrator while tracing."""
    env = make(task, "mjx")
    state = jax.eval_shape(env.reset, jax.random.key(0))
    after = jax.eval_shape(env.step, state, jnp.zeros(8))
    assert after.obs.shape == (29,)
