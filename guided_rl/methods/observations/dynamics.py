"""Learned forward models: two networks that predict the next state, refitted as data comes in.

Ozcan et al. 2024, SAC-EO (arXiv 2402.18836), and its official code: input (s, a), output the
change of state and, as one entry more, the reward, which no policy uses. Both may be normalised,
which the code does not unless asked. Both models see the same transitions in different orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from guided_rl.data.replay import sample_indices
from guided_rl.methods.base import Agent, Batch, Context, Setup, descend, optimizer

MODELS = 2
NEVER_VARIED = 1e-6
Normaliser = dict[str, jax.Array]


@dataclass(frozen=True)
class Fitting:
    """How the models are made.

    Attributes:
      hidden: widths of the hidden layers.
      batch: transitions per gradient step and model, drawn with replacement.
      epochs: passes over the window per refit, counted in transitions drawn.
      window: newest transitions that a refit sees.
      normalise: scale inputs and targets by the window's statistics (of the models only).
      likelihood: `mse`, or `gaussian` with a standard deviation that no state changes.
    """

    hidden: tuple[int, ...] = (512, 512)
    batch: int = 200
    epochs: int = 10
    window: int = 100_000
    normalise: bool = False
    likelihood: str = "mse"


class ForwardModel(nn.Module):
    """Scaled (s, a) -> scaled (change of state, reward), and a free log standard deviation, each [..., obs + 1]."""

    hidden: tuple[int, ...]
    out: int

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        for width in self.hidden:
            x = nn.relu(nn.Dense(width, kernel_init=nn.initializers.orthogonal(jnp.sqrt(2.0)))(x))
        log_std = self.param("log_std", nn.initializers.zeros, (self.out,))
        return nn.Dense(self.out, kernel_init=nn.initializers.orthogonal(0.01))(x), log_std


def models(setup: Setup, how: Fitting, count: int = MODELS) -> nn.Module:
    """Both networks at once: inputs [models, ..., obs + action]."""
    both = nn.vmap(ForwardModel, variable_axes={"params": 0}, split_rngs={"params": True}, axis_size=count)
    return both(how.hidden, setup.observation_size + 1)


def with_models(agent: Agent, key: jax.Array, ctx: Context, how: Fitting) -> Agent:
    """`agent` with freshly drawn models, which predict no change, and their normaliser."""
    setup = ctx.setup
    inputs, outputs = setup.observation_size + setup.action_size, setup.observation_size + 1
    # One after the other: batched, jaxlib's QR waits for threads of a pool that it may itself have exhausted.
    draw = lambda key: ForwardModel(how.hidden, outputs).init(key, jnp.zeros((1, inputs)))
    params = jax.lax.map(draw, jax.random.split(key, MODELS))
    plain = {"in_mean": jnp.zeros(inputs), "in_std": jnp.ones(inputs)}
    plain |= {"out_mean": jnp.zeros(outputs), "out_std": jnp.ones(outputs)}
    return agent.replace(
        params={**agent.params, "models": params},
        optimizers={**agent.optimizers, "models": optimizer(params)},
        memory={**agent.memory, "normaliser": plain},
    )


def predict(agent: Agent, obs: jax.Array, action: jax.Array, ctx: Context, how: Fitting) -> jax.Array:
    """ŝ' = s + the predicted change, in raw units: obs [models, n, obs] -> [models, n, obs].

    The models are frozen; where fewer than all are asked, these are the first.
    """
    params, scale = jax.lax.stop_gradient((agent.params["models"], agent.memory["normaliser"]))
    asked = obs.shape[0]
    inputs = (jnp.concatenate([obs, action], axis=-1) - scale["in_mean"]) / scale["in_std"]
    change, _ = models(ctx.setup, how, asked).apply(jax.tree.map(lambda p: p[:asked], params), inputs)
    change = change * scale["out_std"] + scale["out_mean"]
    return obs + change[..., : ctx.setup.observation_size]


def deviation(agent: Agent, ctx: Context) -> jax.Array:
    """Standard deviations [models, obs] of ŝ' that Gaussian models have learnt, in raw units."""
    log_std = bounded(agent.params["models"]["params"]["log_std"])
    return (jnp.exp(log_std) * agent.memory["normaliser"]["out_std"])[:, : ctx.setup.observation_size]


def bounded(log_std: jax.Array) -> jax.Array:
    return jnp.clip(log_std, -5.0, 2.0)


def model_loss(params: Any, inputs: jax.Array, targets: jax.Array, ctx: Context, how: Fitting) -> jax.Array:
    """Σ over models of E ½‖y - ŷ‖² (mse), or of the Gaussian's negative log likelihood, both without constants."""
    predicted, log_std = models(ctx.setup, how).apply(params, inputs)
    if how.likelihood == "gaussian":
        log_std = bounded(log_std)[:, None]
        each = 0.5 * ((targets - predicted) * jnp.exp(-log_std)) ** 2 + log_std
    else:
        each = 0.5 * (targets - predicted) ** 2
    return jnp.sum(jnp.mean(jnp.sum(each, axis=-1), axis=-1))


def fit(agent: Agent, recent: Batch, count: jax.Array, key: jax.Array, ctx: Context, how: Fitting) -> Agent:
    """`epochs` passes over the first `count` of the `recent` transitions, from the parameters so far.

    The number of gradient steps follows `count`, which the population shares; Adam's learning
    rate is `hp["model_lr"]`.
    """
    inputs = jnp.concatenate([recent["obs"], recent["action"]], axis=-1)
    targets = jnp.concatenate([recent["next_obs"] - recent["obs"], recent["reward"][:, None]], axis=-1)
    if how.normalise:
        exists = jnp.arange(inputs.shape[0]) < count
        scale = {**_statistics(inputs, exists, "in"), **_statistics(targets, exists, "out")}
        agent = agent.replace(memory={**agent.memory, "normaliser": scale})
    scale = agent.memory["normaliser"]

    def step(number: jax.Array, agent: Agent) -> Agent:
        rows = sample_indices(jax.random.fold_in(key, number), MODELS * how.batch, count).reshape(MODELS, how.batch)
        x = (inputs[rows] - scale["in_mean"]) / scale["in_std"]
        y = (targets[rows] - scale["out_mean"]) / scale["out_std"]
        loss = lambda params: (model_loss(params, x, y, ctx, how), None)
        return descend(agent, "models", loss, ctx.hp["model_lr"])[0]

    return jax.lax.fori_loop(0, jnp.maximum(1, how.epochs * count // how.batch), step, agent)


def _statistics(rows: jax.Array, exists: jax.Array, name: str) -> Normaliser:
    """Mean and standard deviation [width] of the rows that exist; 1 for what never varied."""
    weight = exists[:, None] / jnp.sum(exists)
    mean = jnp.sum(rows * weight, axis=0)
    std = jnp.sqrt(jnp.sum((rows - mean) ** 2 * weight, axis=0))
    return {f"{name}_mean": mean, f"{name}_std": jnp.where(std > NEVER_VARIED, std, 1.0)}
