"""A guide: somebody who advises an action, and how far to trust the advice.

Guides are values. Their parameters are arrays and travel through compiled programs; their
functions are static. Learner seed k uses expert k mod n (`Guide.of`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct


def _full_trust(params: Any, obs: jax.Array) -> jax.Array:
    return jnp.float32(1)


@struct.dataclass
class Guide:
    """Advice for one task.

    Attributes:
      params: a pytree of arrays. For a set of n experts each leaf has a leading axis n.
      action_fn: `(params, obs [obs], key) -> action [action]` in [-1, 1]; a deterministic
        guide ignores the key.
      confidence_fn: `(params, obs) -> λ(s)` in [0, 1].
      name: for records.
      size: number of experts in the set, or None once one was chosen.
    """

    params: Any
    action_fn: Callable[..., jax.Array] = struct.field(pytree_node=False)
    confidence_fn: Callable[..., jax.Array] = struct.field(pytree_node=False, default=_full_trust)
    name: str = struct.field(pytree_node=False, default="guide")
    size: int | None = struct.field(pytree_node=False, default=None)

    def action(self, obs: jax.Array, key: jax.Array | None = None) -> jax.Array:
        """a_E = π_E(s)."""
        return self.action_fn(self.params, obs, key)

    def confidence(self, obs: jax.Array) -> jax.Array:
        """λ(s)."""
        return self.confidence_fn(self.params, obs)

    def of(self, seed: jax.Array) -> Guide:
        """The one expert that learner `seed` listens to: number `seed mod n`."""
        if self.size is None:
            return self
        index = seed % self.size
        return self.replace(params=jax.tree.map(lambda leaf: leaf[index], self.params), size=None)
