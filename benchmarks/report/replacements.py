"""Methods of ours beside what they are to replace: a setting that others fix, at its default and at its best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from guided_rl.results import statistics
from guided_rl.results.likeness import unlike
from guided_rl.results.records import Record, find
from guided_rl.results.statistics import Interval
from guided_rl.results.summaries import protocols, sample, shared, starts_alike
from guided_rl.results.summary_tables import EVALUATED, label
from guided_rl.results.tables import Table, estimate, few_seeds, number, section_starts, steps

METRICS = ("final", "auc")


@dataclass(frozen=True)
class Replacement:
    """A method of ours and the fixed settings of another that it makes unnecessary.

    Attributes:
      method: ours. of: the method whose main cell is the default setting.
      fixed: variants of `of` with other fixed settings, every grid point of theirs.
      unscheduled: whether neither method has a setting that is a share of the budget, but for the first steps
        before any update. A run is then the beginning of a longer one that starts as long, and is compared with it.
    """

    method: str
    of: str
    fixed: tuple[str, ...] = ()
    unscheduled: bool = False


def replacements_table(records: Sequence[Record], ours: Sequence[Replacement], title: str) -> Table:
    """Difference to the default and to the best fixed setting, per task, protocol and measurement."""
    rows, data, left_out, refused, cut = [], [], [], [], False
    for task in sorted({record.task for record in records}):
        for pair in ours:
            own, default = (find(records, name, task) for name in (pair.method, pair.of))
            if own is None or default is None:
                continue
            others = [find(records, pair.of, task, variant) for variant in pair.fixed]
            found = [r for r in (default, *others) if r is not None]
            refused += [f"{label(r)} on {task} is left out: {c}." for r in found if (c := _other_settings(own, r))]
            found = [r for r in found if not _other_settings(own, r)]
            fixed = [r for r in found if r.budget == own.budget or (pair.unscheduled and starts_alike(own, r))]
            left_out += [(own, r) for r in found if r not in fixed]
            if default not in fixed:
                continue
            for budget in sorted({min(r.budget, own.budget) for r in fixed}, reverse=True):
                long_enough = [r for r in fixed if r.budget >= budget]
                at = _common_steps([own, *long_enough], budget)
                if not at.size:
                    continue
                cut |= budget < own.budget
                for protocol in (name for name in protocols(own) if name in protocols(default)):
                    for metric in METRICS:
                        row, facts = _row(own, default, long_enough, protocol, metric, at)
                        rows.append((task, pair.method, pair.of, *row))
                        data.append({"task": task, "method": pair.method, "of": pair.of, **facts})
    columns = ("Task", "Ours", "Instead of", "Policy", "At", "Of steps", "Ours\nreturn", "Beyond the default")
    columns += ("Beyond the best fixed", "Best fixed")
    notes = [
        "The best fixed setting is that of the highest mean by the same measurement, which favours it.",
        "Differences of returns with 95 % intervals; better or worse where the interval excludes 0.",
    ]
    if cut:
        notes.append(
            "Where a fixed setting ran fewer steps, all are compared over these too, at the evaluations that they have "
            "in common: nothing in these methods follows the budget, so the beginning of a longer run is the shorter."
        )
    notes += [
        f"{r.method} ({r.variant or 'the default'}) on {r.task} is left out: it ran {steps(r.budget)} steps, "
        f"{own.method} {steps(own.budget)}, and the one is not the beginning of the other."
        for own, r in left_out
    ]
    notes += [*refused, *few_seeds(rows)]
    return Table(title, columns, tuple(rows), 6, tuple(notes), tuple(data), section_starts([row[0] for row in rows]))


def _other_settings(own: Record, other: Record) -> str:
    """Why another cell is no comparison, whatever their lengths; empty where it is one."""
    changed = unlike([own, other], across=("steps", "warmup", "evaluations"))
    return f"it was made with other settings than {own.method} ({'; '.join(changed)})" if changed else ""


def _common_steps(records: Sequence[Record], budget: int) -> np.ndarray:
    """Steps, up to `budget`, at which all of them were evaluated."""
    found = set.intersection(*(set(record.returns["step"].unique().to_pylist()) for record in records))
    return np.asarray(sorted(step for step in found if step <= budget))


def _row(
    own: Record, default: Record, fixed: Sequence[Record], protocol: str, metric: str, at: np.ndarray
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Ours beside the default and the best of `fixed`, by the evaluations at the steps `at`."""
    read = lambda record, point=0: sample(record, metric, protocol, point, at)
    having = [(r, point) for r in fixed if protocol in protocols(r) for point in range(len(r.points))]
    best, place = max(having, key=lambda entry: read(*entry).values.mean())
    mine = read(own)
    gaps = [
        statistics.difference(mine, read(other, point), shared(own, other))
        for other, point in ((default, 0), (best, place))
    ]
    setting = "the default" if best is default else label(best, place)
    cells = (
        EVALUATED.get(protocol, protocol),
        metric,
        steps(max(at)),
        number(float(mine.values.mean())),
        *map(_verdict, gaps),
        setting,
    )
    facts = {"protocol": protocol, "metric": metric, "steps": max(at), "best": setting}
    return cells, {**facts, "default": gaps[0], "beyond_best": gaps[1]}


def _verdict(gap: Interval) -> str:
    if not gap.decisive:
        return f"{estimate(gap)}\ntoo few seeds"
    return f"{estimate(gap)}\n{'better' if gap.low > 0 else 'worse' if gap.high < 0 else 'not separated'}"
