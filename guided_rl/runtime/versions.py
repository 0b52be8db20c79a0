"""Which code this process runs: the checkout's commit, and the versions of what it is built on."""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = [
    "jax",
    "jaxlib",
    "mujoco",
    "mujoco-mjx",
    "brax",
    "flax",
    "optax",
    "orbax-checkpoint",
    "gymnasium",
    "dm-control",
    "numpy",
    "guided-rl",
]
_PACKAGE = Path(__file__).resolve().parents[1]


def code() -> dict[str, Any]:
    """The `commit`, whether it is `dirty`, and `versions`, as plain JSON."""
    commit, dirty = _git()
    return {"commit": commit, "dirty": dirty, "versions": {name: version(name) for name in PACKAGES}}


def version(name: str) -> str | None:
    """Of an installed package, None without it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git() -> tuple[str | None, bool | None]:
    """Commit of the checkout that this package is in, and whether its sources differ; None for a wheel.

    `results` and README are left out, because the run that asks writes there.
    """
    top = _run("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() / _PACKAGE.name != _PACKAGE:
        return None, None
    changes = _run("status", "--porcelain", "--", ".", ":(top,exclude)results", ":(top,exclude)README.md")
    return _run("rev-parse", "HEAD"), None if changes is None else bool(changes)


def _run(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(_PACKAGE.parent), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
