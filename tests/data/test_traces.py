"""An expert's traces: each succeeds, and an environment put back into one goes on as the expert did."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl import envs
from guided_rl.data.traces import record_traces
from guided_rl.envs.base import restore_where
from guided_rl.guides import find_guide
from guided_rl.guides.base import Guide
from guided_rl.runtime.errors import UserError


@pytest.mark.parametrize(
    ("task", "named", "physics"),
    [
        ("GridMaze-umaze-4", "exact,noise=0.5", "auto"),
        ("PushMaze-umaze", "exact", "auto"),
        ("PointMaze-umaze", "exact", "native"),
        pytest.param("PointMaze-umaze", "exact", "mjx", marks=pytest.mark.slow),
    ],
)
def test_from_any_state_of_a_trace_the_experts_actions_succeed_at_the_same_clock(task, named, physics):
    env = envs.make(task, physics)
    recorded = record_traces(env, env, find_guide(named, env), 4)
    traces = recorded.of(jnp.int32(0))
    step = jax.jit(env.step)
    assert (traces.length > 0).all() and (traces.length <= env.episode_length).all()
    for trace, length in enumerate(np.asarray(traces.length)):
        at = int(length) // 2
        state = restore_where(True, env.reset(jax.random.key(9)), recorded.state(0, trace, at))
        np.testing.assert_array_equal(state.obs, traces.obs[trace, at])
        assert state.info["step"] == at and state.done == 0
        for action in traces.action[trace, at:length]:
            assert state.done == 0
            state = step(state, action)
        assert state.reward == 1 and state.done == 1 and state.info["truncation"] == 0


def test_episodes_that_failed_are_left_out_but_counted():
    env = envs.make("Chain-6")
    traces = record_traces(env, env, find_guide("exact,noise=0.5", env), 8).of(jnp.int32(0))
    np.testing.assert_array_equal(traces.length, 6)
    assert traces.tried == 256 and 8 * 6 < traces.steps < 256 * 6


def test_the_jumping_experts_actions_are_told_in_the_learners_space():
    learner, world = envs.make("JumpChain-6"), envs.make("JumpChain-6-expert")
    traces = record_traces(world, learner, find_guide("exact", world), 2).of(jnp.int32(0))
    np.testing.assert_array_equal(traces.length, 3)
    np.testing.assert_array_equal(traces.action[:, :3], 2)
    np.testing.assert_array_equal(traces.states.pipeline_state[0, :4], [0, 2, 4, 6])


def test_every_expert_of_a_set_has_its_own_traces():
    env = envs.make("Chain-6")
    right = np.asarray(jax.vmap(find_guide("exact", env).action)(jnp.eye(6)))
    both = Guide(jnp.stack([right, right]), lambda params, obs, key: params[jnp.argmax(obs)], name="two", size=2)
    traces = record_traces(env, env, both, 3)
    assert traces.length.shape == (2, 3) and traces.of(jnp.int32(5)).length.shape == (3,)


def test_an_expert_that_never_succeeds_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr("guided_rl.data.traces.MOST", 256)
    env = envs.make("Chain-6")
    wrong = Guide((), lambda params, obs, key: jnp.array([0.0, 0.0, 0.0]).at[0].set(1.0), name="always the first")
    with pytest.raises(UserError, match="'always the first' succeeded in none of 256 episodes of Chain-6"):
        record_traces(env, env, wrong)
