"""Packages that only some tasks and guides need, and what to say where one is missing."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from guided_rl.runtime.errors import UserError


@dataclass(frozen=True)
class OptionalPackage:
    """A package, the module it brings, who needs it, and pip's arguments that install it."""

    package: str
    module: str
    needed_by: str
    install: str

    def sentence(self) -> str:
        return f"{self.needed_by} need {self.package}, which is not installed; run pip install {self.install}"

    def folder(self) -> Path:
        """Where the module lies, which is found without importing it.

        Raises:
          UserError: it is not installed.
        """
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            raise UserError(self.sentence())
        return Path(spec.submodule_search_locations[0])

    def require(self) -> None:
        """Raise the `UserError` of `folder` where the package is missing."""
        self.folder()


BRAX = OptionalPackage("brax", "brax", "tasks and guides named brax:…", "'brax>=0.14,<0.15'")

# Its labmaze, which is for mazes only, has no wheel from Python 3.13 on, where a plain install therefore leaves it out.
DM_CONTROL = OptionalPackage(
    "dm-control", "dm_control", "the tasks of DeepMind Control", "--no-deps 'dm-control>=1.0.50,<1.1'"
)

OPTIONAL = {part.package: part for part in (BRAX, DM_CONTROL)}
