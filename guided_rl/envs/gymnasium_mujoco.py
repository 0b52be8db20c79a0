"""Gymnasium's MuJoCo v5 tasks, on the models that the `gymnasium` package installs.

Each function is one task and transcribes its twin's observation, reward, termination and
reset with Gymnasium's default arguments. `tests/envs/test_parity.py` holds every one to it.
"""

from __future__ import annotations

from pathlib import Path

import gymnasium
import jax.numpy as jnp
import mujoco

from guided_rl.envs.base import Task, uniform_start
from guided_rl.physics.base import Simulation

ASSETS = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"


def _load(xml: str) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(ASSETS / xml))


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


TASKS = {
    "HalfCheetah-v5": half_cheetah,
    "Hopper-v5": hopper,
}
