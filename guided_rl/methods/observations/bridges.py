"""Bridges: how a learner that lacks an expert's move gets where the expert got, in steps of its own; part of HA-DIIQN.

arXiv 2511.03616, known to us from third-party accounts: where the action inferred for an expert's pair stays far off,
a path of at most k own steps from there to one of the expert's next n states is sought in the replay, and its first
action stands in for the expert's. Functions of arrays alone, for one learner; W own steps in the order in which they
were taken, N expert pairs, `-1` for a state that is similar to no expert's.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

NOWHERE = -1
EQUAL = 1e-6


def ahead_of(expert_obs: jax.Array, expert_next: jax.Array, ahead: int) -> jax.Array:
    """Row numbers [N, ahead] of the pairs whose s' are each expert's next states, its own first.

    Pair i is followed by pair i + 1 if its s' is that one's s; `NOWHERE` behind a trajectory's end.
    """
    pairs = expert_obs.shape[0]
    follows = jnp.append(jnp.all(jnp.abs(expert_next[:-1] - expert_obs[1:]) < EQUAL, axis=-1), False)
    row, alive, found = jnp.arange(pairs), jnp.ones(pairs, bool), []
    for _ in range(ahead):
        found.append(jnp.where(alive, row, NOWHERE))
        alive = alive & follows[row]
        row = jnp.minimum(row + 1, pairs - 1)
    return jnp.stack(found, axis=-1)


def ends(begins: jax.Array, arrives: jax.Array, linked: jax.Array, length: int) -> jax.Array:
    """Where 1, …, `length` steps from each own step arrive, [W, length]; `NOWHERE` where the path breaks off.

    Args:
      begins, arrives: the number of the expert's state in which each own step began, and arrived, [W].
      linked: whether the step after this one began where this one arrived, [W].
    """
    steps = begins.shape[0]
    row, alive, found = jnp.arange(steps), begins >= 0, []
    for _ in range(length):
        found.append(jnp.where(alive, arrives[row], NOWHERE))
        alive = alive & linked[row]
        row = jnp.minimum(row + 1, steps - 1)
    return jnp.stack(found, axis=-1)


def bridges(
    begins: jax.Array, arrives: jax.Array, linked: jax.Array, following: jax.Array, length: int
) -> tuple[jax.Array, jax.Array]:
    """For each expert pair the fewest own steps that bridge it, and the own step with which such a path begins, [N].

    A path of `length` steps at most bridges a pair if it begins in the pair's s and arrives in one of its next states.

    Args:
      begins: the expert pair in whose s each own step began, [W].
      arrives, linked, length: as `ends`'.
      following: numbers of each pair's next states, [N, ahead].

    Returns:
      Steps, `length` + 1 where there is no bridge, and the own step, then of no meaning.
    """
    steps, pairs = begins.shape[0], following.shape[0]
    goals = following[jnp.maximum(begins, 0)]
    arrived = ends(begins, arrives, linked, length)
    meets = (arrived[:, :, None] == goals[:, None, :]) & (arrived >= 0)[:, :, None]
    fewest = jnp.min(jnp.where(meets.any(-1), jnp.arange(1, length + 1), length + 1), axis=-1)
    ranked = jnp.where(begins >= 0, fewest * steps + jnp.arange(steps), (length + 1) * steps)
    best = jnp.full(pairs, (length + 1) * steps).at[jnp.maximum(begins, 0)].min(ranked)
    return best // steps, best % steps
