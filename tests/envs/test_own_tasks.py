"""A task of the user's own: slips are one sentence that names the function, and harmless ones simply work."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from guided_rl.envs import MujocoEnv, make
from guided_rl.envs.base import Task, control_range, uniform_start
from guided_rl.envs.jax_env import JaxEnv, JaxTask
from guided_rl.envs.own_tasks import own_task
from guided_rl.envs.spaces import Discrete
from guided_rl.physics import Simulation, make_engine
from guided_rl.runtime.errors import UserError

XML = """<mujoco><worldbody><body><joint name="h" axis="0 1 0" damping="0.1"/>
<geom type="capsule" fromto="0 0 0 0 0 -0.6" size="0.05"/></body></worldbody>
<actuator>{}</actuator></mujoco>"""
MOTOR = '<motor name="elbow" joint="h" ctrlrange="-2 2"/>'


def task(fields=("qpos", "qvel"), motor=MOTOR, frame_skip=2, **other) -> Task:
    sim = Simulation(mujoco.MjModel.from_xml_string(XML.format(motor)), frame_skip, fields=fields)
    usual = {
        "name": "T",
        "twin": "none",
        "simulation": sim,
        "start": uniform_start(sim.model, 0.1),
        "observe": lambda d: jnp.concatenate([d["qpos"], d["qvel"]]),
        "reward": lambda b, c, a: (-jnp.cos(a["qpos"][0]), {}),
        "terminated": lambda d: jnp.bool_(False),
        "episode_length": 50,
    }
    return Task(**{**usual, **other})


def world(**other) -> JaxTask:
    usual = {
        "name": "W",
        "twin": "none",
        "action_size": 1,
        "start": lambda key: jnp.zeros(2),
        "advance": lambda w, a: w + a,
        "observe": lambda w: w,
        "reward": lambda b, a, w: (w[0], {}),
        "terminated": lambda w: w[0] > 3,
    }
    return JaxTask(**{**usual, **other})


SLIPS = {
    "reward of": lambda: task(reward=lambda b, c, a: -jnp.cos(a["qpos"][0])),
    "reward of the": lambda: task(reward=lambda b, c, a: (a["qpos"][0], {})[0:1]),
    "the term 'all' of reward": lambda: task(
        reward=lambda b, c, a: (0.0, {"all": a["xpos"]}), fields=("qpos", "qvel", "xpos")
    ),
    "reward": lambda: task(reward=lambda b, c, a: (jnp.zeros(2), {})),
    "reward of the task t failed (KeyError": lambda: task(reward=lambda b, c, a: (a["spam"][0], {})),
    "terminated of": lambda: task(terminated=lambda d: jnp.zeros(2) > 1),
    "terminated of the": lambda: task(terminated=lambda d: None),
    "float32 of shape ()": lambda: task(observe=lambda d: d["qpos"][0]),
    "dictionary of state": lambda: task(observe=lambda d: {"state": d["qpos"]}),
    "of shape (2, 1)": lambda: task(observe=lambda d: jnp.stack([d["qpos"], d["qvel"]])),
    "qpos of shape (1,)": lambda: task(start=lambda key: (jnp.zeros(2), jnp.zeros(1))),
    "start of": lambda: task(start=lambda key: jnp.zeros(1)),
    "start of the task t failed": lambda: task(start=lambda: None),
    "'spam'": lambda: task(fields=("qpos", "qvel", "spam")),
    "'efc_force'": lambda: task(fields=("qpos", "qvel", "efc_force")),
    "'contact'": lambda: task(fields=("qpos", "qvel", "contact")),
    "frame_skip": lambda: task(frame_skip=0),
    "episode_length": lambda: task(episode_length=0.5),
    "t() failed (TypeError": lambda x: task(),
    "t() failed (ValueError": lambda: mujoco.MjModel.from_xml_string("<mujoco"),
    "t is a Task, not a function": task(),
    "t returned dict": lambda: {},
    "advance of": lambda: world(advance=lambda w, a: w[0]),
    "observe of the task t failed": lambda: world(observe=lambda w: w["x"]),
}


@pytest.mark.parametrize("words", SLIPS)
def test_a_slip_is_one_sentence(words):
    with pytest.raises(UserError) as caught:
        own_task(SLIPS[words], "t")
    assert words in str(caught.value) and "\n" not in str(caught.value) and " t" in f" {caught.value}"


@pytest.mark.parametrize("reward", [lambda x: x, lambda x: x > 0, lambda x: jnp.int32(x > 0), lambda x: x[None] > 0])
@pytest.mark.parametrize(
    "ended", [lambda x: x > 9, lambda x: jnp.float32(x > 9), lambda x: x[None] > 9, lambda x: False]
)
def test_numbers_of_another_type_and_arrays_of_one_entry_simply_work(reward, ended):
    made = own_task(
        lambda: task(
            reward=lambda b, c, a: (reward(a["qpos"][0]), {"x": a["qpos"]}), terminated=lambda d: ended(d["qpos"][0])
        ),
        "t",
    )
    env = MujocoEnv(made, make_engine(made.simulation, "native"))
    state = jax.jit(env.step)(jax.jit(env.reset)(jax.random.key(0)), jnp.zeros(1))
    assert (state.reward.shape, state.reward.dtype) == ((), jnp.float32)
    assert (state.done.shape, float(state.done), state.metrics["x"].shape) == ((), 0.0, ())


@pytest.mark.parametrize(
    "motor",
    [
        '<motor name="elbow" joint="h"/>',
        '<motor name="elbow" joint="h" ctrlrange="1 1" ctrllimited="false"/>',
        '<motor name="elbow" joint="h" ctrlrange="-1e39 1e39"/>',
    ],
)
def test_an_actuator_without_a_range_of_controls_is_named(motor):
    model = task(motor=motor).simulation.model
    with pytest.raises(UserError, match=r"'elbow'; write a finite one, such as ctrlrange"):
        control_range(model, "T")


def test_a_model_without_actuators_is_refused_and_ours_all_have_ranges():
    with pytest.raises(UserError, match="no actuator"):
        control_range(task(motor="").simulation.model, "T")
    for name in ("Hopper-v5", "cartpole-swingup", "PointReach-like"):
        env = make(name)
        assert (
            not hasattr(env, "ctrl")
            or (env.ctrl(jnp.ones(env.action_size)) != env.ctrl(-jnp.ones(env.action_size))).all()
        )


def test_a_world_of_our_own_may_take_discrete_actions():
    made = own_task(lambda: world(action_size=3, discrete=True, advance=lambda w, a: w.at[a].add(1.0)), "t")
    state = made.step(made.reset(jax.random.key(0)), jnp.int32(1))
    assert made.action_space == Discrete(3)
    np.testing.assert_array_equal(state.obs, [0, 1])


def test_a_world_of_our_own_whose_action_is_nan_fails():
    env = JaxEnv(world(advance=lambda w, a: jnp.where(a > 0, w + 1, w)))
    state = env.step(env.reset(jax.random.key(0)), jnp.full(1, jnp.nan))
    assert np.isnan(state.reward)
    assert np.isfinite(env.step(state, jnp.full(1, jnp.nan), False).reward)
