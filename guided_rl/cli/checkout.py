"""The checkout that this package is part of: tables and stored results live there, not in the wheel."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

from guided_rl.errors import UserError


def find() -> Path | None:
    """The folder with `benchmarks/tables.py`: where this package lies, else the working folder."""
    here = Path(__file__).resolve().parents[2]
    return next((folder for folder in (here, Path.cwd()) if (folder / "benchmarks" / "tables.py").is_file()), None)


def tables() -> ModuleType:
    """The module `benchmarks.tables`, see `module`."""
    return module("tables")


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
