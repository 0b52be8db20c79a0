"""MuJoCo behind one small interface: `native` (C MuJoCo) and `mjx` (MJX)."""

from __future__ import annotations

from guided_rl.devices import backend
from guided_rl.errors import unknown
from guided_rl.physics.base import Data, Engine, Simulation

ENGINES = ("native", "mjx", "mjx:fast")

__all__ = ["ENGINES", "Data", "Engine", "Simulation", "make_engine"]


def make_engine(sim: Simulation, name: str = "auto") -> Engine:
    """An engine for `sim`.

    Args:
      name: `native`; `mjx`, or `mjx:fast` with fewer solver iterations than the XML asks for;
        `auto` is native on CPU and MJX on an accelerator.

    Raises:
      UserError: no engine of that name, or the model needs something that the engine lacks.
    """
    if name == "auto":
        name = "native" if backend() == "cpu" else "mjx"
    if name == "native":
        from guided_rl.physics.native import NativeEngine

        return NativeEngine(sim)
    if name in ("mjx", "mjx:fast"):
        from guided_rl.physics.mjx import MjxEngine

        return MjxEngine(sim, preset=name.partition(":")[2] or "xml")
    raise unknown("physics engine", name, (*ENGINES, "auto"))
