"""Actors: Gaussian and deterministic, squashed and not."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from guided_rl.networks.distributions import LOG_STD_MAX, LOG_STD_MIN
from guided_rl.networks.mlp import MLP

AFFINE_LOG_STD_MIN = -20.0
ACTOR_HEADS = ("clipped", "affine")


class GaussianActor(nn.Module):
    """obs -> (mean, log_std), each [..., action], of a Gaussian before tanh.

    With `head` "clipped", log σ is what the network gives, within [-5, 2]. With "affine" it is m · raw + c with two
    learned scalars that begin at 1 and -1, within [-20, 2]: the policy of SimpleSAC, on which RLLG is built.
    """

    hidden: tuple[int, ...]
    action_size: int
    activation: str = "relu"
    initialization: str = "lecun"
    head: str = "clipped"

    @nn.compact
    def __call__(self, obs: jax.Array) -> tuple[jax.Array, jax.Array]:
        network = MLP(self.hidden, 2 * self.action_size, self.activation, self.initialization)
        mean, log_std = jnp.split(network(obs), 2, axis=-1)
        if self.head == "clipped":
            return mean, jnp.clip(log_std, LOG_STD_MIN, LOG_STD_MAX)
        scale = self.param("log_std_scale", nn.initializers.ones, ())
        offset = self.param("log_std_offset", nn.initializers.constant(-1.0), ())
        return mean, jnp.clip(scale * log_std + offset, AFFINE_LOG_STD_MIN, LOG_STD_MAX)


class TanhMeanActor(nn.Module):
    """obs -> (tanh(MLP(obs)), log_std), each [..., action]: a Gaussian whose samples are not squashed.

    The standard deviation is one learnt vector, the same in every state (IQL's and AWAC's actor).
    """

    hidden: tuple[int, ...]
    action_size: int
    activation: str = "relu"

    @nn.compact
    def __call__(self, obs: jax.Array) -> tuple[jax.Array, jax.Array]:
        mean = jnp.tanh(MLP(self.hidden, self.action_size, self.activation, "xavier")(obs))
        log_std = self.param("log_std", nn.initializers.zeros, (self.action_size,))
        return mean, jnp.broadcast_to(jnp.clip(log_std, LOG_STD_MIN, LOG_STD_MAX), mean.shape)


class DeterministicActor(nn.Module):
    """obs -> tanh(MLP(obs)), [..., action]."""

    hidden: tuple[int, ...]
    action_size: int
    activation: str = "relu"
    initialization: str = "lecun"

    @nn.compact
    def __call__(self, obs: jax.Array) -> jax.Array:
        return jnp.tanh(MLP(self.hidden, self.action_size, self.activation, self.initialization)(obs))
