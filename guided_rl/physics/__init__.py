"""MuJoCo behind one small interface: `native` (C MuJoCo) and `mjx` (MJX)."""

from __future__ import annotations

import jax

from guided_rl.errors import unknown
from guided_rl.physics.base import Data, Engine, Simulation

ENGINES = ("native", "mjx")

__all__ = ["ENGINES", "Data", "Engine", "Simulation", "make_engine"]


def make_engine(sim: Simulation, name: str = "auto") -> Engine:
    """An engine for `sim`; `auto` is native on CPU and MJX on an accelerator."""
    if name == "auto":
        name = "native" if jax.default_backend() == "cpu" else "mjx"
    if name == "native":
        from guided_rl.physics.native import NativeEngine

        return NativeEngine(sim)
    if name == "mjx":
        from guided_rl.physics.mjx import MjxEngine

        return MjxEngine(sim)
    raise unknown("physics engine", name, (*ENGINES, "auto"))
