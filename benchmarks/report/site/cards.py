"""A paper at a glance: its answer, its verdicts, and one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.report.site.catalogue import Catalogue, Paper
from benchmarks.report.site.claim_rows import ClaimRow, by_verdict, counted
from benchmarks.report.site.curve_data import RETURN, curve_name
from benchmarks.report.site.drawings import curves_svg
from guided_rl.results.tables import number

MOST_LINES = 5


def card(
    paper: Paper,
    catalogue: Catalogue,
    claims: Sequence[ClaimRow],
    curves: Mapping[str, Any],
    colours: Mapping[str, str],
) -> dict[str, Any]:
    """What the front page shows of a paper."""
    drawn = picture(paper, catalogue, claims, curves, colours)
    return {"paper": paper, "claims": by_verdict(claims), "counts": counted(claims), "picture": drawn}


def picture(
    paper: Paper,
    catalogue: Catalogue,
    claims: Sequence[ClaimRow],
    curves: Mapping[str, Any],
    colours: Mapping[str, str],
) -> dict[str, Any] | None:
    """Learning curves of the paper's methods and their bases on one task; None without any.

    Of the tasks on which two of them ran it is the one that most claims are about, whatever came out there; of several
    such tasks the one with most of the methods, and then the first by name.
    """
    methods = list(dict.fromkeys(name for pair in paper.pairs for name in reversed(pair)))
    found: list[tuple[tuple[bool, int, int], str, str, list[dict[str, Any]]]] = []
    for preset in paper.presets:
        for task in sorted({cell.task for cell in catalogue.of(paper.name, preset)}):
            cells = curves.get(curve_name(paper.name, preset, task), {"cells": []})["cells"]
            there = [cell for cell in cells if cell["main"] and cell["method"] in methods and _own(cell)]
            there = sorted(there, key=lambda cell: methods.index(cell["method"]))[:MOST_LINES]
            if there:
                lines = [_line(cell) for cell in there]
                named = sum(task in claim.tasks for claim in claims)
                found.append(((len(lines) > 1, named, len(lines)), preset, task, lines))
    if not found:
        return None
    _, preset, task, lines = max(found, key=lambda one: one[0])
    title = f"{paper.title} on {task}: learning curves"
    said = "Mean return of each method's own policy with its 95 % band. At the end: "
    said += ", ".join(f"{line['method']} {number(line['mean'][-1])}" for line in lines) + "."
    names = [line["method"] for line in lines]
    return {"svg": curves_svg(title, said, lines, colours), "task": task, "preset": preset, "methods": names}


def _own(cell: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The returns of the cell's own policy."""
    found = (s for s in cell["series"] if s["measure"] == RETURN and s["protocol"] == "policy")
    return next(found, None)


def _line(cell: Mapping[str, Any]) -> dict[str, Any]:
    series = _own(cell)
    assert series is not None
    mean = np.asarray(series["values"], float).mean(0)
    return {
        "method": cell["method"],
        "steps": series["steps"],
        "mean": [float(value) for value in mean],
        "low": series["low"],
        "high": series["high"],
    }
