"""The training loop's random streams: one per purpose, none of which depends on how often another is drawn from.

Their order is part of what stored results rely on: a new purpose goes last.
"""

from __future__ import annotations

import jax

STREAMS = ("act", "random", "reset", "sample", "offline", "update", "refit", "arrive", "start")


def keys_for(key: jax.Array, step: jax.Array, *names: str) -> list[jax.Array]:
    """This step's keys for the named purposes; a purpose's numbers do not depend on the others'."""
    step_key = jax.random.fold_in(key, step)
    return [jax.random.fold_in(step_key, STREAMS.index(name)) for name in names]
