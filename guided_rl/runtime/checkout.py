"""The checkout that this package is part of: tables and stored results live there, not in the wheel."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

from guided_rl.runtime.errors import UserError

HERE = Path(__file__).resolve().parents[2]
"""Where this package lies: the checkout, or where packages are installed."""


def find() -> Path | None:
    """The folder with `benchmarks/papers`: where this package lies, else the working folder."""
    return next((folder for folder in (HERE, Path.cwd()) if (folder / "benchmarks" / "papers").is_dir()), None)


def tables() -> ModuleType:
    """The module `benchmarks.runner.tables`, see `module`."""
    return module("runner.tables")


def module(name: str) -> ModuleType:
    """A module of the checkout's `benchmarks`.

    Raises:
      UserError: there is no checkout.
    """
    folder = find()
    if folder is None:
        raise UserError("tables are part of the guided-rl checkout and there is none here; run this command inside one")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return importlib.import_module(f"benchmarks.{name}")
