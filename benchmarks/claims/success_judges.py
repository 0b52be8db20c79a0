"""Judges for tasks that are solved or not: steps until a learner succeeds, and what its groups of roll-outs were.

Success is that of the policy as it acts in training, protocol `sampled`: the share of evaluation episodes that return
1. A seed has solved the task at the first evaluation where that is at least `LEVEL`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from benchmarks.claims.judge_parts import Tasks, covered, on_tasks, outcome
from benchmarks.claims.ledger import Judge, Missing, Outcome, View
from guided_rl.results import statistics
from guided_rl.results.records import Record
from guided_rl.results.statistics import Interval, Sample
from guided_rl.results.summaries import Curves, curves, steps_to, training_curves
from guided_rl.results.tables import percent
from guided_rl.results.verdicts import above, below, every, most_and_none_reversed, some

LEVEL, SAMPLED, GROUPS = 0.9, "sampled", "groups"
MOST, NONE = 0.5, 0.05  # of the seeds: more than this is "solves", less than this is "solves no seed"


def solving_steps(record: Record, unsolved: float = np.inf) -> Sample:
    """Environment steps until each seed has solved the task; `unsolved` budgets where it has not."""
    curve = curves(record, SAMPLED)
    found = steps_to(curve, LEVEL)
    return Sample(np.where(np.isfinite(found), found, unsolved * record.budget), curve.seeds)


def solved(record: Record) -> Sample:
    """1 for each seed that has solved the task within the budget, 0 for the others."""
    return solving_steps(record).map(lambda steps: np.isfinite(steps).astype(float))


def faster(method: str, base: str, tasks: Tasks, most: float) -> Judge:
    """Mean steps to solve are at most the share `most` of the base's, on every task; the value is the largest share.

    What was not solved counts against the claim both ways: as one budget of the base's, as 1 / `most` of the method's.
    """

    def share(view: View, task: str) -> Interval:
        a, b = view.record(method, task), view.record(base, task)
        found = statistics.ratio(solving_steps(a, 1.0 / most), solving_steps(b, 1.0), 0.0)
        return _with_note(found, f"{_told(a)}, {_told(b)}")

    cells = ((method, ""), (base, ""))
    return on_tasks(cells, tasks, share, lambda i: below(i, most), every, best=True)


def fewer_steps(method: str, base: str, tasks: Tasks, at_least: int) -> Judge:
    """Mean steps to solve are fewer than the base's on `at_least` of the tasks, and more on none.

    What was not solved counts as one budget. The value is the largest difference.
    """

    def gap(view: View, task: str) -> Interval:
        a, b = view.record(method, task), view.record(base, task)
        found = statistics.difference(solving_steps(a, 1.0), solving_steps(b, 1.0))
        return _with_note(found, f"{_told(a)}, {_told(b)}")

    cells = ((method, ""), (base, ""))
    combine = lambda found: most_and_none_reversed(min(at_least, len(found)), found)
    return on_tasks(cells, tasks, gap, lambda i: below(i, 0.0), combine, best=True)


def solves_alone(method: str, bases: Sequence[str], tasks: Tasks) -> Judge:
    """On at least one task the method solves most seeds, and none of the bases solves any.

    The value is the method's share of solved seeds where it stands out most.
    """

    def judge(view: View) -> Outcome:
        found = covered(view, (method, *bases), tasks)
        shares = {
            task: {name: statistics.mean_interval(solved(view.record(name, task))) for name in (method, *bases)}
            for task in found.there
        }

        def of_task(intervals: Sequence[Interval]):
            return every([above(intervals[0], MOST), *(below(i, NONE) for i in intervals[1:])])

        parts = [list(shares[task].values()) for task in found.there]
        count = len(bases) + 1
        rule = lambda flat: some([of_task(flat[i : i + count]) for i in range(0, len(flat), count)])
        lead = lambda task: shares[task][method].value - max(shares[task][base].value for base in bases)
        best = max(found.there, key=lead)
        told = "; ".join(
            f"{t}: " + ", ".join(f"{n} {in_percent(i)}" for n, i in shares[t].items()) for t in found.there
        )
        return outcome(shares[best][method], rule, [i for part in parts for i in part], found, [told], percent)

    return judge


def never_solves(method: str, task: str, other: str) -> Judge:
    """The method solves no seed of a task that the other solves; the value is the method's share of solved seeds."""

    def judge(view: View) -> Outcome:
        found = covered(view, (method, other), [task])
        one, two = (statistics.mean_interval(solved(view.record(name, task))) for name in (method, other))
        rule = lambda intervals: every([below(intervals[0], NONE), above(intervals[1], MOST)])
        return outcome(one, rule, [one, two], found, [f"{other} {in_percent(two)}"], percent)

    return judge


