"""A Gaussian policy whose samples are not squashed: IQL's and AWAC's, after the authors of PEX.

π(·|s) = N(tanh(MLP(s)), σ), with σ learnt and the same in every state. Samples may leave [-1, 1];
to clip them is the environment's part, and what is stored is what was sampled.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Act, Agent, Context, Setup
from guided_rl.networks.actors import TanhMeanActor
from guided_rl.runtime.rng import normal


def actor(setup: Setup) -> TanhMeanActor:
    return TanhMeanActor(setup.hidden, setup.action_size, setup.activation)


def sample(params: Any, obs: jax.Array, key: jax.Array, setup: Setup) -> jax.Array:
    """a = μ(s) + σ ε, [..., action]; not clipped, which is the environment's part."""
    mean, log_std = actor(setup).apply(params, obs)
    return mean + jnp.exp(log_std) * normal(key, mean.shape)


def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    """a ~ π_θ(·|s)."""
    return Act(sample(agent.params["actor"], obs, key, ctx.setup))


def mode(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """μ_θ(s), in [-1, 1]."""
    return actor(ctx.setup).apply(agent.params["actor"], obs)[0]


def log_prob(params: Any, obs: jax.Array, action: jax.Array, setup: Setup) -> jax.Array:
    """log π(a|s) of the Gaussian itself, [...]."""
    mean, log_std = actor(setup).apply(params, obs)
    density = -0.5 * ((action - mean) * jnp.exp(-log_std)) ** 2 - log_std - 0.5 * jnp.log(2.0 * jnp.pi)
    return jnp.sum(density, axis=-1)
