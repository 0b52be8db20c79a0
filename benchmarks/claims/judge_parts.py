"""What the claims' tests are made of: tasks put together, and outcomes with verdict, p-value and seeds needed.

A claim over several tasks is undecided unless all of them were run. Tasks whose experts are not fit
(see `fitness`) are left out and named.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from benchmarks.claims.fitness import unfit
from benchmarks.claims.ledger import MORE_EXPERTS, UNDECIDED, Judge, Missing, NotRun, Outcome, View
from guided_rl.results import power
from guided_rl.results.records import POLICY
from guided_rl.results.statistics import Interval
from guided_rl.results.summaries import read_elsewhere
from guided_rl.results.tables import estimate
from guided_rl.results.verdicts import Evidence, Rule

Tasks = Sequence[str]
Combine = Callable[[Sequence[Evidence]], Evidence]
Form = Callable[[Interval], str]


@dataclasses.dataclass(frozen=True)
class Coverage:
    """The tasks that a claim is judged on.

    Attributes:
      there: were run by every method, with fit experts.
      absent: a phrase about those that were not run. unfit: about those left out for their experts.
    """

    there: list[str]
    absent: str = ""
    unfit: str = ""


def on_tasks(
    cells: Sequence[tuple[str, str]],
    tasks: Tasks,
    measure: Callable[[View, str], Interval],
    verdict: Callable[[Interval], Evidence],
    combine: Combine,
    best: bool = False,
    form: Form = estimate,
    rank: Callable[[Interval], float] = lambda interval: interval.value,
    metric: str = "",
) -> Judge:
    """Measure each task apart and combine the verdicts; the value is the worst task's, or the best's, that decides.

    `cells` are the (method, variant) that each task needs; `metric` is what `measure` reads of them.
    """
    methods = [method for method, _ in cells]

    def judge(view: View) -> Outcome:
        found = covered(view, methods, tasks, [variant for _, variant in cells])
        measured = {task: measure(view, task) for task in found.there}
        shown = decisive_task(measured, verdict, combine, best, rank)
        lines = [f"{task} {form(i)}" + (f" ({i.note})" if i.note else "") for task, i in measured.items()]
        notes = ["; ".join(lines) if len(tasks) > 1 else measured[shown].note, view.failed(methods, found.there)]
        notes.append(elsewhere(view, cells, found.there, metric))
        rule = lambda intervals: combine([verdict(interval) for interval in intervals])
        return outcome(measured[shown], rule, list(measured.values()), found, notes, form)

    return judge


def decisive_task(
    measured: Mapping[Hashable, Interval],
    verdict: Callable[[Interval], Evidence],
    combine: Combine,
    best: bool = False,
    rank: Callable[[Interval], float] = lambda interval: interval.value,
) -> Hashable:
    """The worst of those, or the best, whose own verdict is the overall one; of all where none is."""
    found = {name: verdict(interval) for name, interval in measured.items()}
    overall = combine(list(found.values())).verdict
    alike = [name for name, evidence in found.items() if evidence.verdict == overall] or list(found)
    return (max if best else min)(alike, key=lambda name: np.nan_to_num(rank(measured[name]), nan=-np.inf))


def scaled_count(at_least: int, judged: int, asked: int) -> int:
    """How many of the judged tasks stand for `at_least` of those asked for, where some were left out; all at most."""
    return min(judged, math.ceil(at_least * judged / asked))


def covered(view: View, methods: Sequence[str], tasks: Tasks, variants: Sequence[str] = ()) -> Coverage:
    """On which tasks every method, in its variant, was run with fit experts.

    Raises:
      Missing: on none.
    """
    cells = list(itertools.zip_longest(methods, variants, fillvalue=""))
    ran = [task for task in tasks if all(view.find(method, task, variant) for method, variant in cells)]
    if not ran:
        raise NotRun(f"no cells of {' and '.join(methods)} on {' or '.join(tasks)}")
    reasons = {task: unfit(view.find(method, task, variant) for method, variant in cells) for task in ran}
    left_out = "; ".join(reason for reason in reasons.values() if reason)
    there = [task for task in ran if not reasons[task]]
    if not there:
        raise Missing(f"no task has fit experts: {left_out}")
    absent = [task for task in tasks if task not in ran]
    said = f"not run on {', '.join(absent)}" if absent else ""
    return Coverage(there, said, f"left out for their experts: {left_out}" if left_out else "")


def elsewhere(view: View, cells: Sequence[tuple[str, str]], tasks: Tasks, metric: str) -> str:
    """A phrase about the share of the budget at which these cells were read, where it is not the metric's."""
    return read_elsewhere([view.record(method, task, variant) for task in tasks for method, variant in cells], metric)


def pair_of(view: View, method: str, base: str, task: str, metric: str, protocol: str = POLICY, variants=("", "")):
    pair = zip((method, base), variants, strict=True)
    return tuple(view.sample(m, task, metric, protocol, variant) for m, variant in pair)


def random_return(view: View, task: str) -> float:
    return view.scale(task).random


def shifted(interval: Interval, by: float) -> Interval:
    return dataclasses.replace(interval, value=interval.value + by, low=interval.low + by, high=interval.high + by)


def outcome(
    shown: Interval,
    rule: Rule,
    intervals: Sequence[Interval],
    coverage: Coverage | None = None,
    notes: Sequence[str] = (),
    form: Form = estimate,
) -> Outcome:
    """What `rule` makes of the intervals that a claim rests on; `shown` is the one that stands for it."""
    evidence, coverage = rule(intervals), coverage or Coverage([])
    seeds, verdict, why = power.seeds_needed(rule, intervals), evidence.verdict, ""
    tested = any(interval.decisive for interval in intervals) and not coverage.absent
    if coverage.absent:
        verdict = UNDECIDED
    elif tested and verdict == UNDECIDED:
        verdict, why = _undecided(rule, intervals, seeds, form)
    said = "; ".join(note for note in (why, *notes, coverage.absent, coverage.unfit) if note)
    value = shown.value if np.isfinite(shown.value) else None
    return Outcome(value, shown, verdict, said, evidence.p if tested else None, seeds=seeds)


def _undecided(rule: Rule, intervals: Sequence[Interval], seeds: int | None, form: Form) -> tuple[str, str]:
    """The verdict where the seeds so far decide nothing, and what would."""
    if seeds is not None:
        return UNDECIDED, f"a verdict needs some {seeds:,} seeds at this effect and spread"
    if not power.never(rule, intervals):
        return UNDECIDED, f"no verdict with {power.MOST:,} seeds at this effect and spread"
    widest = max((i for i in intervals if i.between > 0), key=power.floor)
    floor = form(Interval(power.floor(widest), np.nan, np.nan, widest.n, "none")).lstrip("+")
    return MORE_EXPERTS, (
        f"no number of seeds decides this: with {widest.sources} experts the standard error's floor is {floor}"
    )