def share_below(method: str, tasks: Tasks, metric: str, most: float) -> Judge:
    """The mean of a training metric over all groups is less than `most` on every task; the value is the largest."""

    def mean(view: View, task: str) -> Interval:
        return statistics.mean_interval(over_groups(view.record(method, task), metric))

    return on_tasks(((method, ""),), tasks, mean, lambda i: below(i, most), every, best=True)


def falls(method: str, tasks: Tasks, part: str, count: str, at_least: int) -> Judge:
    """Σ part / Σ count is smaller over the second half of what a seed counted than over the first.

    On `at_least` of the tasks, and larger on none; the value is the largest change.
    """

    def change(view: View, task: str) -> Interval:
        return statistics.mean_interval(second_half_less_first(view.record(method, task), part, count))

    combine = lambda found: most_and_none_reversed(min(at_least, len(found)), found)
    return on_tasks(((method, ""),), tasks, change, lambda i: below(i, 0.0), combine, best=True)


def metric_beats(
    method: str, base: str, tasks: Tasks, metric: str, share: float, at_least: int, variants: tuple[str, str] = ("", "")
) -> Judge:
    """A training metric at a share of the budget is above the base's on `at_least` tasks, and below it on none."""

    def gap(view: View, task: str) -> Interval:
        pair = zip((method, base), variants, strict=True)
        a, b = (metric_at(view.record(name, task, variant), metric, share) for name, variant in pair)
        return statistics.difference(a, b)

    cells = ((method, variants[0]), (base, variants[1]))
    combine = lambda found: most_and_none_reversed(min(at_least, len(found)), found)
    return on_tasks(cells, tasks, gap, lambda i: above(i, 0.0), combine)


def pass_at_k_beats(method: str, base: str, tasks: Tasks, k: int, at_least: int) -> Judge:
    """pass@k averaged over all evaluations is above the base's on `at_least` of the tasks, and below it on none."""

    def gap(view: View, task: str) -> Interval:
        a, b = (pass_at_k(view.record(name, task), k) for name in (method, base))
        return statistics.difference(*(Sample(curve.values.mean(1), curve.seeds) for curve in (a, b)))

    cells = ((method, ""), (base, ""))
    combine = lambda found: most_and_none_reversed(min(at_least, len(found)), found)
    return on_tasks(cells, tasks, gap, lambda i: above(i, 0.0), combine)


def pass_at_k(record: Record, k: int) -> Curves:
    """The chance that one of k sampled episodes succeeds, for each seed and evaluation.

    1 - C(n - c, k) / C(n, k) with c successes of n episodes (Chen et al. 2021, arXiv 2107.03374, equation 1).

    Raises:
      Missing: fewer than k episodes were played.
    """
    share = curves(record, SAMPLED)
    n = int(record.config["episodes"])
    if n < k:
        raise Missing(f"{record.method} on {record.task} played {n} episodes an evaluation, fewer than {k}")
    failures = n - np.rint(share.values * n)
    left = np.arange(k)
    none = np.prod(np.maximum(failures[..., None] - left, 0.0) / (n - left), axis=-1)
    return Curves(share.seeds, share.steps, 1.0 - none, share.failed)


def over_groups(record: Record, metric: str) -> Sample:
    """Mean of a training metric over all groups of each seed."""
    value, groups = _with_counts(record, metric)
    return Sample((value.values * groups).sum(1) / groups.sum(1), value.seeds)


def metric_at(record: Record, metric: str, share: float) -> Sample:
    """A training metric of each seed over the interval that ends nearest to a share of the budget."""
    curve = training_curves(record, metric)
    at = np.abs(curve.steps - share * record.budget).argmin()
    return Sample(curve.values[:, at], curve.seeds)


def second_half_less_first(record: Record, part: str, count: str) -> Sample:
    """Σ part / Σ count over the second half of what each seed counted, less the same over the first half.

    Raises:
      Missing: a seed counted less than twice.
    """
    (parts, groups), (counts, _) = _with_counts(record, part), _with_counts(record, count)
    totals, numbers = parts.values * groups, counts.values * groups
    changes = []
    for total, number in zip(totals, numbers, strict=True):
        first = np.cumsum(number) <= number.sum() / 2
        if not (number[first].sum() > 0 and number[~first].sum() > 0):
            raise Missing(f"{record.method} on {record.task}: a seed has too few groups with {count}")
        changes.append(total[~first].sum() / number[~first].sum() - total[first].sum() / number[first].sum())
    return Sample(np.array(changes), parts.seeds)


def _with_counts(record: Record, metric: str) -> tuple[Curves, np.ndarray]:
    return training_curves(record, metric), training_curves(record, GROUPS).values


def _told(record: Record) -> str:
    found = solved(record)
    return f"{record.method} solved {int(found.values.sum())} of {found.n} seeds"


def _with_note(interval: Interval, note: str) -> Interval:
    return dataclasses.replace(interval, note="; ".join(part for part in (note, interval.note) if part))


def in_percent(interval: Interval) -> str:
    """A share of seeds, in words."""
    return f"{100 * interval.value:.0f} %"
