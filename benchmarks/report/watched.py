"""Which cells, methods and tasks a claim is judged from, found while it is judged."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.claims.ledger import Claim, Judge, Outcome, View
from guided_rl.envs import OWN_TASKS, TASKS
from guided_rl.methods import METHODS
from guided_rl.results.records import Record

DEEPEST = 6


@dataclass
class Seen:
    """What the judges of one claim looked for.

    Attributes:
      cells: by preset, the names of the cells that they read.
      names: methods and tasks that they asked for, also those that have no cell.
    """

    cells: dict[str, set[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def add(self, preset: str, method: str, task: str, record: Record | None) -> None:
        self.names |= {method, task}
        if record is not None:
            self.cells.setdefault(preset, set()).add(record.cell)

    def facts(self) -> dict[str, Any]:
        """Plain values, sorted: `methods`, `tasks`, and `cells` by preset."""
        return {
            "methods": sorted(name for name in self.names if name in METHODS),
            "tasks": sorted(name for name in self.names if name not in METHODS),
            "cells": {preset: sorted(names) for preset, names in sorted(self.cells.items())},
        }


@dataclass(frozen=True, eq=False)
class WatchedView(View):
    """A view that notes what is looked for in it."""

    seen: Seen = field(default_factory=Seen, repr=False)

    def find(self, method: str, task: str, variant: str = "") -> Record | None:
        self.seen.add(self.preset, method, task, None)
        found = super().find(method, task, variant)
        self.seen.add(self.preset, method, task, found)
        return found

    def sweep(self, method: str, task: str, variant: str) -> Record | None:
        found = super().sweep(method, task, variant)
        self.seen.add(self.preset, method, task, found)
        return found


def watched(claim: Claim) -> tuple[Claim, Seen]:
    """The claim with judges that note what they look for, and where they note it."""
    judges = [judge for judge in (claim.judge, claim.at_scale) if judge is not None]
    seen = Seen(names={name for judge in judges for name in _names(judge)})
    noted = {name: _noting(getattr(claim, name), seen) for name in ("judge", "at_scale") if getattr(claim, name)}
    return dataclasses.replace(claim, **noted), seen


def _noting(judge: Judge, seen: Seen) -> Judge:
    def noting(view: View) -> Outcome:
        fields = {f.name: getattr(view, f.name) for f in dataclasses.fields(View)}
        return judge(WatchedView(**fields, seen=seen))

    return noting


def _names(judge: Any) -> Iterator[str]:
    """Methods and tasks among the values that a judge was made with: it may stop before it asks for all of them."""
    for text in _texts(judge, 0):
        if text in METHODS or text.partition("/")[0] in (*TASKS, *OWN_TASKS):
            yield text


def _texts(value: Any, depth: int) -> Iterator[str]:
    """Every text in a value, in collections, and in the values that a function was made with."""
    if isinstance(value, str):
        yield value
    elif depth < DEEPEST:
        inside: Iterable[Any] = ()
        if isinstance(value, dict):
            inside = (*value, *value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            inside = value
        elif inspect.isfunction(value):
            inside = inspect.getclosurevars(value).nonlocals.values()
        for item in inside:
            yield from _texts(item, depth + 1)
