"""The papers, a folder each: its table (`table.py`, with a `TABLE`), claims, and figures of its own.

A paper is found by its folder; nothing else has to name it.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.runner.cells import PaperTable


def find_papers() -> dict[str, PaperTable]:
    """Every paper's table by name, in the order of their folders."""
    folders = sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg)
    found = [importlib.import_module(f"{__name__}.{folder}.table").TABLE for folder in folders]
    return {table.name: table for table in found}
