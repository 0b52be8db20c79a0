"""Replay: one flat ring of rows per member, float32 unless asked otherwise, written at a shared pointer.

Rows are `[obs | action | reward | terminated | next_obs | extra columns]`. The pointer is a
function of the step count, which is never batched: the whole population writes one slice.
Sampling is uniform with replacement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import chex
import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class Layout:
    """Column names and widths of a transition row, in order; `scalars` have width 1 and no axis of their own."""

    columns: tuple[tuple[str, int], ...]
    scalars: frozenset[str]

    @classmethod
    def of(cls, observation_size: int, action_size: int, extra: Mapping[str, int] | None = None) -> Layout:
        """The standard columns, then `extra` ones; width 0 stands for a scalar, since a vector may have one entry."""
        standard = {"obs": observation_size, "action": action_size, "reward": 0, "terminated": 0}
        widths = {**standard, "next_obs": observation_size, **(extra or {})}
        scalars = frozenset(name for name, width in widths.items() if width == 0)
        return cls(tuple((name, max(width, 1)) for name, width in widths.items()), scalars)

    @property
    def width(self) -> int:
        return sum(width for _, width in self.columns)

    def pack(self, row: Mapping[str, jax.Array]) -> jax.Array:
        """One transition as a vector [width]."""
        return jnp.concatenate([jnp.asarray(row[name], jnp.float32).reshape(width) for name, width in self.columns])

    def unpack(self, rows: Any) -> dict[str, Any]:
        """Rows [..., width], of JAX or NumPy, as named columns [..., column] of the same, scalars [...]."""
        chex.assert_axis_dimension(rows, -1, self.width)
        batch, offset = {}, 0
        for name, width in self.columns:
            column = rows[..., offset : offset + width]
            batch[name] = column[..., 0] if name in self.scalars else column
            offset += width
        return batch


def transition(obs: jax.Array, action: jax.Array, after: Any) -> dict[str, jax.Array]:
    """The standard columns of one step that led to the state `after`; a time limit is no end of the task."""
    return {
        "obs": obs,
        "action": action,
        "reward": after.reward,
        "terminated": after.done * (1.0 - after.info["truncation"]),
        "next_obs": after.obs,
    }


def insert(ring: jax.Array, rows: jax.Array, step: jax.Array) -> jax.Array:
    """Write `rows` [population, width] at slot `step mod capacity` of `ring` [population, capacity, width]."""
    chex.assert_shape(rows, (ring.shape[0], ring.shape[2]))
    zero = jnp.int32(0)
    return jax.lax.dynamic_update_slice(ring, rows[:, None].astype(ring.dtype), (zero, step % ring.shape[1], zero))


def newest(ring: jax.Array, step: jax.Array, window: int) -> jax.Array:
    """The last `window` rows written to a member's `ring` [capacity, width], newest first; unwritten ones are 0."""
    slots = (step - 1 - jnp.arange(window)) % ring.shape[0]
    return ring[slots]


def sample_indices(key: jax.Array, batch: int, filled: jax.Array | int) -> jax.Array:
    """`batch` row numbers in [0, filled), uniform with replacement."""
    return jax.random.randint(key, (batch,), 0, filled)
