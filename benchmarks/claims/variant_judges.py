"""Building blocks for claims about a method beside variants of itself, such as other fixed hyper-parameters."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from benchmarks.claims.judge_parts import Tasks, covered, decisive_task, elsewhere, on_tasks, outcome, random_return
from benchmarks.claims.ledger import Judge, Missing, Outcome, View
from guided_rl.results import statistics
from guided_rl.results.statistics import Interval, Sample
from guided_rl.results.summaries import shared
from guided_rl.results.tables import estimate
from guided_rl.results.verdicts import above, every


def not_worse_than_variants(method: str, variants: Sequence[str], tasks: Tasks, metric: str, margin: float) -> Judge:
    """The main cell is within `margin` · |variant − random| of each variant of its method, and so of the best, on
    every task; the value is the least room left.
    """

    def room(view: View, task: str, variant: str) -> Interval:
        a, b = view.sample(method, task, metric), view.sample(method, task, metric, variant=variant)
        paired = shared(view.record(method, task), view.record(method, task, variant))
        return statistics.room(a, b, random_return(view, task), margin, paired)

    def judge(view: View) -> Outcome:
        cells = [(method, variant) for variant in ("", *variants)]
        found = covered(view, [method for _ in cells], tasks, [variant for _, variant in cells])
        left = {(task, variant): room(view, task, variant) for task in found.there for variant in variants}
        verdict = lambda interval: above(interval, 0.0)
        least = decisive_task(left, verdict, every)
        notes = ["; ".join(f"{task} {variant} {estimate(i)}" for (task, variant), i in left.items())]
        notes.append(elsewhere(view, cells, found.there, metric))
        rule = lambda intervals: every([verdict(interval) for interval in intervals])
        return outcome(left[least], rule, list(left.values()), found, notes)

    return judge


def beats_mean_of_variants(method: str, variants: Sequence[str], tasks: Tasks, metric: str) -> Judge:
    """The main cell is above the mean of the variants of its method, seed by seed, on every task."""

    def gap(view: View, task: str) -> Interval:
        main = view.record(method, task)
        others = [view.record(method, task, variant) for variant in variants]
        if not all(shared(main, other) for other in others):
            raise Missing(f"the variants of {method} on {task} share no seeds with its main cell")
        own, *rest = (view.sample(method, task, metric, variant=variant) for variant in ("", *variants))
        return statistics.mean_interval(own.minus(_mean_of(rest)))

    cells = [(method, variant) for variant in ("", *variants)]
    return on_tasks(cells, tasks, gap, lambda i: above(i, 0.0), every, metric=metric)


def _mean_of(samples: Sequence[Sample]) -> Sample:
    """The mean of samples at the seeds that all of them have."""
    seeds = functools.reduce(np.intersect1d, [s.seeds for s in samples])
    alike = [s.at(np.searchsorted(s.seeds, seeds)) for s in samples]
    return dataclasses.replace(alike[0], values=np.mean([s.values for s in alike], axis=0))
