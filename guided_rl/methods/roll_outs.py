"""Who acts in a group of roll-outs, and when."""

from __future__ import annotations

import jax
from flax import struct


class RollOut(struct.PyTreeNode):
    """Which roll-out of its group acts, and which of its own steps it takes; both from 0."""

    number: jax.Array
    time: jax.Array
