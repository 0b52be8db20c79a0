"""The networks that methods share: Gaussian and deterministic actors, twin critics."""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from guided_rl.prng import normal

LOG_STD_MIN, LOG_STD_MAX = -5.0, 2.0
AFFINE_LOG_STD_MIN = -20.0


ACTIVATIONS = {"relu": nn.relu, "tanh": jnp.tanh}
INITIALIZATIONS = {
    "lecun": nn.linear.default_kernel_init,
    "xavier": nn.initializers.xavier_uniform(),
    "pytorch": nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform"),
}
ACTOR_HEADS = ("clipped", "affine")


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


class TwinCritic(nn.Module):
    """(obs, action) -> [2, ...], two independent Q networks in one batched product."""

    hidden: tuple[int, ...]
    activation: str = "relu"
    layer_norm: bool = False
    initialization: str = "lecun"

    @nn.compact
    def __call__(self, obs: jax.Array, action: jax.Array) -> jax.Array:
        twin = nn.vmap(MLP, variable_axes={"params": 0}, split_rngs={"params": True}, in_axes=None, axis_size=2)
        q = twin(self.hidden, 1, self.activation, self.initialization, self.layer_norm)
        return q(jnp.concatenate([obs, action], axis=-1))[..., 0]


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
    before = jnp.arctanh(jnp.clip(action, -EDGE, EDGE))
    noise = (before - mean) * jnp.exp(-log_std)
    gaussian = -0.5 * noise**2 - log_std - 0.5 * jnp.log(2.0 * jnp.pi)
    return jnp.sum(gaussian - log_one_minus_tanh_squared(before), axis=-1)
