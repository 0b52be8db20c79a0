"""Acrobot-v1: swing the tip of a double pendulum above a line by a torque at its middle joint; in JAX.

Sutton 1996, with the equations of motion of Sutton and Barto's book (section 11.3 of the first edition) and
Gymnasium's numbers. `tests/envs/test_classic_control.py` holds it to Gymnasium's, step by step.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.jax_env import JaxEnv, JaxTask

MASS, LENGTH, CENTRE, INERTIA, GRAVITY = 1.0, 1.0, 0.5, 1.0, 9.8  # of each link: kg, m, m from its joint, kg m²
DT = 0.2
FASTEST = np.array([4 * np.pi, 9 * np.pi], np.float32)  # rad/s
START = 0.1


def start(rng: jax.Array) -> jax.Array:
    """[θ1, θ2, θ̇1, θ̇2] ~ U(±0.1): the first link's angle from hanging, the second's from the first, their rates."""
    return jax.random.uniform(rng, (4,), minval=-START, maxval=START)


def derivative(state: jax.Array, torque: jax.Array) -> jax.Array:
    """d/dt [θ1, θ2, θ̇1, θ̇2] with φ1, φ2, d1 and d2 as the book names them; cos(θ - π/2) is written sin θ."""
    first, second, rate1, rate2 = state
    cos, sin = jnp.cos(second), jnp.sin(second)
    d1 = MASS * CENTRE**2 + MASS * (LENGTH**2 + CENTRE**2 + 2 * LENGTH * CENTRE * cos) + 2 * INERTIA
    d2 = MASS * (CENTRE**2 + LENGTH * CENTRE * cos) + INERTIA
    coupling = MASS * LENGTH * CENTRE * sin
    phi2 = MASS * CENTRE * GRAVITY * jnp.sin(first + second)
    phi1 = -coupling * rate2 * (rate2 + 2 * rate1) + MASS * (CENTRE + LENGTH) * GRAVITY * jnp.sin(first) + phi2
    turning2 = (torque + d2 / d1 * phi1 - coupling * rate1**2 - phi2) / (MASS * CENTRE**2 + INERTIA - d2**2 / d1)
    turning1 = -(d2 * turning2 + phi1) / d1
    return jnp.stack([rate1, rate2, turning1, turning2])


def wrapped(angle: jax.Array) -> jax.Array:
    """The angle in [-π, π], by as many whole turns as it takes."""
    over = jnp.maximum(jnp.ceil((angle - np.pi) / (2 * np.pi)), 0.0)
    under = jnp.minimum(jnp.floor((angle + np.pi) / (2 * np.pi)), 0.0)
    return angle - 2 * np.pi * (over + under)


def advance(state: jax.Array, action: jax.Array) -> jax.Array:
    """One Runge-Kutta step of fourth order over 0.2 s; the action 0, 1 or 2 is a torque of -1, 0 or 1 Nm."""
    slope = lambda at: derivative(at, action.astype(jnp.float32) - 1.0)
    k1 = slope(state)
    k2 = slope(state + DT / 2 * k1)
    k3 = slope(state + DT / 2 * k2)
    k4 = slope(state + DT * k3)
    moved = state + DT / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return jnp.concatenate([wrapped(moved[:2]), jnp.clip(moved[2:], -FASTEST, FASTEST)])


def observe(state: jax.Array) -> jax.Array:
    """[cos θ1, sin θ1, cos θ2, sin θ2, θ̇1, θ̇2]."""
    (cos1, cos2), (sin1, sin2) = jnp.cos(state[:2]), jnp.sin(state[:2])
    return jnp.stack([cos1, sin1, cos2, sin2, state[2], state[3]])


def above(state: jax.Array) -> jax.Array:
    """Whether the tip is more than one link above the fixed joint, which ends the episode."""
    return -jnp.cos(state[0]) - jnp.cos(state[0] + state[1]) > 1.0


def reward(before: jax.Array, action: jax.Array, after: jax.Array):
    """-1 at every step, but 0 at the one that ends the episode."""
    success = above(after).astype(jnp.float32)
    return success - 1.0, {"success": success}


def acrobot() -> JaxEnv:
    task = JaxTask(
        "Acrobot-v1", "gymnasium:Acrobot-v1", 3, start, advance, observe, reward, above, 500, DT, discrete=True
    )
    return JaxEnv(task)


TASKS = {"Acrobot-v1": acrobot}
