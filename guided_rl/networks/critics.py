"""Critics: twin Q networks."""

from __future__ import annotations

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from guided_rl.networks.mlp import MLP


class TwinCritic(nn.Module):
    """(obs, action) -> [2, ...], two independent Q networks in one batched product."""

    hidden: tuple[int, ...]
    activation: str = "relu"
    layer_norm: bool = False
    initialization: str = "lecun"

    @nn.compact
    def __call__(self, obs: jax.Array, action: jax.Array) -> jax.Array:
        chex.assert_equal_shape_prefix([obs, action], obs.ndim - 1)
        twin = nn.vmap(MLP, variable_axes={"params": 0}, split_rngs={"params": True}, in_axes=None, axis_size=2)
        q = twin(self.hidden, 1, self.activation, self.initialization, self.layer_norm)
        return q(jnp.concatenate([obs, action], axis=-1))[..., 0]


class TwinDiscreteCritic(nn.Module):
    """obs -> Q(s, ·) [2, ..., actions], two independent Q networks in one batched product."""

    hidden: tuple[int, ...]
    actions: int
    activation: str = "relu"
    layer_norm: bool = False
    initialization: str = "lecun"

    @nn.compact
    def __call__(self, obs: jax.Array) -> jax.Array:
        twin = nn.vmap(MLP, variable_axes={"params": 0}, split_rngs={"params": True}, in_axes=None, axis_size=2)
        return twin(self.hidden, self.actions, self.activation, self.initialization, self.layer_norm)(obs)
