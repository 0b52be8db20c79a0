"""What an `Act` tells of the expert's part in it."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Act

EXPERT_QUERIES, EXPERT_SHARE = "expert_queries", "expert_share"


def as_act(choice: Act | jax.Array) -> Act:
    """What a policy returned, an action or an `Act`, as an `Act`."""
    return choice if isinstance(choice, Act) else Act(choice)


def expert_outcomes(share: jax.Array | float, asked: jax.Array | float | None = None) -> dict[str, jax.Array]:
    """Extras of an `Act` of which `share` is the expert's; it was asked wherever that is not 0, or where `asked`."""
    share = jnp.float32(share)
    return {EXPERT_SHARE: share, EXPERT_QUERIES: jnp.float32(share > 0 if asked is None else asked)}
