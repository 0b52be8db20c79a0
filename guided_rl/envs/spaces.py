"""Action spaces, in Gymnasium's terms: what an environment takes and what a method works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Box:
    """Real actions [size] in [-1, 1], whatever the range of the controls behind them."""

    size: int

    kind: Literal["continuous"] = "continuous"


@dataclass(frozen=True)
class Discrete:
    """One of the actions 0, …, n - 1: an int32 scalar."""

    n: int

    kind: Literal["discrete"] = "discrete"


Space = Box | Discrete
