"""CartPole-v1 and Acrobot-v1 are Gymnasium's: steps, ends, time limits and starts."""

from __future__ import annotations

import functools

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from guided_rl.envs import make
from guided_rl.envs.spaces import Discrete

STEPS = 1000
ONE_STEP = 2e-6  # relative to 1 + |value|: ours computes in float32 from the twin's float64 state, rounded
EPISODE = {"CartPole-v1": 1e-5, "Acrobot-v1": 1e-2}  # the same, grown over whole episodes that nothing corrects
BALANCE = lambda s: int(s[2] + 0.4 * s[3] + 0.05 * s[0] + 0.1 * s[1] > 0)
SWING = lambda s: 2 if s[3] > 0 else 0
SKILLED = {"CartPole-v1": BALANCE, "Acrobot-v1": SWING}
names = pytest.mark.parametrize("name", SKILLED)


@functools.cache
def tape(name: str, skilled: bool) -> dict[str, np.ndarray]:
    """1,000 steps of Gymnasium's: the state and step count before each, the action, and what came of it."""
    twin, rng = gymnasium.make(name), np.random.default_rng(0)
    twin.action_space.seed(0)
    twin.reset(seed=0)
    rows, count = [], 0
    for _ in range(STEPS):
        if not count:  # from a start that float32 holds exactly
            twin.unwrapped.state = twin.unwrapped.state.astype(np.float32).astype(np.float64)
        before = np.array(twin.unwrapped.state)
        action = SKILLED[name](before) if skilled else int(rng.integers(twin.action_space.n))
        obs, reward, terminated, truncated, _ = twin.step(action)
        rows.append((before, count, action, obs, reward, terminated, truncated and not terminated))
        count += 1
        if terminated or truncated:
            twin.reset()
            count = 0
    keys = ("state", "count", "action", "obs", "reward", "terminated", "truncated")
    return {key: np.array(column) for key, column in zip(keys, zip(*rows, strict=True), strict=True)}


def ended(after) -> tuple[np.ndarray, np.ndarray]:
    """Whether each step ended its episode by itself, and by the time limit."""
    truncated = np.asarray(after.info["truncation"]) > 0
    return (np.asarray(after.done) > 0) & ~truncated, truncated


def error(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float((np.abs(np.asarray(ours, np.float64) - theirs) / (1 + np.abs(theirs))).max())


@names
@pytest.mark.parametrize("skilled", [False, True])
def test_every_step_is_the_twins(name, skilled):
    """From each state of a tape: observation, reward, and both kinds of end."""
    env, theirs = make(name), tape(name, skilled)

    def step(world, count, action):
        state = env.init(world)
        return env.step(state.replace(info={**state.info, "step": count}), action)

    counts, actions = np.int32(theirs["count"]), np.int32(theirs["action"])
    after = jax.jit(jax.vmap(step))(np.float32(theirs["state"]), counts, actions)
    assert error(after.obs, theirs["obs"]) < ONE_STEP
    np.testing.assert_array_equal(after.reward, theirs["reward"])
    np.testing.assert_array_equal(ended(after), (theirs["terminated"], theirs["truncated"]))


@names
def test_whole_episodes_are_the_twins(name):
    """The same tape, uncorrected from each episode's start to its end."""
    env, theirs = make(name), tape(name, skilled=name == "Acrobot-v1")

    def step(state, row):
        world, fresh, action = row
        begun = env.init(world)
        state = jax.tree.map(lambda a, b: jnp.where(fresh, a, b), begun, state)
        state = env.step(state, action)
        return state, state

    rows = np.float32(theirs["state"]), theirs["count"] == 0, np.int32(theirs["action"])
    after = jax.jit(lambda: jax.lax.scan(step, env.init(rows[0][0]), rows)[1])()
    assert error(after.obs, theirs["obs"]) < EPISODE[name]
    np.testing.assert_array_equal(after.reward, theirs["reward"])
    np.testing.assert_array_equal(ended(after), (theirs["terminated"], theirs["truncated"]))
    assert theirs["terminated"].any()


@names
def test_the_tapes_hold_both_kinds_of_end(name):
    ends = [tape(name, skilled)[end].any() for skilled in (False, True) for end in ("terminated", "truncated")]
    assert ends == ([True, False, False, True] if name == "CartPole-v1" else [False, True, True, False])


@names
def test_sizes_and_starts_are_the_twins(name):
    env, twin = make(name), gymnasium.make(name)
    assert env.action_space == Discrete(int(twin.action_space.n))
    assert env.observation_size == twin.observation_space.shape[0]
    assert env.episode_length == twin.spec.max_episode_steps
    twin.reset(seed=0)
    theirs = []
    for _ in range(2000):
        twin.reset()
        theirs.append(np.array(twin.unwrapped.state))
    ours = np.asarray(jax.vmap(env.task.start)(jax.random.split(jax.random.key(0), 2000)))
    assert np.abs(ours).max() <= np.abs(theirs).max() * 1.01
    for column in range(4):
        assert stats.ks_2samp(ours[:, column], np.array(theirs)[:, column]).pvalue > 1e-5


def test_acrobot_angles_turn_once_past_half_a_turn():
    """Spun fast enough, both angles pass ±π within one step, and stay in [-π, π]."""
    env, twin = make("Acrobot-v1"), gymnasium.make("Acrobot-v1").unwrapped
    twin.reset(seed=0)
    for spin in (-1.0, 1.0):
        world = np.array([3.1 * spin, 3.1 * spin, 12.0 * spin, 28.0 * spin])
        twin.state = world
        obs = twin.step(1)[0]
        after = jax.jit(env.step)(env.init(jnp.float32(world)), jnp.int32(1))
        assert error(after.obs, obs) < 2e-5
        assert np.abs(np.asarray(after.pipeline_state)[:2]).max() <= np.pi + 1e-6


@names
def test_an_action_that_there_is_not_fails_the_world(name):
    """It is never taken for another one in silence."""
    env = make(name)
    state, step = env.reset(jax.random.key(0)), jax.jit(env.step)
    n = env.action_space.n
    for action, known in ((-1, False), (0, True), (n - 1, True), (n, False)):
        assert np.isfinite(step(state, jnp.int32(action)).reward) == known
    assert np.isfinite(step(state, jnp.int32(n), False).reward)
