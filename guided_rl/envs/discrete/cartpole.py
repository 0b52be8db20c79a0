"""CartPole-v1: keep a pole upright on a cart that is pushed left or right; in JAX.

Barto, Sutton and Anderson 1983, with the corrected equations of Florian 2007 and Gymnasium's numbers.
`tests/envs/test_classic_control.py` holds it to Gymnasium's, step by step.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.jax_env import JaxEnv, JaxTask

GRAVITY, CART_MASS, POLE_MASS, HALF_LENGTH = 9.8, 1.0, 0.1, 0.5
FORCE, DT = 10.0, 0.02
TRACK, TILT = 2.4, np.deg2rad(12)  # m and rad, beyond which the episode ends
START = 0.05


def start(rng: jax.Array) -> jax.Array:
    """[x, ẋ, θ, θ̇] ~ U(±0.05): the cart's place and speed, the pole's angle from upright and its rate."""
    return jax.random.uniform(rng, (4,), minval=-START, maxval=START)


def advance(state: jax.Array, action: jax.Array) -> jax.Array:
    """One explicit Euler step of 0.02 s; action 1 pushes right and 0 left, both with 10 N."""
    _, speed, angle, rate = state
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    force, mass = jnp.where(action == 1, FORCE, -FORCE), CART_MASS + POLE_MASS
    push = (force + POLE_MASS * HALF_LENGTH * rate**2 * sin) / mass
    turning = (GRAVITY * sin - cos * push) / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cos**2 / mass))
    moving = push - POLE_MASS * HALF_LENGTH * turning * cos / mass
    return state + DT * jnp.stack([speed, moving, rate, turning])


def reward(before: jax.Array, action: jax.Array, after: jax.Array):
    """1 at every step, the one that ends the episode too."""
    return jnp.float32(1), {}


def fallen(state: jax.Array) -> jax.Array:
    return (jnp.abs(state[0]) > TRACK) | (jnp.abs(state[2]) > TILT)


def cartpole() -> JaxEnv:
    observe = lambda state: state
    task = JaxTask(
        "CartPole-v1", "gymnasium:CartPole-v1", 2, start, advance, observe, reward, fallen, 500, DT, discrete=True
    )
    return JaxEnv(task)


TASKS = {"CartPole-v1": cartpole}
