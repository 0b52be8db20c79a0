"""The native engine: independence of the crowd and of threads, errors, the compile cache."""

import functools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided_rl.envs import TASKS
from guided_rl.envs.base import MujocoEnv
from guided_rl.physics import make_engine, native
from guided_rl.physics.native import NativeEngine
from guided_rl.runtime.devices import cores

ROOT = Path(__file__).parents[2]
LARGEST = 9


@functools.cache
def environment(threads: int, name: str = "Walker2d-v5") -> MujocoEnv:
    task = TASKS[name]()
    return MujocoEnv(task, NativeEngine(task.simulation, threads))


@functools.cache
def rollout(threads: int, n: int, name: str = "Walker2d-v5"):
    """A compiled rollout of 20 steps of `n` simulations with resets; returns the last states."""
    env = environment(threads, name)

    def one(seed):
        def step(state, key):
            action, start = jax.random.split(key)
            state = env.step(state, jax.random.uniform(action, (env.action_size,), minval=-1, maxval=1))
            return env.reset_where(state.done > 0, state, start), state.reward

        start, keys = jax.random.split(jax.random.key(seed))
        return jax.lax.scan(step, env.reset(start), jax.random.split(keys, 20))

    return jax.jit(jax.vmap(one)).lower(jax.ShapeDtypeStruct((n,), jnp.int32)).compile()


def assert_equal(mine, theirs):
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=25, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 1000), min_size=1, max_size=LARGEST),
    threads=st.sampled_from([1, 3]),
)
def test_a_simulation_does_not_depend_on_its_neighbours_or_on_threads(seeds, threads):
    crowd = (seeds * LARGEST)[:LARGEST]
    together = rollout(threads, LARGEST)(jnp.array(crowd, jnp.int32))
    i = len(seeds) - 1
    alone = rollout(1, 1)(jnp.array([crowd[i]], jnp.int32))
    assert_equal(jax.tree.map(lambda x: x[i], together), jax.tree.map(lambda x: x[0], alone))


def test_batch_order_does_not_matter():
    seeds = jnp.arange(LARGEST, dtype=jnp.int32)
    forward, backward = rollout(3, LARGEST)(seeds), rollout(3, LARGEST)(seeds[::-1])
    assert_equal(forward, jax.tree.map(lambda x: x[::-1], backward))


def test_vmap_of_vmap_is_one_batch():
    env = environment(3)
    keys = jax.random.split(jax.random.key(0), 6)
    flat = jax.jit(jax.vmap(env.reset))(keys)
    nested = jax.jit(jax.vmap(jax.vmap(env.reset)))(keys.reshape(2, 3))
    assert_equal(jax.tree.map(lambda x: x.reshape(6, *x.shape[2:]), nested), flat)


def test_concurrent_calls_do_not_disturb_each_other():
    """As when a population is spread over several CPU devices of one process."""
    compiled = [rollout(3, LARGEST), rollout(1, LARGEST)]
    batches = [jnp.arange(LARGEST, dtype=jnp.int32) + 10 * i for i in range(8)]
    expected = [compiled[0](batch) for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        for run in compiled:
            for mine, theirs in zip(threads.map(run, batches), expected, strict=True):
                assert_equal(mine, theirs)


def test_state_survives_a_round_trip_through_the_host():
    env = environment(3)
    step = jax.jit(jax.vmap(env.step))
    state = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), 4))
    action = jnp.full((4, env.action_size), 0.3)
    stored = jax.tree.map(np.asarray, step(state, action))
    assert_equal(step(jax.tree.map(jnp.asarray, stored), action), step(step(state, action), action))


@pytest.mark.parametrize("method", ["step", "start"])
def test_an_error_in_the_engine_surfaces_with_its_message(method, monkeypatch):
    task = TASKS["InvertedPendulum-v5"]()
    env = MujocoEnv(task, NativeEngine(task.simulation, 2))

    def broken(*_):
        raise ValueError("the joint came off")

    state = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), 4))
    monkeypatch.setattr(native._Worker, method, broken)
    call = jax.jit(jax.vmap(env.step)) if method == "step" else jax.jit(jax.vmap(lambda s, _: env.reset(s)))
    first = state if method == "step" else jax.random.split(jax.random.key(1), 4)
    with pytest.raises(Exception, match=f"guided_rl_native_{method}: ValueError: the joint came off"):
        jax.block_until_ready(call(first, jnp.zeros((4, 1))))


def test_the_engine_works_again_after_an_error(monkeypatch):
    env = environment(3, "InvertedPendulum-v5")
    state = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), 4))
    step, action = jax.jit(jax.vmap(env.step)), jnp.zeros((4, 1))
    expected = step(state, action)
    with monkeypatch.context() as patch:
        patch.setattr(native._Worker, "step", lambda *_: 1 / 0)
        with pytest.raises(Exception, match="ZeroDivisionError"):
            jax.block_until_ready(step(state, action))
    assert_equal(step(state, action), expected)


def test_thread_count_follows_the_environment(monkeypatch):
    monkeypatch.setenv("GUIDED_RL_THREADS", "3")
    assert cores() == 3
    monkeypatch.delenv("GUIDED_RL_THREADS")
    assert cores() == len(os.sched_getaffinity(0))


def test_unread_fields_are_named():
    data = jax.jit(environment(1).reset)(jax.random.key(0)).pipeline_state
    with pytest.raises(KeyError, match="cfrc_ext"):
        data["cfrc_ext"]


def test_a_second_process_finds_the_compiled_rollout_in_the_cache(tmp_path):
    def run() -> dict:
        command = [sys.executable, "-m", "tests.physics.cached_rollout", str(tmp_path / "cache")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    first, second = run(), run()
    assert (first["hits"], first["misses"]) == (0, 1)
    assert (second["hits"], second["misses"]) == (1, 0)
    assert second["total"] == first["total"]


def test_auto_is_native_on_cpu():
    if jax.default_backend() != "cpu":
        pytest.skip("this test is about CPU")
    assert make_engine(TASKS["InvertedPendulum-v5"]().simulation).name == "native"


def test_host_callback_and_custom_call_are_the_same_engine():
    """The path with the learner on another device gives the same bits, resets included."""
    task = TASKS["Hopper-v5"]()

    def roll(entry: str):
        env = MujocoEnv(task, NativeEngine(task.simulation, entry=entry))

        def step(state, action):
            state = env.step(state, action)
            return env.reset_where(state.done > 0, state, jax.random.key(1)), state.obs

        actions = jax.random.uniform(jax.random.key(2), (30, 5, env.action_size), minval=-1, maxval=1)
        start = jax.vmap(env.reset)(jax.random.split(jax.random.key(0), 5))
        return jax.jit(lambda s, a: jax.lax.scan(jax.vmap(step), s, a))(start, actions)

    assert_equal(roll("ffi"), roll("callback"))
