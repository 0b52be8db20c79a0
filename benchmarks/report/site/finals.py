"""Final returns as text, for lists of cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from guided_rl.results.statistics import Interval
from guided_rl.results.tables import estimate


def final_texts(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], str]:
    """By table, preset, task, method and variant, the final return of the own policy with its interval; no sweeps."""
    found = {}
    for row in rows:
        if row["protocol"] == "policy" and not row["grid_point"]:
            facts = {k: math.nan if v is None else v for k, v in row["final"]["mean"].items()}
            unit = " of 100" if row["normalised"] else ""
            key = tuple(row[name] for name in ("table", "preset", "task", "method", "variant"))
            found[key] = estimate(Interval(**facts)) + unit
    return found
