"""W&B's environment variables: what they ask for, and which of them an error of W&B's is about."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from guided_rl.runtime.errors import UserError

# What $WANDB_MODE may say, and what it stands for here.
MODES = {
    "online": "online",
    "shared": "online",
    "run": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}


def asked_mode() -> str | None:
    """What the environment asks for, if it does.

    Raises:
      UserError: it asks for what there is not.
    """
    asked = os.environ.get("WANDB_MODE", "").strip().lower()
    if asked and asked not in MODES:
        raise UserError(f"WANDB_MODE is {asked!r}; set it to online, offline or disabled")
    if asked:
        return MODES[asked]
    return "disabled" if os.environ.get("WANDB_DISABLED", "").lower() in ("true", "1") else None


def variables_in(error: Exception) -> list[str]:
    """W&B's environment variables, as NAME=VALUE, of which an error tells the value or the name."""
    text = str(error)
    secret, where = "KEY", "URL"  # an address in an error says that nobody answered there
    given = {n: v for n, v in os.environ.items() if n.startswith("WANDB_") and not (secret in n or where in n)}
    settings = {f"WANDB_{part}".upper() for part in _settings_in(error)}
    named = [name for name, value in given.items() if name in settings or (len(value) > 2 and value in text)]
    return [f"{name}={given[name]}" for name in sorted(named)]


def _settings_in(error: Any) -> list[str]:
    """Names of the settings that pydantic, in which W&B keeps them, finds wrong."""
    try:
        return [str(part) for found in error.errors() for part in found["loc"]]
    except (AttributeError, TypeError, KeyError):
        return []


def give_cache(folder: Path) -> None:
    """A place for the log of W&B's own server, which goes to the terminal where the user's cache cannot be written."""
    if "WANDB_CACHE_DIR" in os.environ:
        return
    try:
        (Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wandb").mkdir(parents=True, exist_ok=True)
        return
    except (RuntimeError, OSError):  # there is no home, or none that can be written
        pass
    os.environ["WANDB_CACHE_DIR"] = str((folder / "wandb" / "cache").absolute())
