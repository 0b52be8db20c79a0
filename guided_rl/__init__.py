"""guided-rl: does expert guidance make this agent learn faster, by how much, and am I sure?

`guided_rl.train(guided_rl.RunConfig(...))` trains a population; `guided_rl.make(name)` makes an
environment. Both are imported when they are first asked for.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

try:
    from guided_rl.runtime.devices import join_processes, one_device_per_core
except ValueError as error:  # JAX, which is imported there, of a variable that it cannot read
    if "JAX" not in str(error) and "jax" not in str(error):
        raise
    print(f"JAX cannot start, because of an environment variable of its own: {error}; unset it", file=sys.stderr)
    raise SystemExit(2) from None

one_device_per_core()
join_processes()

_HOMES = {
    "Guide": "guided_rl.guides",
    "Interrupted": "guided_rl.runtime.errors",
    "Result": "guided_rl.training.run",
    "RunConfig": "guided_rl.config",
    "compare": "guided_rl.comparison",
    "UserError": "guided_rl.runtime.errors",
    "make": "guided_rl.envs",
    "train": "guided_rl.api",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
