"""Expert sets for learners from observations: pairs (s, s'), of which no action is read."""

from __future__ import annotations

import numpy as np

from guided_rl.data.replay import Layout
from guided_rl.runtime.errors import UserError

NOISE_SEED = 0


def expert_observations(
    rows: np.ndarray, layout: Layout, noise: float = 0.0, drop: float = 0.0, halves: bool = False
) -> np.ndarray:
    """The expert set [experts, pairs, width] as a learner is to see it.

    Args:
      noise: standard deviation of what is added to every entry, in that entry's own ones.
      drop: share of the observation, its last entries, that is missing: filled with the mean.
      halves: whether the set must be even, to be shared out between two models.

    Raises:
      UserError: it is empty, odd where it must not be, or holds NaN among its observations.
    """
    pairs = rows.shape[1]
    if not pairs:
        raise UserError("the expert set is empty; give at least two pairs (s, s')")
    if halves and pairs % 2:
        raise UserError(
            f"the expert set has {pairs} pairs (s, s'), which cannot be halved between two models; leave one out"
        )
    rows, generator, offset = np.array(rows, np.float32), np.random.default_rng(NOISE_SEED), 0
    for name, width in layout.columns:
        column = rows[..., offset : offset + width]
        offset += width
        if name not in ("obs", "next_obs"):
            continue
        if not np.isfinite(column).all():
            raise UserError(f"the expert set holds NaN or infinity in {name}; leave such pairs out")
        column += noise * column.std(axis=1, keepdims=True) * generator.normal(size=column.shape)
        missing = width - round(drop * width)
        column[..., missing:] = column[..., missing:].mean(axis=1, keepdims=True)
    return rows
