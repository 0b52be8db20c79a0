"""Behaviour cloning: a plain MLP that imitates an expert's demonstrations.

a = tanh(MLP(s)) by mean squared error, with observations standardised by the demonstrations'
own statistics. The standardisation is folded into the first layer, so that a clone is a plain
MLP like any other policy here.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax

from guided_rl.data.replay import Layout
from guided_rl.guides.expert_weights import Layers, bc_action
from guided_rl.networks.mlp import MLP

NEVER_VARIED = 1e-6


@dataclass(frozen=True)
class Cloning:
    """How clones are made.

    Attributes:
      demonstrations: episode lengths of demonstrations behind each clone.
      rate: Adam's learning rate. batch: rows per update.
      epochs: at most so many passes. patience: passes without a better validation error until
        it stops; the best parameters are kept.
      validation: share of the rows, the last ones, that only validate.
      hidden: widths of the clones, None for those of the expert.
    """

    demonstrations: int = 50
    rate: float = 1e-3
    batch: int = 256
    epochs: int = 200
    patience: int = 15
    validation: float = 0.1
    hidden: tuple[int, ...] | None = None


def clone(
    rows: np.ndarray, layout: Layout, hidden: tuple[int, ...], seed: int = 0, how: Cloning | None = None
) -> tuple[Layers, dict[str, np.ndarray]]:
    """Clones of n experts from their rows [n, rows, width].

    Returns:
      Layers with leaves [n, ...], and {"validation_error": [n], "epochs": [n]}.
    """
    fit = functools.partial(_fit, layout=layout, hidden=hidden, how=how or Cloning())
    keys = jax.random.split(jax.random.key(seed), rows.shape[0])
    run = jax.jit(lambda rows, keys: jax.lax.map(lambda member: fit(*member), (rows, keys)))
    layers, error, epochs = run(jnp.asarray(rows), keys)
    report = {"validation_error": np.asarray(error), "epochs": np.asarray(epochs)}
    return jax.tree.map(np.asarray, layers), report


def layers_of(params) -> Layers:
    """The layers of a flax `MLP`'s parameters, in order."""
    return [dict(params[f"Dense_{i}"]) for i in range(len(params))]


def _fit(rows: jax.Array, key: jax.Array, layout: Layout, hidden: tuple[int, ...], how: Cloning):
    """One expert's clone: (layers, validation error, epochs until the best)."""
    columns = layout.unpack(rows)
    held = max(1, round(how.validation * rows.shape[0]))
    mean, scale = _statistics(columns["obs"][:-held])
    obs, action = (columns["obs"] - mean) * scale, columns["action"]
    batch = min(how.batch, rows.shape[0] - held)
    count = (rows.shape[0] - held) // batch
    adam = optax.adam(how.rate)

    def loss(layers: Layers, obs: jax.Array, action: jax.Array) -> jax.Array:
        advise = functools.partial(bc_action, key=None)
        return jnp.mean((jax.vmap(advise, (None, 0))(layers, obs) - action) ** 2)

    def update(carry, chosen):
        layers, state = carry
        gradient = jax.grad(loss)(layers, obs[chosen], action[chosen])
        updates, state = adam.update(gradient, state)
        return (optax.apply_updates(layers, updates), state), None

    def epoch(carry):
        layers, state, best, least, at, now = carry
        order = jax.random.permutation(jax.random.fold_in(key, now), rows.shape[0] - held)
        chosen = order[: count * batch].reshape(count, batch)
        (layers, state), _ = jax.lax.scan(update, (layers, state), chosen)
        error = loss(layers, obs[-held:], action[-held:])
        better = error < least
        best = jax.tree.map(lambda old, new: jnp.where(better, new, old), best, layers)
        return layers, state, best, jnp.minimum(error, least), jnp.where(better, now + 1, at), now + 1

    def going_on(carry):
        *_, at, now = carry
        return (now < how.epochs) & (now - at < how.patience)

    network = MLP(hidden, action.shape[1])
    layers = layers_of(network.init(key, obs[0])["params"])
    carry = (layers, adam.init(layers), layers, jnp.float32(jnp.inf), jnp.int32(0), jnp.int32(0))
    _, _, best, least, at, _ = jax.lax.while_loop(going_on, epoch, carry)
    return _folded(best, mean, scale), least, at


def _statistics(obs: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and inverse scale [obs]; an entry that never varied is scaled to nothing."""
    mean, deviation = jnp.mean(obs, axis=0), jnp.std(obs, axis=0)
    return mean, jnp.where(deviation > NEVER_VARIED, 1.0 / (deviation + 1e-3), 0.0)


def _folded(layers: Layers, mean: jax.Array, scale: jax.Array) -> Layers:
    """The same function of raw observations: W (s - m) c + b = (c W) s + (b - m c W).

    c W is rounded as an archive stores it before the bias is made of it: of entries that hardly vary, c W is large,
    and its rounding would else be a shift.
    """
    kernel = (layers[0]["kernel"] * scale[:, None]).astype(jnp.float16).astype(jnp.float32)
    return [{"kernel": kernel, "bias": layers[0]["bias"] - mean @ kernel}, *layers[1:]]
