"""Settings as people write them: NAME=VALUE."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from guided_rl.runtime.errors import UserError


def assignments(option: str, given: Iterable[str], read: Callable[[str, str], Any]) -> dict[str, Any]:
    """`NAME=VALUE` texts as a dictionary; `read(option, value)` turns each value into what it stands for."""
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UserError(f"{option} {text} is not of the form NAME=VALUE, such as gamma=0.98")
        if name in pairs:
            raise UserError(f"{option} is given {name} twice; give it once")
        pairs[name] = read(option, value)
    return pairs


def number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{option} has the value {text!r} where a number is needed") from None


def floats(option: str, text: str) -> tuple[float, ...]:
    """Numbers parted by commas."""
    return tuple(number(option, part) for part in text.split(","))


def word(option: str, text: str) -> Any:
    """A switch's value: true, false, none and numbers as Python has them, anything else as text."""
    try:
        return json.loads({"True": "true", "False": "false", "none": "null", "None": "null"}.get(text, text))
    except ValueError:
        return text
