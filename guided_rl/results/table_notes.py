"""What a table's numbers rest on, as notes: steps and evaluations behind each, and experts behind each interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from guided_rl.results.records import Record
from guided_rl.results.tables import steps

ENOUGH_SOURCES = 8


def data_notes(records: Sequence[Record]) -> list[str]:
    """All notes that these records call for."""
    return [*lengths(records), *evaluations(records), *few_experts(records)]


def lengths(records: Sequence[Record]) -> list[str]:
    """Which variants and sweeps ran for more or fewer steps than the main cells of their task, unless named by them."""
    usual = {record.task: record.budget for record in records if record.main}
    found: dict[str, set[str]] = {}
    for record in records:
        length = steps(record.budget)
        if record.budget != usual.get(record.task, record.budget) and not record.variant.startswith(length):
            named = record.variant or ", ".join(record.grid)
            said = f"{length} instead of {steps(usual[record.task])}"
            found.setdefault(f"{record.method} ({named})", set()).add(said)
    parts = [f"{name} {' or '.join(sorted(lines))}" for name, lines in sorted(found.items())]
    return [f"Not as many steps as in the main runs of its task: {'; '.join(parts)}."] if parts else []


def evaluations(records: Sequence[Record]) -> list[str]:
    """How many evaluation points a seed's numbers rest on, and episodes each point, by task."""
    tasks: dict[tuple[int, int], set[str]] = {}
    for record in records:
        points, episodes = (record.config.get(name) for name in ("evaluations", "episodes"))
        if points and episodes:
            tasks.setdefault((points, episodes), set()).add(record.task)
    if not tasks:
        return []
    where = lambda names: f" ({', '.join(sorted(names))})" if len(tasks) > 1 else ""
    parts = [f"{points} points of {episodes} episodes{where(tasks[points, episodes])}" for points, episodes in tasks]
    return [f"Evaluations of each seed and policy: {'; '.join(sorted(parts))}."]


def few_experts(records: Sequence[Record]) -> list[str]:
    """That experts and not seeds count as independent, where there are several but few."""
    counts = {np.unique(record.source(np.asarray(record.seeds))).size for record in records}
    few = sorted(count for count in counts if 1 < count < ENOUGH_SOURCES)
    if not few:
        return []
    return [
        f"Behind the seeds stand only {' or '.join(map(str, few))} experts. Intervals count experts, not seeds, as "
        "independent (cluster jackknife with Student's t), so they are wide. More experts narrow them; more seeds "
        "do so only as far as experts are alike."
    ]
