"""Building blocks for claims: each returns a pure function from a view of records to an outcome.

Gains are of returns above random, (A − B) / (B − random); a margin is a share of |B − random|, which
exists where B is at random or below it and a gain does not. The learner's own deterministic policy
decides; what the executed mixture says stands in the note, because part of that is the expert.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from guided_rl.reporting import statistics
from guided_rl.reporting.claim_parts import (
    Tasks,
    about,
    above,
    below,
    deciding,
    elsewhere,
    every,
    on_tasks,
    outcome,
    pair_of,
    random_return,
    shifted,
    there_and_absent,
)
from guided_rl.reporting.claims import FAILS, HOLDS, UNDECIDED, Judge, Missing, NotRun, Outcome, View
from guided_rl.reporting.records import POLICY
from guided_rl.reporting.statistics import CONFIDENCE, Interval
from guided_rl.reporting.summaries import protocols, read_elsewhere, sample, shared
from guided_rl.reporting.tables import estimate, number, percent


def mean_gain(method: str, base: str, tasks: Tasks, metric: str, threshold: float) -> Judge:
    """Mean over tasks of (A − B) / B is more than `threshold`.

    "On average" can mean the average of ratios or the ratio of averages; a verdict is given only
    where both readings agree. The value is the average of ratios.
    """

    def judge(view: View) -> Outcome:
        there, absent = there_and_absent(view, (method, base), tasks)
        ratios, averages = _two_gains(view, method, base, there, metric, POLICY)
        verdict, other = above(ratios, threshold), above(averages, threshold)
        notes = [f"ratio of averages {percent(averages)}", ratios.note, absent, view.failed((method, base), there)]
        if verdict != other:
            verdict = UNDECIDED
            notes.insert(0, "the two readings of an average disagree")
        if any("mixture" in protocols(view.record(method, task)) for task in there):
            mixed = _two_gains(view, method, base, there, metric, "mixture")[0]
            notes.append(f"executed mixture {percent(mixed)}")
        notes.append(elsewhere(view, ((method, ""), (base, "")), there, metric))
        return outcome(ratios, UNDECIDED if absent else verdict, notes)

    return judge


def gain_on_each(method: str, base: str, tasks: Tasks, metric: str, threshold: float) -> Judge:
    """(A − B) / B is more than `threshold` on every task; the value is the least gain."""

    def gain(view: View, task: str) -> Interval:
        pair = pair_of(view, method, base, task, metric)
        return shifted(statistics.ratio(*pair, random_return(view, task)), -1.0)

    cells = ((method, ""), (base, ""))
    return on_tasks(cells, tasks, gain, lambda i: above(i, threshold), every, form=percent, metric=metric)


def ratio_about(method: str, base: str, task: str, metric: str, x: float) -> Judge:
    """A / B on one task is about `x`."""

    def ratio(view: View, task: str) -> Interval:
        return statistics.ratio(*pair_of(view, method, base, task, metric), random_return(view, task))

    return on_tasks(((method, ""), (base, "")), [task], ratio, lambda i: about(i, x), every, metric=metric)


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


def beats(
    method: str,
    base: str,
    tasks: Tasks,
    metric: str,
    at_least: int,
    protocol: str = POLICY,
    variants: tuple[str, str] = ("", ""),
) -> Judge:
    """A − B is above zero on `at_least` of the tasks and below it on none.

    Paired by seed only where expert and resets are shared. The value is the least difference.

    Args:
      protocol: how both are evaluated; a method that lacks it, by its own policy.
      variants: of A's cells and of B's.
    """

    def gap(view: View, task: str) -> Interval:
        paired = shared(view.record(method, task, variants[0]), view.record(base, task, variants[1]))
        return statistics.difference(*pair_of(view, method, base, task, metric, protocol, variants), paired)

    def verdict(verdicts: Sequence[str]) -> str:
        if FAILS in verdicts or verdicts.count(HOLDS) + verdicts.count(UNDECIDED) < at_least:
            return FAILS
        return HOLDS if verdicts.count(HOLDS) >= at_least else UNDECIDED

    cells = ((method, variants[0]), (base, variants[1]))
    return on_tasks(cells, tasks, gap, lambda i: above(i, 0.0), verdict, metric=metric)


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

    def verdict(interval: Interval) -> str:
        if not interval.decisive:
            return UNDECIDED
        within = -margin < interval.low and interval.high < margin
        return HOLDS if within else FAILS if interval.low >= margin or interval.high <= -margin else UNDECIDED

    rank = lambda interval: abs(interval.value)
    cells = ((method, ""), (base, ""))
    return on_tasks(cells, tasks, gap, verdict, every, best=True, form=percent, rank=rank, metric=metric)


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
        gaps = [statistics.difference(sample(record, metric, read, p), level) for p in range(len(record.points))]
        verdicts = [above(gap, 0.0) for gap in gaps]
        worst = min(deciding(dict(enumerate(verdicts)), every(verdicts)), key=lambda p: gaps[p].value)
        at = ", ".join(f"{name} {value:g}" for name, value in record.points[worst].items())
        notes = [f"worst at {at}", gaps[worst].note]
        notes.append(read_elsewhere([record, view.record(base, task, base_variant)], metric))
        return outcome(gaps[worst], every(verdicts), notes)

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
        there, absent = there_and_absent(view, (method, base), tasks)
        a, b = ([view.sample(m, task, metric) for task in there] for m in (method, base))
        interval = statistics.spread_ratio(a, b)
        notes = [interval.note, absent, view.failed((method, base), there)]
        notes.append(elsewhere(view, ((method, ""), (base, "")), there, metric))
        return outcome(interval, UNDECIDED if absent else below(interval, 1.0), notes)

    return judge


def exceeds_expert(method: str, tasks: Tasks, metric: str = "final") -> Judge:
    """The learner's own policy ends above the expert that advised it, on at least one task.

    Each seed is compared with its own expert's return. The level is raised to 1 − 5 % / tasks,
    because one success among several chances is asked for. The value is the greatest surplus.
    """
    confidence = 1 - (1 - CONFIDENCE) / len(tasks)

    def surplus(view: View, task: str) -> Interval:
        record = view.record(method, task)
        if not record.experts:
            raise Missing(f"{method} on {task} names no expert")
        own = view.sample(method, task, metric)
        returns = np.asarray([expert.episode_return for expert in record.experts])[own.seeds % len(record.experts)]
        return statistics.mean_interval(own.map(lambda values: values - returns), confidence)

    def verdict(verdicts: Sequence[str]) -> str:
        return HOLDS if HOLDS in verdicts else FAILS if set(verdicts) == {FAILS} else UNDECIDED

    return on_tasks(((method, ""),), tasks, surplus, lambda i: above(i, 0.0), verdict, best=True, metric=metric)


def reaches_expert(method: str, tasks: Tasks, metric: str, share: float, at_least: int) -> Judge:
    """The return above random is more than `share` of the expert's on `at_least` tasks; the value is that task's.

    Compared is the task's reference expert, the best of those registered.
    """

    def surplus(view: View, task: str) -> Interval:
        return statistics.mean_interval(view.sample(method, task, metric).map(view.scale(task).share))

    def judge(view: View) -> Outcome:
        there, absent = there_and_absent(view, (method,), tasks)
        found = {task: surplus(view, task) for task in there}
        best = sorted(found, key=lambda task: -found[task].value)
        verdicts = [above(found[task], share) for task in best]
        possible = len(verdicts) - verdicts.count(FAILS)
        verdict = HOLDS if verdicts.count(HOLDS) >= at_least else FAILS if possible < at_least else UNDECIDED
        notes = ["; ".join(f"{task} {percent(i)}" for task, i in found.items()), absent, view.failed((method,), there)]
        notes.append(elsewhere(view, ((method, ""),), there, metric))
        shown = found[best[min(at_least, len(best)) - 1]]
        return outcome(shown, UNDECIDED if absent else verdict, notes)

    return judge


def beats_variants(method: str, variants: Sequence[str], tasks: Tasks, metric: str) -> Judge:
    """The main cell is above each variant of the same method, on every task; the value is the least difference."""

    def judge(view: View) -> Outcome:
        found = {}
        for task in tasks:
            main = view.record(method, task)
            for variant in variants:
                other = view.record(method, task, variant)
                pair = sample(main, metric), sample(other, metric)
                found[f"{task} {variant}"] = statistics.difference(*pair, shared(main, other))
        verdicts = {name: above(interval, 0.0) for name, interval in found.items()}
        verdict = every(list(verdicts.values()))
        least = min(deciding(verdicts, verdict), key=lambda name: np.nan_to_num(found[name].value, nan=-np.inf))
        notes = ["; ".join(f"{name} {estimate(i)}" for name, i in found.items())]
        cells = [(method, variant) for variant in ("", *variants)]
        return outcome(found[least], verdict, [*notes, elsewhere(view, cells, tasks, metric)])

    return judge


def _two_gains(view: View, method: str, base: str, tasks: Tasks, metric: str, protocol: str):
    """Average of ratios and ratio of averages over tasks, each less one."""
    a = [view.sample(method, task, metric, protocol) for task in tasks]
    b = [view.sample(base, task, metric) for task in tasks]
    random = [random_return(view, task) for task in tasks]
    both = (statistics.mean_of_ratios(a, b, random), statistics.ratio_of_means(a, b, random))
    return tuple(shifted(interval, -1.0) for interval in both)
