"""The claims ledger: what papers claim, beside what our records say, with a verdict.

A claim is data: a statement, its source, and a pure function from a view of the records to an
outcome (see `claim_tests` for the building blocks). Only preset `paper` judges a claim. Any
other preset judges its scaled twin, the same statement at the same fractions of the preset's own
budget, which stands in a column of its own and is never merged with the claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from guided_rl.reporting.records import POLICY, Record
from guided_rl.reporting.scales import ScaleOf, scale_of
from guided_rl.reporting.statistics import Interval, Sample
from guided_rl.reporting.summaries import counted, curves, protocols, sample

PAPER = "paper"
HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
ELSEWHERE, TESTED = "not run at this scale", "by test"


class Missing(Exception):
    """Why a claim cannot be judged from these records, as a phrase."""


@dataclass(frozen=True)
class Outcome:
    """What the records say about a claim.

    Attributes:
      value: our number, None where there is none. interval: its interval.
      verdict: one of the five constants above. note: reason, details, both readings.
    """

    value: float | None
    interval: Interval | None
    verdict: str
    note: str = ""


@dataclass(frozen=True, eq=False)
class View:
    """The records that claims are judged from, all of one table at one preset."""

    records: tuple[Record, ...]
    preset: str
    scale: ScaleOf = scale_of

    def find(self, method: str, task: str, variant: str = "") -> Record | None:
        """The cell of a method on a task; sweeps and other variants are cells of their own."""
        found = [
            r for r in self.records if (r.method, r.task, r.variant) == (method, task, variant) and len(r.points) == 1
        ]
        if len(found) > 1:
            raise Missing(f"{len(found)} cells claim to be {method} on {task}: {', '.join(r.cell for r in found)}")
        return found[0] if found else None

    def record(self, method: str, task: str, variant: str = "") -> Record:
        found = self.find(method, task, variant)
        if found is None:
            raise Missing(f"no cell of {method} on {task}")
        return found

    def sample(self, method: str, task: str, metric: str, protocol: str = POLICY, variant: str = "") -> Sample:
        """One number per healthy seed; a method without the protocol is read by its own policy."""
        record = self.record(method, task, variant)
        return sample(record, metric, protocol if protocol in protocols(record) else POLICY)

    def counted(self, method: str, task: str, metric: str, variant: str = "") -> Sample:
        """A training count, such as `failures`, summed over the whole run, for every healthy seed."""
        return counted(self.record(method, task, variant), metric)

    def failed(self, methods: Iterable[str], tasks: Iterable[str]) -> str:
        """Seeds that failed in these cells, as a phrase; empty if none did."""
        tasks = list(tasks)
        parts = []
        for method in methods:
            for task in tasks:
                record = self.find(method, task)
                if record is not None and (lost := curves(record).failed):
                    parts.append(f"{method} on {task}: seeds {', '.join(map(str, lost))}")
        return f"left out because they failed: {'; '.join(parts)}" if parts else ""


Judge = Callable[[View], Outcome]


@dataclass(frozen=True)
class Claim:
    """One claim of one paper.

    Attributes:
      id: such as "dai/D1"; its scaled twin is "dai/D1~".
      paper: short name. statement: in plain words. source: who says so, and where it was read.
      metric: what is computed, in words. threshold: what it is held against, in words.
      judge: from records to an outcome; None for a claim about mechanism.
      test: "path::name" of the test that shows a claim about mechanism.
      unit: how the value reads: `gain` (a fraction, shown in per cent), `ratio` or `return`.
      at_scale: for a claim that cells of a smaller preset can answer in full, such as one about
        the paper's first steps: its own judge, which raises `Missing` where they do not.
    """

    id: str
    paper: str
    statement: str
    source: str
    metric: str
    threshold: str
    judge: Judge | None = None
    test: str | None = None
    unit: str = "gain"
    at_scale: Judge | None = None

    def __post_init__(self):
        if (self.judge is None) == (self.test is None):
            raise ValueError(f"claim {self.id} needs either a judge or a test")

    @property
    def twin(self) -> str:
        return f"{self.id}~"


@dataclass(frozen=True)
class Row:
    """A claim with its own outcome and, apart from it, that of its scaled twin."""

    claim: Claim
    outcome: Outcome
    twin: Outcome | None


def ledger(claims: Iterable[Claim], view: View) -> list[Row]:
    """Every claim judged from the records of one preset."""
    return [_row(claim, view) for claim in claims]


def judge(claim: Claim, view: View) -> Outcome:
    """The outcome at the view's own scale; undecided, with the reason, where cells are missing."""
    try:
        return claim.judge(view)
    except Missing as reason:
        return Outcome(None, None, UNDECIDED, str(reason))


def _row(claim: Claim, view: View) -> Row:
    if claim.test is not None:
        return Row(claim, Outcome(None, None, TESTED, claim.test), None)
    if view.preset == PAPER:
        return Row(claim, judge(claim, view), None)
    return Row(claim, _at_scale(claim, view), judge(claim, view))


def _at_scale(claim: Claim, view: View) -> Outcome:
    """The claim itself, from a preset below the paper's: judged where its cells have the paper's scale."""
    if claim.at_scale is not None:
        try:
            return claim.at_scale(view)
        except Missing as reason:
            return Outcome(None, None, ELSEWHERE, str(reason))
    return Outcome(None, None, ELSEWHERE, f"preset {view.preset} judges only {claim.twin}")
