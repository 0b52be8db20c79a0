"""Members whose state turns non-finite, or whose world failed: frozen, counted, and no harm to their neighbours."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    from guided_rl.training.state import Members


def _finite(tree: Any) -> jax.Array:
    """[population]: whether every float of each member is finite."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return functools.reduce(jnp.logical_and, [jnp.isfinite(x).reshape(x.shape[0], -1).all(1) for x in leaves])


def quarantine(before: Members, after: Members, step: jax.Array) -> Members:
    """Freeze members whose state turned non-finite, or whose world did, in this chunk as they were before it."""
    alive = before.alive & after.alive & _finite((after.agent, after.env.obs, after.env.reward))
    frozen = jax.tree.map(
        lambda old, new: jnp.where(alive.reshape(alive.shape + (1,) * (new.ndim - 1)), new, old), before, after
    )
    died_at = jnp.where(before.alive & ~alive, step, before.died_at)
    return frozen.replace(alive=alive, died_at=died_at)
