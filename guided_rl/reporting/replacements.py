"""Methods of ours beside what they are to replace: a setting that others fix, at its default and at its best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from guided_rl.reporting import statistics
from guided_rl.reporting.records import Record, find
from guided_rl.reporting.statistics import Interval
from guided_rl.reporting.summaries import protocols, sample, shared
from guided_rl.reporting.summary_tables import EVALUATED, label
from guided_rl.reporting.tables import Table, estimate, few_seeds, number, section_starts

METRICS = ("final", "auc")


@dataclass(frozen=True)
class Replacement:
    """A method of ours and the fixed settings of another that it makes unnecessary.

    Attributes:
      method: ours. of: the method whose main cell is the default setting.
      fixed: variants of `of` with other fixed settings, every grid point of theirs.
    """

    method: str
    of: str
    fixed: tuple[str, ...] = ()


def replacements_table(records: Sequence[Record], ours: Sequence[Replacement], title: str) -> Table:
    """Difference to the default and to the best fixed setting, per task, protocol and measurement."""
    rows, data = [], []
    for task in sorted({record.task for record in records}):
        for pair in ours:
            own, default = (find(records, name, task) for name in (pair.method, pair.of))
            if own is None or default is None:
                continue
            others = [find(records, pair.of, task, variant) for variant in pair.fixed]
            fixed = [(r, point) for r in (default, *others) if r is not None for point in range(len(r.points))]
            fixed = [(r, point) for r, point in fixed if r.budget == own.budget]
            for protocol in (name for name in protocols(own) if name in protocols(default)):
                for metric in METRICS:
                    row, facts = _row(own, default, fixed, protocol, metric)
                    rows.append((task, pair.method, pair.of, *row))
                    data.append({"task": task, "method": pair.method, "of": pair.of, **facts})
    columns = ("Task", "Ours", "Instead of", "Policy", "At", "Ours\nreturn", "Beyond the default")
    columns += ("Beyond the best fixed", "Best fixed")
    notes = [
        "The best fixed setting is that of the highest mean by the same measurement, which favours it.",
        "Differences of returns with 95 % intervals; better or worse where the interval excludes 0.",
        *few_seeds(rows),
    ]
    return Table(title, columns, tuple(rows), 5, tuple(notes), tuple(data), section_starts([row[0] for row in rows]))


def _row(
    own: Record, default: Record, fixed: Sequence[tuple[Record, int]], protocol: str, metric: str
) -> tuple[tuple[str, ...], dict[str, Any]]:
    mine = sample(own, metric, protocol)
    having = [(r, point) for r, point in fixed if protocol in protocols(r)]
    best, at = max(having, key=lambda entry: sample(entry[0], metric, protocol, entry[1]).values.mean())
    gaps = [
        statistics.difference(mine, sample(other, metric, protocol, point), shared(own, other))
        for other, point in ((default, 0), (best, at))
    ]
    setting = "the default" if best is default else label(best, at)
    cells = (
        EVALUATED.get(protocol, protocol),
        metric,
        number(float(mine.values.mean())),
        *map(_verdict, gaps),
        setting,
    )
    facts = {"protocol": protocol, "metric": metric, "best": setting, "default": gaps[0], "beyond_best": gaps[1]}
    return cells, facts


def _verdict(gap: Interval) -> str:
    if not gap.decisive:
        return f"{estimate(gap)}\ntoo few seeds"
    return f"{estimate(gap)}\n{'better' if gap.low > 0 else 'worse' if gap.high < 0 else 'not separated'}"
