"""MuJoCo behind one small interface: `native` (C MuJoCo) and `mjx` (MJX)."""

from __future__ import annotations

from guided_rl.physics.base import Data, Engine, Simulation
from guided_rl.runtime.devices import backend
from guided_rl.runtime.errors import unknown_name

ENGINES = ("native", "mjx", "mjx:fast")

__all__ = ["ENGINES", "Data", "Engine", "Simulation", "make_engine", "resolved"]


def resolved(name: str) -> str:
    """The engine that a name stands for here: `auto` is native on CPU and MJX on an accelerator.

    There a run measures instead, see `guided_rl.training.engines`; this is what anything else takes.

    Raises:
      UserError: no engine of that name; the nearest ones are in the sentence.
    """
    if name == "auto":
        return "native" if backend() == "cpu" else "mjx"
    if name not in ENGINES:
        raise unknown_name("physics engine", name, (*ENGINES, "auto"))
    return name


def make_engine(sim: Simulation, name: str = "auto") -> Engine:
    """An engine for `sim`.

    Args:
      name: `native`; `mjx`, or `mjx:fast` with fewer solver iterations than the XML asks for; or
        `auto`, see `resolved`.

    Raises:
      UserError: no engine of that name, or the model needs something that the engine lacks.
    """
    name = resolved(name)
    if name == "native":
        from guided_rl.physics.native import NativeEngine

        return NativeEngine(sim)
    from guided_rl.physics.mjx import MjxEngine

    return MjxEngine(sim, preset=name.partition(":")[2] or "xml")
