"""Sweeps of hyper-parameters, from the stored tables of returns: one axis as intervals, two as a heat map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.report.site.drawings import intervals_svg
from guided_rl.results.statistics import Interval
from guided_rl.results.tables import estimate, number, stored_interval

METRICS = {"final": "final return", "auc": "AUC of the return"}


@dataclass(frozen=True)
class HeatCell:
    """A grid point's number, and its shade from -1 (low) to 1 (high); 0 where nothing separates it from the rest."""

    text: str
    shade: float


@dataclass(frozen=True)
class Sweep:
    """One sweep by one metric.

    Attributes:
      axes: names of the one or two axes. rows: (label, number with its interval) of one axis.
      heat: [second axis][first axis] of two. drawing: SVG of one axis; empty of two.
    """

    title: str
    table: str
    preset: str
    task: str
    method: str
    axes: tuple[str, ...]
    metric: str
    seeds: int
    rows: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    heat: tuple[tuple[str, tuple[HeatCell, ...]], ...] = ()
    drawing: str = ""


def sweeps(finals: Sequence[Mapping[str, Any]]) -> list[Sweep]:
    """Every sweep of one or two axes among the rows of the tables of returns, read by the learner's own policy."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in finals:
        if row["grid_point"] and row["protocol"] == "policy":
            key = tuple(row[name] for name in ("table", "preset", "task", "method", "variant"))
            groups.setdefault(key, []).append(row)
    return [
        _sweep(key, rows, metric)
        for key, rows in groups.items()
        if 1 <= len(rows[0]["grid_point"]) <= 2 and len(rows) > 1
        for metric in METRICS
    ]


def _sweep(key: tuple[str, ...], rows: Sequence[Mapping[str, Any]], metric: str) -> Sweep:
    _, _, task, method, _ = key
    axes = tuple(rows[0]["grid_point"])
    title = f"{method} on {task}: {METRICS[metric]} by {' and '.join(axes)}"
    found = [stored_interval(row[metric]["raw_mean"]) for row in rows]
    common: dict[str, Any] = dict(zip(("title", "table", "preset", "task", "method"), (title, *key[:4]), strict=True))
    common |= {"axes": axes, "metric": METRICS[metric], "seeds": len(rows[0]["seeds"])}
    if len(axes) == 2:
        first, second = (list(dict.fromkeys(row["grid_point"][axis] for row in rows)) for axis in axes)
        cells = {tuple(row["grid_point"].values()): cell for row, cell in zip(rows, _shaded(found), strict=True)}
        heat = tuple((f"{b:g}", tuple(cells.get((a, b), HeatCell("–", 0.0)) for a in first)) for b in second)
        return Sweep(**common, columns=tuple(f"{a:g}" for a in first), heat=heat)
    labels = [f"{row['grid_point'][axes[0]]:g}" for row in rows]
    said = ", ".join(f"{label}: {estimate(i)}" for label, i in zip(labels, found, strict=True))
    drawn = intervals_svg(
        title, said, [(label, i.value, i.low, i.high) for label, i in zip(labels, found, strict=True)], axes[0]
    )
    texts = tuple((label, estimate(i)) for label, i in zip(labels, found, strict=True))
    return Sweep(**common, rows=texts, drawing=drawn)


def _shaded(found: Sequence[Interval]) -> list[HeatCell]:
    """Shaded is only a point whose interval leaves out the mean of all points, so that noise has no colour."""
    values = [i.value for i in found if math.isfinite(i.value)]
    middle = sum(values) / len(values) if values else math.nan
    most = max((abs(value - middle) for value in values), default=0.0) or 1.0
    apart = [math.isfinite(i.low) and not i.contains(middle) for i in found]
    return [
        HeatCell(f"{number(i.value)}\n[{number(i.low)}, {number(i.high)}]", (i.value - middle) / most if far else 0.0)
        for i, far in zip(found, apart, strict=True)
    ]
