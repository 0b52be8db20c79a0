"""Action spaces, in Gymnasium's terms: what an environment takes and what a method works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class Box:
    """Real actions [size] in [-1, 1], whatever the range of the controls behind them."""

    size: int

    kind: ClassVar[str] = "continuous"
    dtype: ClassVar = jnp.float32

    @property
    def width(self) -> int:
        """Entries of an action in a row of the replay."""
        return self.size

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Uniform actions [*shape, size]."""
        return jax.random.uniform(key, (*shape, self.size), minval=-1.0, maxval=1.0)


@dataclass(frozen=True)
class Discrete:
    """One of the actions 0, …, n - 1: an int32 scalar."""

    n: int

    kind: ClassVar[str] = "discrete"
    dtype: ClassVar = jnp.int32

    @property
    def width(self) -> int:
        """0, which stands for a scalar: rows of the replay keep the action's number, as a float."""
        return 0

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Uniform actions [*shape], int32."""
        return jax.random.randint(key, shape, 0, self.n)


Space = Box | Discrete
