"""Which action an expert took that is known by (s, s') alone, inferred from one's own steps; parts of DIIQN.

arXiv 2511.03616, known to us from third-party accounts: each step of one's own that comes closer to an expert's than
any before lends it its action. Distances, and what counts as similar, are ours. Functions of arrays alone, for one
learner; N expert pairs, and what is remembered of them is a mapping of arrays [N, ...].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

Memory = Mapping[str, jax.Array]
LEAST_RANGE = 1e-6


def euclidean(one: jax.Array, other: jax.Array, span: jax.Array) -> jax.Array:
    """√(mean over entries of ((x - y) / span)²) [...], of [..., entries]; `span` is each entry's range."""
    return jnp.sqrt(jnp.mean(((one - other) / span) ** 2, axis=-1))


def hamming(one: jax.Array, other: jax.Array, span: jax.Array) -> jax.Array:
    """The share of entries that differ [...]."""
    return jnp.mean((jnp.abs(one - other) > LEAST_RANGE).astype(jnp.float32), axis=-1)


DISTANCES: dict[str, Callable[[jax.Array, jax.Array, jax.Array], jax.Array]] = {
    "euclidean": euclidean,
    "hamming": hamming,
}


def spans(obs: jax.Array) -> jax.Array:
    """Range [entries] of each entry in [N, entries]; 1 for one that never varies."""
    wide = jnp.max(obs, axis=0) - jnp.min(obs, axis=0)
    return jnp.where(wide > LEAST_RANGE, wide, 1.0)


def nothing_inferred(obs: jax.Array, next_obs: jax.Array) -> dict[str, jax.Array]:
    """What is remembered of N pairs before the first step: no action, errors without bound, no counts."""
    pairs = obs.shape[0]
    return {
        "expert_obs": obs,
        "expert_next": next_obs,
        "span": spans(jnp.concatenate([obs, next_obs])),
        "expert_action": jnp.zeros(pairs, jnp.int32),
        "error": jnp.full(pairs, jnp.inf),
        "largest_error": jnp.float32(0),
        "count": jnp.zeros(pairs),
    }


def infer(memory: Memory, obs: jax.Array, action: jax.Array, next_obs: jax.Array, distance: Callable) -> Memory:
    """Lend the action of one own step to each expert pair that it is nearer to than all before.

    err of a pair is its distance to that step, of (s, s') together; err_max is the largest ever kept.
    """
    own = jnp.concatenate([obs, next_obs])
    pairs = jnp.concatenate([memory["expert_obs"], memory["expert_next"]], axis=-1)
    gap = distance(pairs, own, jnp.concatenate([memory["span"], memory["span"]]))
    nearer = gap < memory["error"]
    error = jnp.where(nearer, gap, memory["error"])
    return {
        **memory,
        "expert_action": jnp.where(nearer, action, memory["expert_action"]),
        "error": error,
        "largest_error": jnp.maximum(memory["largest_error"], jnp.max(error)),
    }


def nearest(memory: Memory, obs: jax.Array, distance: Callable) -> tuple[jax.Array, jax.Array]:
    """The expert pair, the first of equals, whose s is nearest to each of `obs` [batch, entries]; and its similarity.

    Similarity is 1 - distance, at least 0.
    """
    gap = distance(memory["expert_obs"], obs[:, None], memory["span"])
    pair = jnp.argmin(gap, axis=-1)
    return pair, jnp.maximum(0.0, 1.0 - jnp.min(gap, axis=-1))
