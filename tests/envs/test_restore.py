"""A stored state of an environment is gone on from as if nothing had been between: world, clock and time limit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.envs import make
from guided_rl.envs.base import restore_where

MANY, BEFORE, AFTER = 4, 6, 8
ENVS = [
    ("HalfCheetah-v5", "native"),  # warm starts of the solver
    ("cheetah-run", "native"),  # synced, settled, time in the state
    ("PointReach-like", "auto"),  # later draws inside the world
    ("CartPole-v1", "auto"),
    ("GridMaze-medium-8", "auto"),
    pytest.param("brax:inverted_pendulum", "auto", marks=pytest.mark.slow),
    pytest.param("HalfCheetah-v5", "mjx", marks=pytest.mark.slow),
]


def played(env, state, actions):
    """Every state [steps, MANY, …] along a tape of actions."""
    step = jax.vmap(env.step)
    return jax.lax.scan(lambda s, a: (lambda after: (after, after))(step(s, a)), state, actions)


@pytest.mark.parametrize("name, physics", ENVS)
def test_the_same_actions_lead_to_the_same_steps_from_a_stored_state(name, physics):
    env = make(name, physics)
    space = env.action_space
    actions = space.sample(jax.random.key(1), (BEFORE + AFTER, MANY))
    mask = jnp.array([True, False, True, True])
    play = jax.jit(lambda state, actions: played(env, state, actions))
    start = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), MANY))
    near = start.replace(info={**start.info, "step": start.info["step"] + env.episode_length - BEFORE - AFTER})
    stored, _ = play(near, actions[:BEFORE])
    kept = jax.tree.map(np.array, stored)  # on the host, as a file would hold it
    _, first = play(stored, actions[BEFORE:])

    elsewhere, _ = play(start, actions[:BEFORE][::-1])
    restored = jax.jit(jax.vmap(restore_where))(mask, elsewhere, kept)
    _, again = play(restored, actions[BEFORE:])
    for left, right in zip(jax.tree.leaves(again), jax.tree.leaves(first), strict=True):
        np.testing.assert_array_equal(np.asarray(left)[:, mask], np.asarray(right)[:, mask])
    np.testing.assert_array_equal(np.asarray(again.done)[-1, mask], 1.0)  # the time limit, or an end before it


@pytest.mark.parametrize("name", ["InvertedPendulum-v5", "PointFall"])
def test_only_the_masked_are_restored_and_the_last_reward_is_kept(name):
    env, mask = make(name, "native"), jnp.array([True, False])
    actions = jnp.ones((3, 2, env.action_size))
    start = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), 2))
    late, _ = jax.jit(lambda: played(env, start, actions))()
    after = jax.vmap(restore_where)(mask, late, start)
    np.testing.assert_array_equal(after.info["step"], [0, 3])
    np.testing.assert_array_equal(after.obs, np.where(mask[:, None], start.obs, late.obs))
    np.testing.assert_array_equal(after.reward, late.reward)
    for kept, before in zip(jax.tree.leaves(after.pipeline_state), jax.tree.leaves(late.pipeline_state), strict=True):
        np.testing.assert_array_equal(np.asarray(kept)[1], np.asarray(before)[1])
