"""guided-rl: does expert guidance make this agent learn faster, by how much, and am I sure?

`guided_rl.train(guided_rl.RunConfig(...))` trains a population; `guided_rl.make(name)` makes an
environment. Both are imported when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

from guided_rl.devices import join_processes, one_device_per_core

one_device_per_core()
join_processes()

_HOMES = {
    "Guide": "guided_rl.guides",
    "Interrupted": "guided_rl.errors",
    "Result": "guided_rl.training.run",
    "RunConfig": "guided_rl.config",
    "UserError": "guided_rl.errors",
    "make": "guided_rl.envs",
    "train": "guided_rl.training.run",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
