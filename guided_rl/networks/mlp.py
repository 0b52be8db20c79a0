"""Layers that all networks are made of, their activations and initialisations."""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

ACTIVATIONS = {"relu": nn.relu, "tanh": jnp.tanh}
INITIALIZATIONS = {
    "lecun": nn.linear.default_kernel_init,
    "xavier": nn.initializers.xavier_uniform(),
    "pytorch": nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform"),
}


def bias_init(initialization: str, fan_in: int) -> nn.initializers.Initializer:
    """Zeros, but for PyTorch's nn.Linear: U(-1/√fan_in, 1/√fan_in), as its kernel."""
    if initialization != "pytorch":
        return nn.initializers.zeros
    bound = 1 / math.sqrt(fan_in)
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -bound, bound)


class MLP(nn.Module):
    """Layers of the given widths and `activation`, a key of ACTIVATIONS, then a linear one.

    `initialization` is a key of INITIALIZATIONS. With `layer_norm`, hidden layers are normalised before their
    activation (Ba et al. 2016, arXiv 1607.06450).
    """

    hidden: tuple[int, ...]
    out: int
    activation: str = "relu"
    initialization: str = "lecun"
    layer_norm: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for width in self.hidden:
            x = self.dense(width, x)
            x = ACTIVATIONS[self.activation](nn.LayerNorm()(x) if self.layer_norm else x)
        return self.dense(self.out, x)

    def dense(self, width: int, x: jax.Array) -> jax.Array:
        """One linear layer, [..., in] -> [..., width]."""
        kernel, bias = INITIALIZATIONS[self.initialization], bias_init(self.initialization, x.shape[-1])
        return nn.Dense(width, kernel_init=kernel, bias_init=bias)(x)
