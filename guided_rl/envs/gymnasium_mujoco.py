"""Gymnasium's MuJoCo v5 tasks, on the models that the `gymnasium` package installs.

Each function is one task and transcribes its twin's observation, reward, termination and
reset with Gymnasium's default arguments. `tests/envs/test_native_parity.py` holds every one to it.
"""

from __future__ import annotations

from pathlib import Path

import gymnasium
import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from guided_rl.envs.base import Task, uniform_start
from guided_rl.physics.base import Simulation

ASSETS = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"


def _load(xml: str) -> mujoco.MjModel:
    """Gymnasium's own model. MuJoCo's notes on attributes of its XML are not for our users to mend."""
    handler = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        return mujoco.MjModel.from_xml_path(str(ASSETS / xml))
    finally:
        mujoco.set_mju_user_warning(handler)


def _forward_velocity(sim: Simulation, field: str = "qpos", index=0):
    """x velocity over one control step, exact where float32 positions would cancel."""
    dt = sim.model.opt.timestep * sim.frame_skip
    return lambda before, after: after.moved(before, field)[index] / dt


def half_cheetah() -> Task:
    sim = Simulation(_load("half_cheetah.xml"), frame_skip=5, precise=("qpos",))
    velocity = _forward_velocity(sim)

    def reward(before, ctrl, after):
        forward = velocity(before, after)
        cost = 0.1 * jnp.sum(ctrl**2)
        return forward - cost, {"reward_forward": forward, "reward_ctrl": -cost}

    return Task(
        name="HalfCheetah-v5",
        twin="gymnasium:HalfCheetah-v5",
        simulation=sim,
        start=uniform_start(sim.model, 0.1, velocity="normal"),
        observe=lambda data: jnp.concatenate([data["qpos"][1:], data["qvel"]]),
        reward=reward,
        terminated=lambda data: jnp.bool_(False),
    )


def hopper() -> Task:
    sim = Simulation(_load("hopper.xml"), frame_skip=4, precise=("qpos",))
    velocity = _forward_velocity(sim)

    def healthy(data):
        height, angle = data["qpos"][1], data["qpos"][2]
        rest = jnp.concatenate([data["qpos"][2:], data["qvel"]])
        return (height > 0.7) & (jnp.abs(angle) < 0.2) & jnp.all(jnp.abs(rest) < 100.0)

    def reward(before, ctrl, after):
        forward, cost = velocity(before, after), 1e-3 * jnp.sum(ctrl**2)
        survive = healthy(after).astype(jnp.float32)
        return forward + survive - cost, {"reward_forward": forward, "reward_ctrl": -cost, "reward_survive": survive}

    return Task(
        name="Hopper-v5",
        twin="gymnasium:Hopper-v5",
        simulation=sim,
        start=uniform_start(sim.model, 5e-3),
        observe=lambda data: jnp.concatenate([data["qpos"][1:], jnp.clip(data["qvel"], -10, 10)]),
        reward=reward,
        terminated=lambda data: ~healthy(data),
    )


def walker2d() -> Task:
    sim = Simulation(_load("walker2d_v5.xml"), frame_skip=4, precise=("qpos",))
    velocity = _forward_velocity(sim)

    def healthy(data):
        height, angle = data["qpos"][1], data["qpos"][2]
        return (height > 0.8) & (height < 2.0) & (jnp.abs(angle) < 1.0)

    def reward(before, ctrl, after):
        forward, cost = velocity(before, after), 1e-3 * jnp.sum(ctrl**2)
        survive = healthy(after).astype(jnp.float32)
        return forward + survive - cost, {"reward_forward": forward, "reward_ctrl": -cost, "reward_survive": survive}

    return Task(
        name="Walker2d-v5",
        twin="gymnasium:Walker2d-v5",
        simulation=sim,
        start=uniform_start(sim.model, 5e-3),
        observe=lambda data: jnp.concatenate([data["qpos"][1:], jnp.clip(data["qvel"], -10, 10)]),
        reward=reward,
        terminated=lambda data: ~healthy(data),
    )


def ant() -> Task:
    """Velocity is of the torso's `xpos`, not of `qpos`, which the twin reads at another moment."""
    sim = Simulation(
        _load("ant.xml"),
        frame_skip=5,
        fields=("qpos", "qvel", "xpos", "cfrc_ext"),
        precise=("xpos",),
        rne_post_constraint=True,
    )
    torso = 1
    velocity = _forward_velocity(sim, "xpos", (torso, 0))

    def healthy(data):
        height, state = data["qpos"][2], jnp.concatenate([data["qpos"], data["qvel"]])
        return jnp.all(jnp.isfinite(state)) & (height >= 0.2) & (height <= 1.0)

    def contact_forces(data):
        return jnp.clip(data["cfrc_ext"], -1.0, 1.0)

    def reward(before, ctrl, after):
        forward, cost = velocity(before, after), 0.5 * jnp.sum(ctrl**2)
        contact = 5e-4 * jnp.sum(contact_forces(after) ** 2)
        survive = healthy(after).astype(jnp.float32)
        terms = {
            "reward_forward": forward,
            "reward_ctrl": -cost,
            "reward_contact": -contact,
            "reward_survive": survive,
        }
        return forward + survive - (cost + contact), terms

    return Task(
        name="Ant-v5",
        twin="gymnasium:Ant-v5",
        simulation=sim,
        start=uniform_start(sim.model, 0.1, velocity="normal"),
        observe=lambda data: jnp.concatenate([data["qpos"][2:], data["qvel"], contact_forces(data)[1:].ravel()]),
        reward=reward,
        terminated=lambda data: ~healthy(data),
    )


