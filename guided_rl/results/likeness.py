"""Whether cells may be compared: their base settings, those that are nobody's method, must be the same.

A setting is a base setting unless it is listed here, so that one to come is guarded from its first day.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from guided_rl.config import YOUNGER, RunConfig
from guided_rl.results.records import Record

COMPARED = ("task", "method", "guide", "dataset", "hparams", "options", "grid")
"""What a comparison may be about."""
HARMLESS = ("seeds", "first_seed", "physics", "execution")
"""What makes no other experiment: samples, and where it ran."""
BASE = tuple(f.name for f in dataclasses.fields(RunConfig) if f.name not in (*COMPARED, *HARMLESS))


def unlike(records: Sequence[Record], across: Sequence[str] = ()) -> list[str]:
    """`name: one or another` for every base setting in which records differ; a warm-up left to the method is alike.

    Args:
      across: settings in which they may differ.
    """
    found = []
    for name in (name for name in BASE if name not in across):
        values = list(dict.fromkeys(repr(value) for r in records if (value := _setting(r, name)) is not None))
        if len(values) > 1:
            found.append(f"{name} {' or '.join(values)}")
    return found


def by_task(records: Iterable[Record]) -> list[list[Record]]:
    """Records of the same task, whatever data they begin from; each once."""
    found: dict[str, dict[int, Record]] = {}
    for record in records:
        found.setdefault(record.task.partition("/")[0], {})[id(record)] = record
    return [list(group.values()) for group in found.values()]


def _setting(record: Record, name: str) -> Any:
    """None where it is not said, as in records that keep only a part of their settings."""
    if "task" not in record.config:
        return record.config.get(name)
    return record.config.get(name, dict(YOUNGER).get(name))
