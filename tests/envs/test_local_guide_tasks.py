"""PAG's tasks: PointFall against NumPy, crashes that end and cost, observations from which poses are read back."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided_rl.envs import OWN_TASKS, make
from guided_rl.envs.local_guide_tasks import point_circle, point_fall, point_reach
from guided_rl.envs.local_guide_tasks.point_fall import Maze
from guided_rl.envs.reference_returns import REFERENCES
from guided_rl.guides import find_guide
from guided_rl.runtime.errors import UserError

MAZE = ["####", "#G.#", "##.#", "#.B#", "#..#", "####"]  # top row first


class PointFall:
    """The rules in plain Python and float64, one cell and one side at a time."""

    def __init__(self, x, y, heading, block):
        self.x, self.y, self.heading, self.block, self.time = x, y, heading, block, 0

    def cell(self, x, y):
        return MAZE[5 - y][x]

    def clip(self, left, low, x0, y0, x1, y1):
        first, last = 0.0, 1.0
        for p, q in ((x0 - x1, x0 - left), (x1 - x0, left + 1 - x0), (y0 - y1, y0 - low), (y1 - y0, low + 1 - y0)):
            if p == 0:
                if q < 0:
                    return False
            elif p < 0:
                if q / p > last:
                    return False
                first = max(first, q / p)
            else:
                if q / p < first:
                    return False
                last = min(last, q / p)
        return True

    def wall(self, x0, y0, x1, y1):
        a, b, c, d = (math.floor(v) for v in (x0, y0, x1, y1))
        if self.cell(c, d) == "#":
            return True
        cells = [(i, j) for j in range(min(b, d), max(b, d) + 1) for i in range(min(a, c), max(a, c) + 1)]
        return any(self.cell(i, j) == "#" and self.clip(i, j, x0, y0, x1, y1) for i, j in cells)

    def push(self, x0, y0, x1, y1):
        left, low = 2.0, 2.0 + self.block
        if self.block == 1.0:
            return False
        if left <= x1 < left + 1 and low <= y1 < low + 1:
            depth = math.copysign(1, y1 - y0) * (abs(y1 - y0) - min(abs(low - y0), abs(y0 - low - 1))) / 0.5
            if y0 < low or y0 > low + 1:
                self.block = min(1.0, max(-1.0, self.block + depth))
            return True
        return self.clip(left, low, x0, y0, x1, y1)

    def step(self, action):
        heading = (self.heading + action[1] * math.pi / 4) % (2 * math.pi)
        x, y = (self.x + math.cos(heading) * action[0] / 4, self.y + math.sin(heading) * action[0] / 4)
        wall = self.wall(self.x, self.y, x, y)
        if not (self.push(self.x, self.y, x, y) or wall):
            self.x, self.y, self.heading = x, y, heading
        self.time += 1
        goal = self.cell(math.floor(self.x), math.floor(self.y)) == "G"
        obs = [self.x - 1.5, self.y - 2, self.heading / (2 * math.pi), 0.0, self.block, self.time / 10]
        return np.array(obs), 1.0 if goal else -0.001


def free_place(rng):
    cells = [(1, 1), (2, 1), (1, 2), (2, 3), (2, 4), (1, 4)]
    x, y = cells[rng.integers(len(cells))]
    return x + rng.uniform(0.02, 0.98), y + rng.uniform(0.02, 0.98)


def test_point_fall_follows_its_rules_from_any_place():
    """One step from each of many places, headings and positions of the block; a float32 edge may decide otherwise."""
    rng, count = np.random.default_rng(0), 8000
    places = np.array([free_place(rng) for _ in range(count)], np.float32)
    headings = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    blocks = rng.choice([0.0, 0.0, 0.3, -0.4, 0.95, 1.0], count).astype(np.float32)
    actions = rng.uniform(-1, 1, (count, 2)).astype(np.float32)
    env = make("PointFall")
    worlds = Maze(*map(jnp.asarray, (*places.T, headings, blocks, np.zeros(count, np.float32))))
    after = jax.jit(jax.vmap(lambda w, a: env.step(env.init(w), a)))(worlds, actions)
    theirs = [
        PointFall(float(x), float(y), float(h), float(b)).step(a.astype(float))
        for (x, y), h, b, a in zip(places, headings, blocks, actions, strict=True)
    ]
    agree = np.array([np.allclose(o, t, atol=1e-5) for o, (t, _) in zip(np.asarray(after.obs), theirs, strict=True)])
    assert agree.mean() > 0.999
    rewards = np.array([r for _, r in theirs])
    np.testing.assert_allclose(np.asarray(after.reward)[agree], rewards[agree], atol=1e-6)
    moved = np.asarray(after.pipeline_state.block) != blocks
    stood = np.asarray(after.pipeline_state.x) == places[:, 0]
    assert moved.sum() > 20 and 0.1 < stood.mean() < 0.9 and (rewards == 1).sum() > 20


def test_point_fall_follows_its_rules_for_an_episode():
    env, rng = make("PointFall"), np.random.default_rng(3)
    actions = np.clip(rng.normal([0.6, 0], [0.5, 0.6], (300, 2)), -1, 1).astype(np.float32)
    first = jax.jit(env.reset)(jax.random.key(5))
    w = first.pipeline_state
    theirs = PointFall(float(w.x), float(w.y), float(w.heading), 0.0)
    _, states = jax.jit(lambda s: jax.lax.scan(lambda c, a: (env.step(c, a),) * 2, s, actions))(first)
    expected = [theirs.step(a.astype(float)) for a in actions]
    wrong = np.abs(np.asarray(states.obs) - np.stack([o for o, _ in expected])).max(1) > 1e-3
    assert not wrong[:100].any()


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_point_fall_starts_in_the_lower_room(seed):
    maze = point_fall.start(jax.random.key(seed))
    assert abs(float(maze.x) - 1.5) <= 0.45 + 1e-6 and abs(float(maze.y) - 2.0) <= 0.9 + 1e-6
    assert abs(float(maze.heading) - np.pi / 2) <= 0.45 + 1e-6 and float(maze.block) == 0


def test_worlds_rest_where_inactive_and_reset_where_masked():
    env = make("PointFall")
    state = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), 4))
    active = jnp.array([True, False, True, False])
    after = jax.jit(jax.vmap(env.step))(state, jnp.full((4, 2), 0.1), active)
    np.testing.assert_array_equal(after.info["step"], active.astype(int))
    np.testing.assert_allclose(after.obs[1], state.obs[1], atol=1e-6)
    again = jax.jit(jax.vmap(env.reset_where))(~active, after, jax.random.split(jax.random.key(1), 4))
    np.testing.assert_array_equal(again.obs[0], after.obs[0])
    assert np.any(np.asarray(again.obs[1]) != np.asarray(after.obs[1]))


def test_a_world_is_truncated_and_never_fails_by_time():
    env = make("PointFall")
    state = env.reset(jax.random.key(0))
    late = state.replace(info={**state.info, "step": jnp.int32(env.episode_length - 1)})
    after = env.step(late, jnp.zeros(2))
    assert (float(after.done), float(after.info["truncation"])) == (1.0, 1.0)


@settings(max_examples=60)
@given(st.floats(-1.1, 1.1), st.floats(-2, 2), st.floats(-3.1, 3.1))
def test_point_circles_pose_can_be_read_from_its_observation(x, y, heading):
    if math.hypot(x, y) < 1e-2:
        return
    still = jnp.zeros(3)
    obs = point_circle.observe({"qpos": jnp.array([x, y, heading]), "qvel": still, "qacc": still})
    assert obs.shape == (22,)
    np.testing.assert_allclose(point_circle.pose(obs), [x, y, heading], atol=2e-3)


def test_point_circles_robot_reaches_its_terminal_speed_and_is_paid_for_running_round():
    env = make("PointCircle", "native")
    state = jax.jit(env.init)(np.float32([0, -1.5, 0]), np.zeros(3, np.float32))
    _, states = jax.jit(lambda s: jax.lax.scan(lambda c, _: (env.step(c, jnp.array([1.0, 0.0])),) * 2, s, length=300))(
        state
    )
    assert float(states.obs[-1, 19]) == pytest.approx(1.5, rel=0.02)
    assert float(states.reward[5]) > 0
    crash = int(np.argmax(np.asarray(states.done)))
    assert float(states.reward[crash]) == -1000.0 and float(states.info["truncation"][crash]) == 0.0


def test_a_cart_at_full_force_crashes_on_impact_with_the_stop():
    """The specification measured step 65 in dm_control itself."""
    env = make("cartpole-safe", "native")
    state = jax.jit(env.reset)(jax.random.key(0))
    _, states = jax.jit(lambda s: jax.lax.scan(lambda c, _: (env.step(c, jnp.ones(1)),) * 2, s, length=90))(state)
    crash = int(np.argmax(np.asarray(states.done)))
    assert 55 <= crash + 1 <= 75
    assert float(states.reward[crash]) == -1000.0 and float(states.info["truncation"][crash]) == 0.0


def test_the_low_ball_starts_below_the_usual_height_and_the_sparse_mass_is_paid_on_the_target_alone():
    starts = jax.vmap(make("ball_in_cup-low", "native").task.start)(jax.random.split(jax.random.key(0), 500))[0]
    assert float(starts[:, 3].min()) >= 0 and float(starts[:, 3].max()) <= 0.25
    env = make("point_mass-sparse", "native")
    near = [
        float(env.step(env.init(np.float32([x, 0]), np.zeros(2, np.float32)), jnp.zeros(2)).reward) for x in (0.0, 0.02)
    ]
    assert near[0] >= 0.8 and near[1] == 0.0


def test_the_balls_literal_region_compares_the_ball_with_the_cups_height():
    """Above the cup's edge λ asks how far the ball is beside the cup; the authors' code, from z instead of x."""
    env = make("ball_in_cup-low", "native")
    ours, literal = find_guide("local", env).of(0), find_guide("local,literal=1", env).of(0)
    trust = lambda guide, cup, ball: float(guide.confidence(jnp.zeros(8).at[:4].set(jnp.array([*cup, *ball]))))
    for cup, ball, mended, typed in (
        ((0.2, 0.0), (0.2, 0.32), 0.0, 1.0),
        ((0.0, 0.2), (0.2, 0.52), 1.0, 0.0),
        ((0.2, 0.0), (0.2, 0.29), 1.0, 1.0),
        ((0.2, 0.0), (0.2, 0.36), 0.0, 0.0),
    ):
        assert (trust(ours, cup, ball), trust(literal, cup, ball)) == (mended, typed)
    obs = jnp.zeros(8)
    np.testing.assert_array_equal(ours.action(obs), literal.action(obs))
    assert jax.tree.structure(ours.params) == jax.tree.structure(literal.params), "a run knows its guide by its numbers"
    with pytest.raises(UserError, match="literal in the guide 'local,literal=1' is for tasks whose λ mends"):
        find_guide("local,literal=1", make("cartpole-safe", "native"))


def test_point_reach_pays_approach_and_goals_and_ends_in_obstacles():
    env = make("PointReach-like")
    room = env.reset(jax.random.key(0)).pipeline_state
    at = lambda place, **more: room.replace(place=jnp.array(place, jnp.float32), velocity=jnp.zeros(2), **more)
    goal = env.step(env.init(at([0.0, 0.0], goal=jnp.array([1.302, 0.0]))), jnp.array([1.0, 0.0]))
    assert float(goal.reward) == pytest.approx(5.0, abs=0.01) and float(goal.done) == 0.0
    again = env.step(goal, jnp.zeros(2)).pipeline_state
    assert int(again.goals) == int(room.goals) + 1 and float(jnp.linalg.norm(again.goal)) >= 2.0
    crash = env.step(env.init(at(point_reach.STATIC[0] - np.float32([1.2, 0]))), jnp.zeros(2))
    assert float(crash.reward) == -1000.0 and float(crash.done) == 1.0


def test_point_reach_sees_its_nearest_obstacle_where_it_is():
    room = make("PointReach-like").reset(jax.random.key(0)).pipeline_state
    room = room.replace(place=jnp.array([3.5, 0.0]), orbit=jnp.float32(np.pi))
    centres, surfaces = np.asarray(point_reach.centres(room)), np.asarray(point_reach.lidar(room))
    assert centres.argmax() == 0 and centres.max() == pytest.approx(1 - 3.0 / 5.0, abs=1e-5)
    assert surfaces[0] == pytest.approx(1 - 2.0 / 5.0, abs=1e-5)


@pytest.mark.parametrize("name", OWN_TASKS)
def test_every_task_of_our_own_has_a_measured_random_return(name):
    assert REFERENCES[name].random.source
    assert make(name).name == name


def test_worlds_refuse_an_engine_that_does_not_exist():
    with pytest.raises(UserError, match="native"):
        make("PointFall", "natve")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PointCircle", "cartpole-safe"])
def test_both_engines_take_the_same_steps(name):
    """Twenty steps of one tape; PointCircle's stiff turning servo magnifies MJX's rounding at times."""
    first = make(name, "native").task.start(jax.random.key(3))
    tape = np.random.default_rng(0).uniform(-1, 1, (20, make(name, "native").action_size)).astype(np.float32)

    def play(engine):
        env = make(name, engine)
        return jax.jit(lambda: jax.lax.scan(lambda s, a: (env.step(s, a),) * 2, env.init(*first), tape)[1])()

    native, mjx = play("native"), play("mjx")
    np.testing.assert_allclose(mjx.reward, native.reward, atol=5e-3)
    speeds = slice(-2, None) if name == "cartpole-safe" else slice(19, 21)
    assert np.median(np.abs(np.asarray(mjx.obs - native.obs)[:, speeds])) < 2e-3
