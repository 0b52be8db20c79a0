"""Data as scripts: `GRL.add(name, value)`, the one form that a page on the disk can load."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

DIGITS = 4


def script(name: str, value: Any) -> bytes:
    """A script that hands `value` to the page under `name`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"GRL.add({json.dumps(name, ensure_ascii=False)},{text});\n".encode()


def compact(values: Any) -> Any:
    """Numbers of any shape as nested lists of four significant digits; None where one is not finite."""
    if isinstance(values, list | tuple | np.ndarray):
        return [compact(value) for value in values]
    value = float(values)
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded == int(rounded) else rounded
