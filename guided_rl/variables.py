"""What a user asks of the suite by environment variables, each read here and nowhere else."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

from guided_rl.errors import UserError

THREADS, MEMORY = "GUIDED_RL_THREADS", "GUIDED_RL_MEMORY_GB"


def threads() -> int:
    """`$GUIDED_RL_THREADS`; 0 where it is not set.

    Raises:
      UserError: it is no whole number, or a negative one.
    """
    return _number(THREADS, int, "how many threads to use, a whole number such as 4")


def memory() -> int:
    """`$GUIDED_RL_MEMORY_GB` in bytes; 0 where it is not set.

    Raises:
      UserError: it is no finite number, or a negative one.
    """
    return int(_number(MEMORY, float, "how many GiB a population may take, a number such as 4 or 0.5") * 2**30)


def check() -> None:
    """Refuse what cannot be read.

    Raises:
      UserError: of each variable that is wrong, its name, its value and what it should be.
    """
    wrong = []
    for read in (threads, memory):
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
