"""What is watched of a guiding network while it learns: the weights of fixed rows, by where they come from."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from guided_rl.data.replay import sample_indices
from guided_rl.methods.base import Metrics

PROBED, EVERY = 128, 100
SOURCES = ("older", "newer", "expert")


def probes(key: jax.Array, dataset: jax.Array, rows: int) -> dict[str, jax.Array]:
    """Rows whose weights are watched, [probed, width] each: of the data's first half, of its second, and the expert's.

    Halves are sources where there are any: early and late in `medium-replay`, medium and expert in `medium-expert`.

    Args:
      dataset: [rows, width]. rows: how many of its last are the expert's.
    """
    bounds = (0, (dataset.shape[0] - rows) // 2, dataset.shape[0] - rows, dataset.shape[0])
    found = {}
    keys = jax.random.split(key, len(SOURCES))
    for name, (first, last), own in zip(SOURCES, itertools.pairwise(bounds), keys, strict=True):
        found[name] = dataset[first + sample_indices(own, PROBED, last - first)]
    return found


def by_source(probed: dict[str, jax.Array], weigh: Callable[[jax.Array], jax.Array]) -> Metrics:
    """Mean weight of each source's rows, and how often a newer row's is above an older one's.

    Args:
      weigh: `rows [probed, width] -> B [probed]`.
    """
    found = {name: weigh(rows) for name, rows in probed.items()}
    means = {f"weight_{name}": jnp.mean(value) for name, value in found.items()}
    return {**means, "weight_auc": rank_share(found["newer"], found["older"])}


def rank_share(high: jax.Array, low: jax.Array) -> jax.Array:
    """The share of pairs in which one of `high` [n] is above one of `low` [m], ties half: the area under the ROC."""
    return jnp.mean(0.5 * (jnp.sign(high[:, None] - low[None, :]) + 1.0))
