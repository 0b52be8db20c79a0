"""A simulation that MuJoCo finds unstable fails, in every engine: it is never put back to its reset pose unseen."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from guided_rl.envs.base import MujocoEnv, Task
from guided_rl.physics import Simulation, make_engine

ENGINES = ("native", "mjx")
FAST = 2e10  # beyond mujoco.mjMAXVAL, and a number in float32
SLIDER = """<mujoco><option timestep="0.01"><flag {flag} contact="disable"/></option><worldbody>
<body><joint name="x" type="slide" axis="1 0 0"/><joint name="z" type="slide" axis="0 0 1"/><geom size=".1"/></body>
</worldbody><actuator><motor joint="x" ctrlrange="-1 1"/></actuator></mujoco>"""


@functools.cache
def simulation(synced: bool = False, flag: str = "") -> Simulation:
    model = mujoco.MjModel.from_xml_string(SLIDER.format(flag=flag))
    return Simulation(model, 2, fields=("qpos", "qvel", "xipos", "time"), synced=synced)


def rollout(engine, speeds, controls, steps: int = 3):
    """Fields [steps, n, width] of simulations that start at `speeds` [n] along z, under `controls` [n]."""
    start = jax.vmap(lambda v: engine.init(jnp.zeros(2), jnp.stack([0.0, v])))
    step = jax.vmap(lambda data, control: engine.step(data, control[None]))

    def advance(data, _):
        after = step(data, controls)
        return after, after.packed

    return jax.jit(lambda: jax.lax.scan(advance, start(speeds), length=steps))()


@pytest.mark.parametrize(
    ("name", "flag", "synced"),
    [(name, flag, synced) for name in ENGINES for flag, synced in (("", True), ('autoreset="disable"', False))],
)
def test_bad_speeds_and_controls_fail_and_stay_failed_beside_the_healthy(name, flag, synced):
    engine = make_engine(simulation(synced, flag), name)
    speeds, controls = jnp.array([0.5, FAST, 0.5, jnp.nan]), jnp.array([0.3, 0.0, jnp.nan, 0.0])
    last, packed = rollout(engine, speeds, controls)
    assert np.isfinite(packed[:, 0]).all() and np.isnan(packed[:, 1:]).all()
    _, alone = rollout(engine, speeds[:1], controls[:1])
    np.testing.assert_array_equal(packed[:, :1], alone)
    fresh = jax.jit(jax.vmap(lambda d: engine.reset_where(True, d, jnp.zeros(2), jnp.array([0.0, 0.5]))))(last)
    again = jax.jit(jax.vmap(lambda d: engine.step(d, jnp.full(1, 0.3))))(fresh)
    np.testing.assert_allclose(again.packed, np.broadcast_to(alone[0], again.packed.shape), rtol=1e-6)


@pytest.mark.parametrize("name", ENGINES)
def test_an_acceleration_that_runs_away_within_a_control_step_is_seen(name):
    """A negative damping: the state is within bounds before and after the substep whose acceleration is not."""
    xml = SLIDER.format(flag='eulerdamp="disable"').replace('name="x"', 'name="x" damping="-1e12"')
    engine = make_engine(Simulation(mujoco.MjModel.from_xml_string(xml), 1), name)
    data = jax.jit(engine.init)(jnp.zeros(2), jnp.array([1.0, 0.0]))
    assert np.isnan(jax.jit(engine.step)(data, jnp.zeros(1)).packed).all()


@pytest.mark.parametrize("name", ENGINES)
def test_a_failed_simulation_earns_nan_until_its_reset(name):
    """What evaluation, training and the command line see of it."""
    task = Task(
        name="Slider",
        twin="none",
        simulation=simulation(),
        start=lambda key: (jnp.zeros(2), jnp.zeros(2)),
        observe=lambda d: jnp.concatenate([d["qpos"], d["qvel"]]),
        reward=lambda before, ctrl, after: (1.0 + after["qpos"][0], {}),
        terminated=lambda d: jnp.abs(d["qpos"][0]) > 10,
        episode_length=5,
    )
    env = MujocoEnv(task, make_engine(task.simulation, name))
    state = jax.jit(env.reset)(jax.random.key(0))
    failed = jax.jit(env.step)(state, jnp.full(1, jnp.nan))
    assert np.isnan(failed.reward) and np.isnan(failed.obs).all()
    later = jax.jit(env.step)(failed, jnp.zeros(1))
    assert np.isnan(later.reward)
    fresh = jax.jit(env.reset_where)(True, later, jax.random.key(1))
    assert np.isfinite(jax.jit(env.step)(fresh, jnp.zeros(1)).reward)


@pytest.mark.parametrize("name", ENGINES)
def test_numbers_and_the_clock_are_read_alike(name):
    engine = make_engine(simulation(), name)
    _, packed = rollout(engine, jnp.array([0.5]), jnp.array([0.3]), steps=3)
    time = engine.slots[[slot for slot, *_ in engine.slots].index("time")][1]
    np.testing.assert_allclose(packed[:, 0, time], [0.02, 0.04, 0.06], atol=1e-6)