def humanoid() -> Task:
    """Velocity is of the centre of mass; the observation skips the world body and the root's actuation."""
    sim = Simulation(
        _load("humanoid.xml"),
        frame_skip=5,
        fields=("qpos", "qvel", "xipos", "cinert", "cvel", "qfrc_actuator", "cfrc_ext"),
        precise=("xipos",),
        rne_post_constraint=True,
    )
    share = np.asarray(sim.model.body_mass / sim.model.body_mass.sum(), np.float32)
    dt = sim.model.opt.timestep * sim.frame_skip

    def healthy(data):
        return (data["qpos"][2] > 1.0) & (data["qpos"][2] < 2.0)

    def observe(data):
        bodies = [data[name][1:].ravel() for name in ("cinert", "cvel")]
        return jnp.concatenate(
            [data["qpos"][2:], data["qvel"], *bodies, data["qfrc_actuator"][6:], data["cfrc_ext"][1:].ravel()]
        )

    def reward(before, ctrl, after):
        forward = 1.25 * jnp.sum(share * after.moved(before, "xipos")[:, 0]) / dt
        cost = 0.1 * jnp.sum(ctrl**2)
        contact = jnp.minimum(5e-7 * jnp.sum(after["cfrc_ext"] ** 2), 10.0)
        survive = 5.0 * healthy(after).astype(jnp.float32)
        terms = {
            "reward_survive": survive,
            "reward_forward": forward,
            "reward_ctrl": -cost,
            "reward_contact": -contact,
        }
        return forward + survive - (cost + contact), terms

    return Task(
        name="Humanoid-v5",
        twin="gymnasium:Humanoid-v5",
        simulation=sim,
        start=uniform_start(sim.model, 1e-2),
        observe=observe,
        reward=reward,
        terminated=lambda data: ~healthy(data),
    )


def inverted_pendulum() -> Task:
    sim = Simulation(_load("inverted_pendulum.xml"), frame_skip=2)

    def observe(data):
        return jnp.concatenate([data["qpos"], data["qvel"]])

    def terminated(data):
        return ~jnp.all(jnp.isfinite(observe(data))) | (jnp.abs(data["qpos"][1]) > 0.2)

    def reward(before, ctrl, after):
        survive = 1.0 - terminated(after).astype(jnp.float32)
        return survive, {"reward_survive": survive}

    return Task(
        name="InvertedPendulum-v5",
        twin="gymnasium:InvertedPendulum-v5",
        simulation=sim,
        start=uniform_start(sim.model, 0.01),
        observe=observe,
        reward=reward,
        terminated=terminated,
    )


def reacher() -> Task:
    """The goal is the model's last two joints, drawn uniformly in a disc of radius 0.2 m."""
    sim = Simulation(_load("reacher.xml"), frame_skip=2, fields=("qpos", "qvel", "xpos"))
    model = sim.model
    fingertip, target = model.body("fingertip").id, model.body("target").id
    qpos0 = np.asarray(model.qpos0, np.float32)

    def start(rng):
        position, speed, radius, angle = jax.random.split(rng, 4)
        qpos = qpos0 + jax.random.uniform(position, (model.nq,), minval=-0.1, maxval=0.1)
        qvel = jax.random.uniform(speed, (model.nv,), minval=-5e-3, maxval=5e-3)
        # The twin rejects points of a square; the root of a uniform radius is the same law.
        distance, direction = 0.2 * jnp.sqrt(jax.random.uniform(radius)), 2 * jnp.pi * jax.random.uniform(angle)
        goal = distance * jnp.stack([jnp.cos(direction), jnp.sin(direction)])
        return qpos.at[-2:].set(goal), qvel.at[-2:].set(0.0)

    def to_target(data):
        return data["xpos"][fingertip] - data["xpos"][target]

    def observe(data):
        theta = data["qpos"][:2]
        return jnp.concatenate(
            [jnp.cos(theta), jnp.sin(theta), data["qpos"][2:], data["qvel"][:2], to_target(data)[:2]]
        )

    def reward(before, ctrl, after):
        distance, cost = jnp.linalg.norm(to_target(after)), jnp.sum(ctrl**2)
        return -distance - cost, {"reward_dist": -distance, "reward_ctrl": -cost}

    return Task(
        name="Reacher-v5",
        twin="gymnasium:Reacher-v5",
        simulation=sim,
        start=start,
        observe=observe,
        reward=reward,
        terminated=lambda data: jnp.bool_(False),
        episode_length=50,
    )


TASKS = {
    "HalfCheetah-v5": half_cheetah,
    "Hopper-v5": hopper,
    "Walker2d-v5": walker2d,
    "Ant-v5": ant,
    "Humanoid-v5": humanoid,
    "InvertedPendulum-v5": inverted_pendulum,
    "Reacher-v5": reacher,
}
