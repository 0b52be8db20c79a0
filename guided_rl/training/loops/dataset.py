"""A member's part of the dataset, or of the traces, that all members share."""

from __future__ import annotations

import jax

from guided_rl.data.replay import sample_indices
from guided_rl.data.traces import Traces
from guided_rl.envs.base import State, restore_where
from guided_rl.methods.base import Start


def rows_of(dataset: jax.Array | None, seed: jax.Array) -> jax.Array | None:
    """The rows [rows, width] of expert `seed mod n` in shared data [n, rows, width]."""
    return None if dataset is None else dataset[seed % dataset.shape[0]]


def drawn_rows(
    dataset: jax.Array, seed: jax.Array, key: jax.Array, count: int, first: int = 0, last: int | None = None
) -> jax.Array:
    """`count` of those rows, from number `first` to the one before `last`, uniform with replacement."""
    expert, size = seed % dataset.shape[0], (dataset.shape[1] if last is None else last) - first
    indices = sample_indices(key, count, size)
    return dataset[expert, indices + first if first else indices]


def start_state(fresh: State, start: Start, seed: jax.Array, traces: Traces) -> State:
    """`fresh`, or the state of the expert's trace that `start` names."""
    return restore_where(start.index > 0, fresh, traces.state(seed, *start))
