"""Every task on the native engine equals its twin, over whole action tapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.parity import upstream
from guided_rl.envs import TASKS, make
from guided_rl.envs.upstream import twin_of

FLOAT32 = 1e-6  # a few units in the last place, relative to 1 + |value|


@pytest.mark.parametrize("name", TASKS)
def test_tape_equals_the_twin(name):
    tape = upstream.record(name, steps=1000, seed=1)
    errors = upstream.native_errors(tape)
    assert errors.state.max() <= 1e-12
    assert errors.observation.max() <= FLOAT32
    assert errors.reward.max() <= FLOAT32
    assert errors.terms.max() <= FLOAT32
    assert not errors.termination.any()
    assert not errors.truncation.any()
    ends = tape.terminated | tape.truncated
    assert ends.any(), "the tape must contain the end of an episode"


@pytest.mark.parametrize("name", TASKS)
def test_packed_fields_hold_float64_in_two_parts(name):
    env = make(name, "native")
    data = jax.jit(env.reset)(jax.random.key(3)).pipeline_state
    qpos = np.asarray(data.raw).view(np.float64)[1 : 1 + env.task.simulation.model.nq]
    if "qpos" in env.task.simulation.precise:
        ours = np.asarray(data["qpos"], np.float64) + np.asarray(data["qpos.low"], np.float64)
        np.testing.assert_allclose(ours, qpos, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(data["qpos"], qpos.astype(np.float32))


@pytest.mark.parametrize("name", TASKS)
def test_sizes_ranges_and_times_are_the_twins(name):
    env, twin = make(name, "native"), twin_of(name)
    assert env.observation_size == twin.observation_size
    assert env.action_size == len(twin.low)
    assert env.dt == pytest.approx(twin.dt)
    assert env.episode_length == twin.episode_length
    np.testing.assert_array_equal(env.ctrl(jnp.full(env.action_size, -1.0)), twin.low)
    np.testing.assert_array_equal(env.ctrl(jnp.full(env.action_size, 1.0)), twin.high)
    np.testing.assert_array_equal(env.ctrl(jnp.full(env.action_size, 7.0)), twin.high)


@pytest.mark.parametrize("name", TASKS)
def test_only_the_time_limit_truncates(name):
    env = make(name, "native")
    state = jax.jit(env.reset)(jax.random.key(0))
    step = jax.jit(env.step)
    for taken, expected in ((env.episode_length - 2, 0.0), (env.episode_length - 1, 1.0)):
        late = state.replace(info={**state.info, "step": jnp.int32(taken)})
        after = step(late, jnp.zeros(env.action_size))
        assert float(after.done) == float(after.info["truncation"]) == expected


@pytest.mark.parametrize("name", ["Hopper-v5", "InvertedPendulum-v5", "Ant-v5"])
def test_a_failure_on_the_last_step_is_no_truncation(name):
    env = make(name, "native")
    model = env.task.simulation.model
    fallen = np.asarray(model.qpos0, np.float32)
    fallen[{"Hopper-v5": 1, "InvertedPendulum-v5": 1, "Ant-v5": 2}[name]] = 1.5 if name != "Hopper-v5" else 0.4
    state = jax.jit(env.init)(fallen, np.zeros(model.nv, np.float32))
    state = state.replace(info={**state.info, "step": jnp.int32(env.episode_length - 1)})
    after = jax.jit(env.step)(state, jnp.zeros(env.action_size))
    assert float(after.done) == 1.0
    assert float(after.info["truncation"]) == 0.0
