"""What a user asks of the suite by environment variables, each read here and nowhere else; and which of JAX's stand
in its way."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import jax

from guided_rl.runtime.errors import UserError

# JAX's settings under which this suite's programs are others, or none, and the values with which they work.
JAX_SETTINGS = {
    "jax_enable_x64": "0",
    "jax_disable_jit": "0",
    "jax_numpy_rank_promotion": "allow or warn",
    "jax_numpy_dtype_promotion": "standard",
    "jax_transfer_guard": "allow or log",
    "jax_transfer_guard_host_to_device": "allow or log",
    "jax_transfer_guard_device_to_device": "allow or log",
    "jax_transfer_guard_device_to_host": "allow or log",
    "jax_threefry_partitionable": "1",
    "jax_debug_key_reuse": "0",
}
THREADS, MEMORY = "GUIDED_RL_THREADS", "GUIDED_RL_MEMORY_GB"


def threads() -> int:
    """`$GUIDED_RL_THREADS`; 0 where it is not set.

    Raises:
      UserError: it is no whole number, or a negative one.
    """
    return int(_number(THREADS, int, "how many threads to use, a whole number such as 4"))


def memory() -> int:
    """`$GUIDED_RL_MEMORY_GB` in bytes; 0 where it is not set.

    Raises:
      UserError: it is no finite number, or a negative one.
    """
    return int(_number(MEMORY, float, "how many GiB a population may take, a number such as 4 or 0.5") * 2**30)


def check_jax() -> None:
    """Refuse JAX's settings, by its variables or by `jax.config`, with which no run works, or gives other numbers.

    Raises:
      UserError: each of them, and what to set it to.
    """
    wrong = []
    for name, right in JAX_SETTINGS.items():
        value = getattr(jax.config, name, None)
        said = str(getattr(value, "value", value)).lower()
        if value is not None and {"true": "1", "false": "0"}.get(said, said) not in right.split(" or "):
            wrong.append(f"{name.upper()} is {said}; unset it, or set it to {right}")
    if wrong:
        one = next((text for text in wrong if text.startswith("JAX_TRANSFER_GUARD is")), None)
        if one:  # it sets the others
            wrong = [text for text in wrong if not text.startswith("JAX_TRANSFER_GUARD_")]
        raise UserError("this suite does not run with JAX's setting " + "; and ".join(wrong))


def home_cache() -> Path:
    """`$GUIDED_RL_CACHE`, else `~/.cache/guided-rl`, else, for a user without a home, one among temporary files."""
    if named := os.environ.get("GUIDED_RL_CACHE"):
        return Path(named)
    try:
        return Path.home() / ".cache" / "guided-rl"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"guided-rl-{os.getuid()}"


def check() -> None:
    """Refuse what cannot be read.

    Raises:
      UserError: of each variable that is wrong, its name, its value and what it should be.
    """
    wrong = []
    for read in (threads, memory, check_jax):
        try:
            read()
        except UserError as error:
            wrong.append(str(error))
    if wrong:
        raise UserError("; ".join(wrong))


def _number(name: str, read: Callable[[str], float], meaning: str) -> float:
    text = os.environ.get(name, "").strip()
    try:
        value = read(text or "0")
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UserError(f"the environment variable {name} is {text!r}; unset it, or set it to {meaning}")
    return value
