"""Stochastic policies over either kind of action space: a softmax over discrete actions, a Gaussian over real ones.

The last layer begins at zero, so that a fresh softmax policy is exactly uniform and a fresh Gaussian is N(0, 1). It has
no bias: one that all states share makes an action that was right in many of them likely in all others, unseen, and an
on-policy learner without an entropy bonus may never try another there.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from guided_rl.envs.spaces import Discrete, Space
from guided_rl.networks.distributions import LOG_STD_MAX, LOG_STD_MIN
from guided_rl.networks.mlp import ACTIVATIONS, INITIALIZATIONS, bias_init
from guided_rl.runtime.rng import normal

Output = jax.Array | tuple[jax.Array, jax.Array]
"""Log probabilities [..., actions] of a discrete policy; mean and log σ, [..., action] each, of a Gaussian one."""


class PolicyNetwork(nn.Module):
    """obs [..., obs] -> `Output` for `space`; the Gaussian's log σ is one learned vector."""

    hidden: tuple[int, ...]
    space: Space
    activation: str = "tanh"
    initialization: str = "lecun"

    @nn.compact
    def __call__(self, obs: jax.Array) -> Output:
        x = obs
        for width in self.hidden:
            kernel, bias = INITIALIZATIONS[self.initialization], bias_init(self.initialization, x.shape[-1])
            x = ACTIVATIONS[self.activation](nn.Dense(width, kernel_init=kernel, bias_init=bias)(x))
        last = lambda width: nn.Dense(width, use_bias=False, kernel_init=nn.initializers.zeros)(x)
        if isinstance(self.space, Discrete):
            return jax.nn.log_softmax(last(self.space.n))
        out = last(self.space.size)
        log_std = self.param("log_std", nn.initializers.zeros, (self.space.size,))
        return out, jnp.broadcast_to(jnp.clip(log_std, LOG_STD_MIN, LOG_STD_MAX), out.shape)


def sample(out: Output, key: jax.Array) -> jax.Array:
    """An action drawn from the policy, [...] or [..., action]; real ones are not brought into [-1, 1]."""
    if isinstance(out, tuple):
        return out[0] + jnp.exp(out[1]) * normal(key, out[0].shape)
    return jax.random.categorical(key, out).astype(jnp.int32)


def mode(out: Output) -> jax.Array:
    """The likeliest action."""
    return out[0] if isinstance(out, tuple) else jnp.argmax(out, axis=-1).astype(jnp.int32)


def log_prob(out: Output, action: jax.Array) -> jax.Array:
    """log π(a|s), [...]."""
    if isinstance(out, tuple):
        mean, log_std = out
        noise = (action - mean) * jnp.exp(-log_std)
        return jnp.sum(-0.5 * noise**2 - log_std - 0.5 * jnp.log(2.0 * jnp.pi), axis=-1)
    return jnp.take_along_axis(out, action.astype(jnp.int32)[..., None], axis=-1)[..., 0]


def entropy(out: Output) -> jax.Array:
    """H(π(·|s)) in nats, [...]."""
    if isinstance(out, tuple):
        return jnp.sum(out[1] + 0.5 * jnp.log(2.0 * jnp.pi * jnp.e), axis=-1)
    return -jnp.sum(jnp.exp(out) * out, axis=-1)
