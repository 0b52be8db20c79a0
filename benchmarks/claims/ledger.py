"""The claims ledger: what papers claim, beside what our records say, with a verdict.

A claim is data: a statement, its source, and a pure function from a view of the records to an
outcome (see `claim_tests` for the building blocks). It is judged in three columns that are never
merged: at the paper's scale (preset `paper`); at the paper's steps with narrower networks (`long`);
and as a scaled twin, the same statement at the same fractions of a smaller preset's own budget.
Records of two presets never enter one judgement, nor do cells whose base settings differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from guided_rl.results.likeness import by_task, unlike
from guided_rl.results.records import POLICY, Record
from guided_rl.results.scales import ScaleOf, scale_of
from guided_rl.results.sequential import SeedPlan
from guided_rl.results.statistics import Interval, Sample
from guided_rl.results.summaries import counted, curves, protocols, sample
from guided_rl.results.verdicts import ALPHA, FAILS, HOLDS, UNDECIDED, holm

__all__ = ["ELSEWHERE", "FAILS", "HOLDS", "MORE_EXPERTS", "TESTED", "UNDECIDED", "Claim", "Outcome", "View", "ledger"]

PAPER, LONG = "paper", "long"
MORE_EXPERTS = "needs more experts"
ELSEWHERE, TESTED = "not run at this scale", "by test"


class Missing(Exception):
    """Why a claim cannot be judged from these records, as a phrase."""


class NotRun(Missing):
    """The same, where the reason is that no cell of it was run."""


@dataclass(frozen=True)
class Outcome:
    """What the records say about a claim.

    Attributes:
      value: our number, None where there is none. interval: its interval.
      verdict: one of the six constants; `MORE_EXPERTS` where no number of seeds of these experts decides.
      note: reason, details, both readings.
      p: two-sided p-value of the verdict; None where nothing was tested.
      p_holm: the same, corrected for the number of claims of its paper in its column.
      seeds: per cell, what a verdict needs at the effect and spread on record; None if unknown or too many.
    """

    value: float | None
    interval: Interval | None
    verdict: str
    note: str = ""
    p: float | None = None
    p_holm: float | None = None
    seeds: int | None = None

    @property
    def verdict_holm(self) -> str | None:
        """The verdict that stands after Holm's correction over the paper's claims; None where nothing was tested."""
        if self.p_holm is None:
            return None
        return self.verdict if self.p_holm <= ALPHA or self.verdict == MORE_EXPERTS else UNDECIDED


@dataclass(frozen=True, eq=False)
class View:
    """The records that claims are judged from, all of one table at one preset.

    Attributes:
      looked_at: the cells asked for to be compared, so that `judged` can refuse unlike ones.
    """

    records: tuple[Record, ...]
    preset: str
    scale: ScaleOf = scale_of
    looked_at: list[Record] = field(default_factory=list, repr=False)

    def find(self, method: str, task: str, variant: str = "") -> Record | None:
        """Whether there is a cell of a method on a task; sweeps and other variants are cells of their own."""
        found = [
            r for r in self.records if (r.method, r.task, r.variant) == (method, task, variant) and len(r.points) == 1
        ]
        if len(found) > 1:
            raise Missing(f"{len(found)} cells claim to be {method} on {task}: {', '.join(r.cell for r in found)}")
        return found[0] if found else None

    def sweep(self, method: str, task: str, variant: str) -> Record | None:
        """The cell of this variant whatever its grid, to be compared; the first one where there are several."""
        found = next((r for r in self.records if (r.method, r.task, r.variant) == (method, task, variant)), None)
        self.looked_at.extend([found] if found else [])
        return found

    def record(self, method: str, task: str, variant: str = "") -> Record:
        """The cell that `find` finds, to be compared with others."""
        found = self.find(method, task, variant)
        if found is None:
            raise NotRun(f"no cell of {method} on {task}")
        self.looked_at.append(found)
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
      across: base settings in which the cells that it compares differ on purpose.
      plan: how seeds are added until it is decided.
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
    across: tuple[str, ...] = ()
    plan: SeedPlan = field(default_factory=SeedPlan)

    def __post_init__(self):
        if (self.judge is None) == (self.test is None):
            raise ValueError(f"claim {self.id} needs either a judge or a test")

    @property
    def twin(self) -> str:
        return f"{self.id}~"


@dataclass(frozen=True)
class Row:
    """A claim with its outcome in each of the three columns, None where a column has no records.

    Attributes:
      outcome: at the paper's scale. long: at the paper's steps, narrower networks. twin: of the scaled twin.
    """

    claim: Claim
    outcome: Outcome
    twin: Outcome | None
    long: Outcome | None = None


def ledger(claims: Iterable[Claim], *views: View, paper_networks: bool = False) -> list[Row]:
    """Every claim judged in each column that one of the views belongs to, with Holm's correction in each.

    Args:
      views: one of each preset that has records. paper_networks: whether the table's networks are the
        paper's at every preset, so that preset `long` is the paper's scale.
    """
    at_paper = [view for view in views if view.preset == PAPER or (paper_networks and view.preset == LONG)]
    others = [view for view in views if view not in at_paper]
    at_paper.sort(key=lambda view: view.preset != PAPER)
    long = [view for view in others if view.preset == LONG]
    rows = [_row(claim, at_paper, long, [view for view in others if view not in long]) for claim in claims]
    return _corrected(rows)


def _corrected(rows: Sequence[Row]) -> list[Row]:
    """The rows with Holm's correction over each paper's claims, column by column."""
    found = list(rows)
    for paper in {row.claim.paper for row in rows}:
        mine = [index for index, row in enumerate(rows) if row.claim.paper == paper]
        columns = {c: with_holm([getattr(rows[i], c) for i in mine]) for c in ("outcome", "twin", "long")}
        for place, index in enumerate(mine):
            changes = {column: outcomes[place] for column, outcomes in columns.items()}
            found[index] = dataclasses.replace(rows[index], **changes)
    return found


def with_holm(outcomes: Sequence[Outcome | None]) -> list[Outcome | None]:
    """The outcomes of one paper's claims in one column, with p-values corrected for how many were tested."""
    tested = [index for index, outcome in enumerate(outcomes) if outcome is not None and outcome.p is not None]
    found = list(outcomes)
    for index, adjusted in zip(tested, holm([outcomes[index].p for index in tested]), strict=True):
        found[index] = dataclasses.replace(outcomes[index], p_holm=float(adjusted))
    return found


