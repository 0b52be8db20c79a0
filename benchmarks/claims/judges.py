"""Building blocks for claims: each returns a pure function from a view of records to an outcome.

Gains are of returns above random, (A − B) / (B − random); a margin is a share of |B − random|, which
exists where B is at random or below it and a gain does not. The learner's own deterministic policy
decides; what the executed mixture says stands in the note, because part of that is the expert.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from benchmarks.claims.judge_parts import (
    Tasks,
    covered,
    decisive_task,
    elsewhere,
    on_tasks,
    outcome,
    pair_of,
    random_return,
    scaled_count,
    shifted,
)
from benchmarks.claims.ledger import Judge, Missing, NotRun, Outcome, View
from guided_rl.results import statistics, verdicts
from guided_rl.results.records import POLICY
from guided_rl.results.statistics import Interval
from guided_rl.results.summaries import protocols, read_elsewhere, sample, shared
from guided_rl.results.tables import estimate, number, percent
from guided_rl.results.verdicts import above, agreeing, below, every, most_and_none_reversed, some, within


def mean_gain(method: str, base: str, tasks: Tasks, metric: str, threshold: float) -> Judge:
    """Mean over tasks of (A − B) / B is more than `threshold`.

    "On average" can mean the average of ratios or the ratio of averages; a verdict is given only
    where both readings agree. The value is the average of ratios.
    """

    def rule(readings: Sequence[Interval]):
        return agreeing([above(reading, threshold) for reading in readings])

    def judge(view: View) -> Outcome:
        found = covered(view, (method, base), tasks)
        ratios, averages = _two_gains(view, method, base, found.there, metric, POLICY)
        notes = [f"ratio of averages {percent(averages)}", ratios.note, view.failed((method, base), found.there)]
        if above(ratios, threshold).verdict != above(averages, threshold).verdict:
            notes.insert(0, "the two readings of an average disagree")
        if any("mixture" in protocols(view.record(method, task)) for task in found.there):
            mixed = _two_gains(view, method, base, found.there, metric, "mixture")[0]
            notes.append(f"executed mixture {percent(mixed)}")
        notes.append(elsewhere(view, ((method, ""), (base, "")), found.there, metric))
        return outcome(ratios, rule, (ratios, averages), found, notes, percent)

    return judge


def gain_on_each(method: str, base: str, tasks: Tasks, metric: str, threshold: float) -> Judge:
    """(A − B) / B is more than `threshold` on every task; the value is the least gain."""

    def gain(view: View, task: str) -> Interval:
        pair = pair_of(view, method, base, task, metric)
        return shifted(statistics.ratio(*pair, random_return(view, task)), -1.0)

    cells = ((method, ""), (base, ""))
    return on_tasks(cells, tasks, gain, lambda i: above(i, threshold), every, form=percent, metric=metric)


def ratio_above(method: str, base: str, task: str, metric: str, threshold: float) -> Judge:
    """A / B on one task is more than `threshold`."""

    def ratio(view: View, task: str) -> Interval:
        return statistics.ratio(*pair_of(view, method, base, task, metric), random_return(view, task))

    cells = ((method, ""), (base, ""))
    return on_tasks(cells, [task], ratio, lambda i: above(i, threshold), every, metric=metric)


def not_worse(
    method: str,
    base: str,
    tasks: Tasks,
    metric: str,
    margin: float = 0.05,
    protocol: str = POLICY,
    variant: str = "",
) -> Judge:
    """A − B + `margin` · |B − random| is above zero on every task; the value is the least of them, in returns."""

    def left(view: View, task: str) -> Interval:
        a, b = pair_of(view, method, base, task, metric, protocol, (variant, variant))
        paired = shared(*(view.record(m, task, variant) for m in (method, base)))
        floor = random_return(view, task)
        found = statistics.room(a, b, floor, margin, paired)
        levels = {method: np.mean(a.values), base: np.mean(b.values), "random": floor}
        note = ", ".join(f"{name} {number(float(value))}" for name, value in levels.items())
        return dataclasses.replace(found, note="; ".join(part for part in (note, found.note) if part))

    cells = ((method, variant), (base, variant))
    return on_tasks(cells, tasks, left, lambda i: above(i, 0.0), every, metric=metric)


def not_worse_on_average(method: str, base: str, tasks: Tasks, metric: str, margin: float = 0.25) -> Judge:
    """The mean over tasks of A − B + `margin` · |B − random| is above zero, in normalised returns.

    Pooling makes a margin decidable that single tasks with few experts are not, and an average may hide a task
    that lost: the note has them all.
    """

    def room(view: View, there: Sequence[str]) -> Interval:
        scales = [view.scale(task) for task in there]
        a, b = (
            [view.sample(m, t, metric).map(s.normalise) for t, s in zip(there, scales, strict=True)]
            for m in (method, base)
        )
        return statistics.pooled_room(a, b, [float(s.normalise(s.random)) for s in scales], margin)

    def judge(view: View) -> Outcome:
        found = covered(view, (method, base), tasks)
        pooled = room(view, found.there)
        each = "; ".join(f"{task} {estimate(room(view, [task]))}" for task in found.there)
        notes = [each, pooled.note, view.failed((method, base), found.there)]
        notes.append(elsewhere(view, ((method, ""), (base, "")), found.there, metric))
        return outcome(pooled, lambda intervals: above(intervals[0], 0.0), [pooled], found, notes)

    return judge


def beats(
    method: str,
    base: str,
    tasks: Tasks,
    metric: str,
    at_least: int,
    protocol: str = POLICY,
    variants: tuple[str, str] = ("", ""),
) -> Judge:
    """A − B is above zero on `at_least` of the tasks, or as large a share of those judged, and below it on none.

    Paired by seed only where expert and resets are shared. The value is the least difference.

    Args:
      protocol: how both are evaluated; a method that lacks it, by its own policy.
      variants: of A's cells and of B's.
    """

    def gap(view: View, task: str) -> Interval:
        paired = shared(view.record(method, task, variants[0]), view.record(base, task, variants[1]))
        return statistics.difference(*pair_of(view, method, base, task, metric, protocol, variants), paired)

    def combine(found):
        return most_and_none_reversed(scaled_count(at_least, len(found), len(tasks)), found)

    cells = ((method, variants[0]), (base, variants[1]))
    return on_tasks(cells, tasks, gap, lambda i: above(i, 0.0), combine, metric=metric)


def about_equal(method: str, base: str, tasks: Tasks, metric: str, margin: float, protocol: str = POLICY) -> Judge:
    """A differs from B by less than the share `margin` of B above random, on every task; paired as in `beats`.

    The value is the largest |A − B| / |B − random|.
    """

    def gap(view: View, task: str) -> Interval:
        a, b = pair_of(view, method, base, task, metric, protocol)
        unit = abs(float(np.mean(b.values)) - random_return(view, task))
        if not unit > 0:
            raise Missing(f"{base} on {task} is not above the random policy")
        interval = statistics.difference(a, b, shared(view.record(method, task), view.record(base, task)))
        scaled = {name: getattr(interval, name) / unit for name in ("value", "low", "high")}
        return dataclasses.replace(interval, **scaled)

    rank = lambda interval: abs(interval.value)
    cells = ((method, ""), (base, ""))
    return on_tasks(cells, tasks, gap, lambda i: within(i, margin), every, True, percent, rank, metric)


def fewer_failures(method: str, base: str, tasks: Tasks, share: float = 1.0, variant: str = "") -> Judge:
    """A fails in training less than `share` times as often as B, on every task; the value is the largest excess."""

    def gap(view: View, task: str) -> Interval:
        a, b = (view.counted(m, task, "failures", variant) for m in (method, base))
        return statistics.difference(a, b.map(lambda counts: share * counts))

    cells = ((method, variant), (base, variant))
    return on_tasks(cells, tasks, gap, lambda i: below(i, 0.0), every, best=True)


def worst_point(
    method: str, base: str, task: str, metric: str, variant: str, base_variant: str = "", protocol: str = POLICY
) -> Judge:
    """Each grid point of A's sweep is above B; the value is the difference of the worst point that decides."""

    def judge(view: View) -> Outcome:
        record = view.sweep(method, task, variant)
        if record is None:
            raise NotRun(f"no sweep {variant!r} of {method} on {task}")
        level = view.sample(base, task, metric, protocol, base_variant)
        read = protocol if protocol in protocols(record) else POLICY
        gaps = {
            number: statistics.difference(sample(record, metric, read, number), level)
            for number in range(len(record.points))
        }
        verdict = lambda interval: above(interval, 0.0)
        worst = decisive_task(gaps, verdict, every)
        at = ", ".join(f"{name} {value:g}" for name, value in record.points[worst].items())
        notes = [f"worst at {at}", gaps[worst].note]
        notes.append(read_elsewhere([record, view.record(base, task, base_variant)], metric))
        rule = lambda intervals: every([verdict(interval) for interval in intervals])
        return outcome(gaps[worst], rule, list(gaps.values()), notes=notes)

    return judge


