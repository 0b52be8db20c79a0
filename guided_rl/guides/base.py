"""A guide: somebody who advises an action, and how far to trust the advice.

Guides are values. Their parameters are arrays and travel through compiled programs; their
functions are static. Learner seed k uses expert k mod n (`Guide.of`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from guided_rl.envs.spaces import Discrete, Space


def _full_trust(params: Any, obs: jax.Array) -> jax.Array:
    return jnp.float32(1)


class Guide(struct.PyTreeNode):
    """Advice for one task.

    Attributes:
      params: a pytree of arrays. For a set of n experts each leaf has a leading axis n.
      action_fn: `(params, obs [obs], key) -> action [action]` in [-1, 1], for a panel
        `[panel, action]`; a deterministic guide ignores the key, a stochastic one gives its
        mode where the key is None. On a task with n discrete actions, the probabilities [n]
        with which it would take each.
      confidence_fn: `(params, obs) -> λ(s)` in [0, 1].
      name: for records.
      size: number of experts in the set, or None once one was chosen.
      panel: how many advisers speak at once to one learner.
      source: identifies where the parameters come from, such as a file's checksum; data made
        with the guide is kept between runs only where this is known.
    """

    params: Any
    action_fn: Callable[..., jax.Array] = struct.field(pytree_node=False)
    confidence_fn: Callable[..., jax.Array] = struct.field(pytree_node=False, default=_full_trust)
    name: str = struct.field(pytree_node=False, default="guide")
    size: int | None = struct.field(pytree_node=False, default=None)
    panel: int = struct.field(pytree_node=False, default=1)
    source: str | None = struct.field(pytree_node=False, default=None)

    def action(self, obs: jax.Array, key: jax.Array | None = None) -> jax.Array:
        """a_E = π_E(s); of a panel, the mean of its advices."""
        return jnp.mean(self.actions(obs, key), axis=0) if self.panel > 1 else self.action_fn(self.params, obs, key)

    def best_action(self, obs: jax.Array, space: Space) -> jax.Array:
        """The action that it would take in `space`: its advice, or the likeliest of a distribution, int32."""
        advice = self.action(obs)
        return jnp.argmax(advice).astype(jnp.int32) if isinstance(space, Discrete) else advice

    def actions(self, obs: jax.Array, key: jax.Array | None = None) -> jax.Array:
        """What each adviser of the panel would do, [panel, action]."""
        advice = self.action_fn(self.params, obs, key)
        return advice if self.panel > 1 else advice[None]

    def confidence(self, obs: jax.Array) -> jax.Array:
        """λ(s)."""
        return self.confidence_fn(self.params, obs)

    def of(self, seed: jax.Array | int) -> Guide:
        """The one expert that learner `seed` listens to: number `seed mod n`."""
        if self.size is None:
            return self
        index = seed % self.size
        return self.replace(params=jax.tree.map(lambda leaf: leaf[index], self.params), size=None)


def panel_of(guides: Sequence[Guide]) -> Guide:
    """One guide in which every member of `guides` speaks, in that order.

    Learner k hears expert k mod n of each member with n experts; λ(s) is the members' mean.
    """
    size = math.lcm(*(guide.size or 1 for guide in guides))
    rows = jnp.arange(size)

    def widened(guide: Guide) -> Any:
        count = guide.size
        if count is None:
            return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (size, *jnp.shape(leaf))), guide.params)
        return jax.tree.map(lambda leaf: leaf[rows % count], guide.params)

    def actions(params: tuple, obs: jax.Array, key: jax.Array | None) -> jax.Array:
        keys = [None if key is None else jax.random.fold_in(key, i) for i in range(len(guides))]
        each = zip(guides, params, keys, strict=True)
        return jnp.concatenate([guide.replace(params=p, size=None).actions(obs, k) for guide, p, k in each])

    def confidence(params: tuple, obs: jax.Array) -> jax.Array:
        return jnp.mean(jnp.stack([g.confidence_fn(p, obs) for g, p in zip(guides, params, strict=True)]))

    sources = [guide.source for guide in guides if guide.source is not None]
    return Guide(
        tuple(widened(guide) for guide in guides),
        actions,
        confidence,
        name="+".join(guide.name for guide in guides),
        size=size,
        panel=sum(guide.panel for guide in guides),
        source="+".join(sources) if len(sources) == len(guides) else None,
    )