def judge(claim: Claim, view: View) -> Outcome:
    """The outcome at the view's own scale; undecided, with the reason, where cells are missing."""
    try:
        return judged(claim, claim.judge, view)
    except Missing as reason:
        return Outcome(None, None, UNDECIDED, str(reason))


def judged(claim: Claim, judge: Judge, view: View) -> Outcome:
    """What one of the claim's judges says of a view.

    Raises:
      Missing: cells are missing, or those of one task were made with other base settings.
    """
    view = dataclasses.replace(view, looked_at=[])
    outcome = judge(view)
    for records in by_task(view.looked_at):
        if changed := unlike(records, claim.across):
            raise Missing(f"{records[0].task}: cells were made with other settings: {'; '.join(changed)}")
    return outcome


def _row(claim: Claim, at_paper: Sequence[View], long: Sequence[View], twins: Sequence[View]) -> Row:
    if claim.test is not None:
        return Row(claim, Outcome(None, None, TESTED, claim.test), None)
    narrower = _where_run(claim, claim.judge, long) if long else None
    twin = judge(claim, twins[0]) if twins else None
    return Row(claim, _at_scale(claim, at_paper, [*long, *twins]), twin, narrower)


def _at_scale(claim: Claim, at_paper: Sequence[View], below: Sequence[View]) -> Outcome:
    """The claim itself: from cells at the paper's scale, or smaller presets' that answer it in full."""
    found = _where_run(claim, claim.judge, at_paper) if at_paper else None
    if found is not None and found.verdict != ELSEWHERE:
        return found
    if claim.at_scale is not None and below:
        return _where_run(claim, claim.at_scale, below, ELSEWHERE)
    if found is not None:
        return found
    presets = " and ".join(view.preset for view in below if view.preset != LONG)
    note = f"preset {presets} judges only {claim.twin}" if presets else "no records at the paper's scale"
    return Outcome(None, None, ELSEWHERE, note)


def _where_run(claim: Claim, asked: Judge, views: Sequence[View], otherwise: str = UNDECIDED) -> Outcome:
    """The first view's outcome that has one; else why not, as not run where nothing was."""
    reasons = []
    for view in views:
        try:
            return judged(claim, asked, view)
        except Missing as reason:
            reasons.append(reason)
    verdict = ELSEWHERE if all(isinstance(reason, NotRun) for reason in reasons) else otherwise
    return Outcome(None, None, verdict, str(reasons[0]))