def at_full_steps(judge: Judge, cells: Sequence[tuple[str, str, str]], least: int) -> Judge:
    """`judge`, where the (method, task, variant) cells it reads ran for at least `least` steps each."""

    def whole(view: View) -> Outcome:
        for method, task, variant in cells:
            budget = view.record(method, task, variant).budget
            if budget < least:
                raise Missing(f"{method} on {task} ran {budget:,} steps, fewer than {least:,}")
        return judge(view)

    return whole


def smaller_spread(method: str, base: str, tasks: Tasks, metric: str) -> Judge:
    """The standard deviation across seeds is smaller: geometric mean over tasks of std A / std B."""

    def judge(view: View) -> Outcome:
        found = covered(view, (method, base), tasks)
        a, b = ([view.sample(m, task, metric) for task in found.there] for m in (method, base))
        interval = statistics.spread_ratio(a, b)
        notes = [interval.note, view.failed((method, base), found.there)]
        notes.append(elsewhere(view, ((method, ""), (base, "")), found.there, metric))
        return outcome(interval, lambda intervals: below(intervals[0], 1.0), [interval], found, notes)

    return judge


def exceeds_expert(method: str, tasks: Tasks, metric: str = "final") -> Judge:
    """The learner's own policy ends above the expert that advised it, on at least one task.

    Each seed is compared with its own expert's return. The value is the greatest surplus.
    """

    def surplus(view: View, task: str) -> Interval:
        record = view.record(method, task)
        if not record.experts:
            raise Missing(f"{method} on {task} names no expert")
        own = view.sample(method, task, metric)
        returns = np.asarray([expert.episode_return for expert in record.experts])[own.seeds % len(record.experts)]
        return statistics.mean_interval(own.map(lambda values: values - returns))

    return on_tasks(((method, ""),), tasks, surplus, lambda i: above(i, 0.0), some, best=True, metric=metric)


