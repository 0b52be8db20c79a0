"""Final returns as text, for lists of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from guided_rl.results.tables import estimate, stored_interval


def final_texts(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], str]:
    """By table, preset, task, method and variant, the final return of the own policy with its interval; no sweeps."""
    found = {}
    for row in rows:
        if row["protocol"] == "policy" and not row["grid_point"]:
            unit = " of 100" if row["normalised"] else ""
            key = tuple(row[name] for name in ("table", "preset", "task", "method", "variant"))
            found[key] = estimate(stored_interval(row["final"]["mean"])) + unit
    return found
