"""PAG's variants of DeepMind Control tasks: a crash that costs, a start below the cup, a sparse reward.

After the wrappers of Daoudi et al. 2023 (arXiv 2402.13930), on the tasks of `dm_control_suite`.
"""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp

from guided_rl.envs.base import Task
from guided_rl.envs.dm_control_suite import ball_in_cup_catch, ball_in_cup_start, cartpole_swingup, point_mass_easy

CRASH_REWARD = -1000.0
TRACK = 1.9  # the soft stop of dm_control's cart is at 1.8, so only a hard hit gets here
TARGET_RADIUS = 0.015


def cartpole_safe() -> Task:
    """Cart-pole swing-up in which leaving |x| <= 1.9 is a crash."""
    task = cartpole_swingup()

    def crashed(data):
        return jnp.abs(data["qpos"][0]) > TRACK

    def reward(before, ctrl, after):
        usual, terms = task.reward(before, ctrl, after)
        return jnp.where(crashed(after), CRASH_REWARD, usual), terms

    return dataclasses.replace(task, name="cartpole-safe", twin="none", reward=reward, terminated=crashed)


def ball_in_cup_low() -> Task:
    """Ball in cup from below: the ball starts at height U(0, 0.25) instead of U(0.2, 0.5)."""
    task = ball_in_cup_catch()
    start = ball_in_cup_start(task.simulation.model, (-0.2, 0.0), (0.2, 0.25))
    return dataclasses.replace(task, name="ball_in_cup-low", twin="none", start=start)


def point_mass_sparse() -> Task:
    """Point mass rewarded on the target alone, without the smooth margin around it."""
    task = point_mass_easy()

    def reward(before, ctrl, after):
        """The stock reward is 0.8 to 1 on the target and less than that by its margin elsewhere."""
        usual, terms = task.reward(before, ctrl, after)
        there = jnp.linalg.norm(after["qpos"]) < TARGET_RADIUS
        return jnp.where(there, usual, 0.0), terms

    return dataclasses.replace(task, name="point_mass-sparse", twin="none", reward=reward)


TASKS = {"cartpole-safe": cartpole_safe, "ball_in_cup-low": ball_in_cup_low, "point_mass-sparse": point_mass_sparse}