def reaches_expert(method: str, tasks: Tasks, metric: str, share: float, at_least: int) -> Judge:
    """The return above random is more than `share` of the expert's on `at_least` tasks, or as large a share of them.

    Compared is the task's reference expert, the best of those registered. The value is the task's at that place.
    """

    def surplus(view: View, task: str) -> Interval:
        return statistics.mean_interval(view.sample(method, task, metric).map(view.scale(task).share))

    def judge(view: View) -> Outcome:
        found = covered(view, (method,), tasks)
        reached = {task: surplus(view, task) for task in found.there}
        needed = scaled_count(at_least, len(reached), len(tasks))
        rule = lambda intervals: verdicts.at_least(needed, [above(interval, share) for interval in intervals])
        shown = sorted(reached.values(), key=lambda interval: -interval.value)[needed - 1]
        notes = ["; ".join(f"{task} {percent(i)}" for task, i in reached.items()), view.failed((method,), found.there)]
        notes.append(elsewhere(view, ((method, ""),), found.there, metric))
        return outcome(shown, rule, list(reached.values()), found, notes, percent)

    return judge


def _two_gains(view: View, method: str, base: str, tasks: Tasks, metric: str, protocol: str):
    """Average of ratios and ratio of averages over tasks, each less one."""
    a = [view.sample(method, task, metric, protocol) for task in tasks]
    b = [view.sample(base, task, metric) for task in tasks]
    random = [random_return(view, task) for task in tasks]
    both = (statistics.mean_of_ratios(a, b, random), statistics.ratio_of_means(a, b, random))
    return tuple(shifted(interval, -1.0) for interval in both)
