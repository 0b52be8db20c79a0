"""Squashed Gaussians: samples, densities, mixtures."""

from __future__ import annotations

import math

import chex
import jax
import jax.numpy as jnp

from guided_rl.runtime.rng import normal

LOG_STD_MIN, LOG_STD_MAX = -5.0, 2.0


@jax.custom_jvp
def log_one_minus_tanh_squared(x: jax.Array) -> jax.Array:
    """log(1 - tanh(x)²), stable for large |x|: 2 (log 2 - |x| - log(1 + exp(-2|x|)))."""
    size = jnp.abs(x)
    return 2.0 * (math.log(2.0) - size - jnp.log1p(jnp.exp(-2.0 * size)))


@log_one_minus_tanh_squared.defjvp
def _log_one_minus_tanh_squared_jvp(primals, tangents):
    """d/dx = -2 tanh(x), which costs less than differentiating the stable form."""
    (x,), (dx,) = primals, tangents
    return log_one_minus_tanh_squared(x), -2.0 * jnp.tanh(x) * dx


def sample_squashed(mean: jax.Array, log_std: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A reparameterised tanh-Gaussian sample [..., action] and its log density [...]."""
    noise = normal(key, mean.shape)
    before = mean + jnp.exp(log_std) * noise
    gaussian = -0.5 * noise**2 - log_std - 0.5 * jnp.log(2.0 * jnp.pi)
    return jnp.tanh(before), jnp.sum(gaussian - log_one_minus_tanh_squared(before), axis=-1)


def averaged_moments(mean: jax.Array, log_std: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and log standard deviation [..., action] of an equal mixture of Gaussians [members, ..., action].

    σ² = 1/N Σ_n (σ_n² + μ_n²) - μ², written as the mean of σ_n² and the variance of μ_n.
    """
    variance = jnp.mean(jnp.exp(2.0 * log_std), axis=0) + jnp.var(mean, axis=0)
    return jnp.mean(mean, axis=0), jnp.clip(0.5 * jnp.log(variance), LOG_STD_MIN, LOG_STD_MAX)


EDGE = 0.999


def log_density(mean: jax.Array, log_std: jax.Array, action: jax.Array) -> jax.Array:
    """log π(a|s) [...] of the tanh-Gaussian at a given action [..., action], brought within ±EDGE of it first."""
    chex.assert_equal_shape([mean, log_std, action])
    before = jnp.arctanh(jnp.clip(action, -EDGE, EDGE))
    noise = (before - mean) * jnp.exp(-log_std)
    gaussian = -0.5 * noise**2 - log_std - 0.5 * jnp.log(2.0 * jnp.pi)
    return jnp.sum(gaussian - log_one_minus_tanh_squared(before), axis=-1)
