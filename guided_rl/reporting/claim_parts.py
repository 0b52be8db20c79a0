"""What the claims' tests are made of: verdicts from intervals, tasks put together, outcomes.

A claim over several tasks is undecided unless all of them were run.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from guided_rl.reporting import statistics
from guided_rl.reporting.claims import FAILS, HOLDS, UNDECIDED, Judge, NotRun, Outcome, View
from guided_rl.reporting.records import POLICY
from guided_rl.reporting.statistics import Interval
from guided_rl.reporting.summaries import read_elsewhere
from guided_rl.reporting.tables import estimate

Tasks = Sequence[str]


def above(interval: Interval, threshold: float) -> str:
    """Verdict on "more than `threshold`"."""
    if not interval.decisive:
        return UNDECIDED
    return HOLDS if interval.low > threshold else FAILS if interval.high <= threshold else UNDECIDED


def below(interval: Interval, threshold: float) -> str:
    """Verdict on "less than `threshold`"."""
    if not interval.decisive:
        return UNDECIDED
    return HOLDS if interval.high < threshold else FAILS if interval.low >= threshold else UNDECIDED


def about(interval: Interval, x: float) -> str:
    """Verdict on "about x": the interval contains x and its half-width is at most 25 % of x."""
    if not interval.decisive:
        return UNDECIDED
    if not interval.contains(x):
        return FAILS
    return HOLDS if interval.half_width <= statistics.ABOUT * abs(x) else UNDECIDED


def on_tasks(
    cells: Sequence[tuple[str, str]],
    tasks: Tasks,
    measure: Callable[[View, str], Interval],
    verdict: Callable[[Interval], str],
    combine: Callable[[Sequence[str]], str],
    best: bool = False,
    form: Callable[[Interval], str] = estimate,
    rank: Callable[[Interval], float] = lambda interval: interval.value,
    metric: str = "",
) -> Judge:
    """Measure each task apart and combine the verdicts; the value is the worst task's, or the best's, that decides.

    `cells` are the (method, variant) that each task needs; `metric` is what `measure` reads of them.
    """
    methods = [method for method, _ in cells]

    def judge(view: View) -> Outcome:
        there, absent = there_and_absent(view, methods, tasks, [variant for _, variant in cells])
        found = {task: measure(view, task) for task in there}
        verdicts = {task: verdict(interval) for task, interval in found.items()}
        overall = combine(list(verdicts.values()))
        chosen = (max if best else min)(
            deciding(verdicts, overall), key=lambda task: np.nan_to_num(rank(found[task]), nan=-np.inf)
        )
        lines = [f"{task} {form(i)}" + (f" ({i.note})" if i.note else "") for task, i in found.items()]
        notes = ["; ".join(lines) if len(tasks) > 1 else found[chosen].note, absent, view.failed(methods, there)]
        notes.append(elsewhere(view, cells, there, metric))
        return outcome(found[chosen], UNDECIDED if absent else overall, notes)

    return judge


def every(verdicts: Sequence[str]) -> str:
    return FAILS if FAILS in verdicts else UNDECIDED if UNDECIDED in verdicts else HOLDS


def deciding(verdicts: Mapping[Hashable, str], overall: str) -> list[Hashable]:
    """Those of the overall verdict; all where none is."""
    return [name for name, verdict in verdicts.items() if verdict == overall] or list(verdicts)


def there_and_absent(
    view: View, methods: Sequence[str], tasks: Tasks, variants: Sequence[str] = ()
) -> tuple[list[str], str]:
    """Tasks on which every method, in its variant, was run, and a phrase about the others."""
    cells = list(itertools.zip_longest(methods, variants, fillvalue=""))
    there = [task for task in tasks if all(view.find(method, task, variant) for method, variant in cells)]
    if not there:
        raise NotRun(f"no cells of {' and '.join(methods)} on {' or '.join(tasks)}")
    absent = [task for task in tasks if task not in there]
    return there, f"not run on {', '.join(absent)}" if absent else ""


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


def outcome(interval: Interval, verdict: str, notes: Sequence[str]) -> Outcome:
    value = interval.value if np.isfinite(interval.value) else None
    return Outcome(value, interval, verdict, "; ".join(note for note in notes if note))
