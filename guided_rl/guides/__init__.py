"""Where advice comes from."""

from __future__ import annotations

from guided_rl.envs.base import Env
from guided_rl.errors import UserError
from guided_rl.guides.base import Guide

__all__ = ["Guide", "find_guide"]


def find_guide(named: Guide | str | None, env: Env) -> Guide:
    """The guide that a name, a path or a value stands for, fit for `env`.

    Raises:
      UserError: no guide was given, it does not exist, or it is for another task.
    """
    if isinstance(named, Guide):
        return named
    if named is None:
        raise UserError("this method needs a guide; give one with --guide, such as --guide bc")
    raise UserError(f"no guide {named!r}")
