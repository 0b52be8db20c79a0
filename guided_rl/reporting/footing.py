"""What a table's numbers rest on, as notes: evaluations behind each number, and experts behind each interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from guided_rl.reporting.records import Record
from guided_rl.reporting.statistics import COVERED, ENOUGH_SOURCES

COUNTS = {2: "two", 3: "three", 4: "four", 5: "five"}


def footing(records: Sequence[Record]) -> list[str]:
    """Both notes, as far as these records call for them."""
    return [*evaluations(records), *few_experts(records)]


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
    """What 95 % intervals over so few experts cover, where there are several but not enough."""
    counts = {np.unique(record.source(np.asarray(record.seeds))).size for record in records}
    few = sorted(count for count in counts if 1 < count < ENOUGH_SOURCES)
    if not few:
        return []
    held = ", ".join(f"{100 * COVERED[n]:.0f} % with {COUNTS[n]} experts" for n in (*few, ENOUGH_SOURCES))
    return [
        "Over few experts 95 % intervals are too narrow. In simulations with ten seeds and experts that differ as much "
        f"as seeds do, they hold the truth so often: {held}. More experts mend that, more seeds do not."
    ]
