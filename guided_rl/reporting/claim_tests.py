"""Building blocks for claims: each returns a pure function from a view of records to an outcome.

Gains are of returns above random, (A − B) / (B − random). The learner's own deterministic policy
decides; what the executed mixture says stands in the note, because part of that is the expert.
A claim over several tasks is undecided unless all of them were run.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from guided_rl.reporting import statistics
from guided_rl.reporting.claims import FAILS, HOLDS, UNDECIDED, Judge, Missing, Outcome, View
from guided_rl.reporting.records import POLICY
from guided_rl.reporting.statistics import CONFIDENCE, Interval
from guided_rl.reporting.summaries import protocols, sample, shared
from guided_rl.reporting.tables import estimate, percent

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


def mean_gain(method: str, base: str, tasks: Tasks, metric: str, threshold: float) -> Judge:
    """Mean over tasks of (A − B) / B is more than `threshold`.

    "On average" can mean the average of ratios or the ratio of averages; a verdict is given only
    where both readings agree. The value is the average of ratios.
    """

    def judge(view: View) -> Outcome:
        there, absent = _there(view, (method, base), tasks)
        ratios, averages = _two_gains(view, method, base, there, metric, POLICY)
        verdict, other = above(ratios, threshold), above(averages, threshold)
        notes = [f"ratio of averages {percent(averages)}", ratios.note, absent, view.failed((method, base), there)]
        if verdict != other:
            verdict = UNDECIDED
            notes.insert(0, "the two readings of an average disagree")
        if any("mixture" in protocols(view.record(method, task)) for task in there):
            mixed = _two_gains(view, method, base, there, metric, "mixture")[0]
            notes.append(f"executed mixture {percent(mixed)}")
        return _outcome(ratios, UNDECIDED if absent else verdict, notes)

    return judge


def gain_on_each(
    method: str, base: str, tasks: Tasks, metric: str, threshold: float, protocol: str = POLICY, variant: str = ""
) -> Judge:
    """(A − B) / B is more than `threshold` on every task; the value is the least gain."""

    def gain(view: View, task: str) -> Interval:
        pair = _pair(view, method, base, task, metric, protocol, (variant, variant))
        return _shift(statistics.ratio(*pair, _random(view, task)), -1.0)

    cells = ((method, variant), (base, variant))
    return _on_tasks(cells, tasks, gain, lambda i: above(i, threshold), _all, form=percent)


def ratio_about(method: str, base: str, task: str, metric: str, x: float) -> Judge:
    """A / B on one task is about `x`."""

    def ratio(view: View, task: str) -> Interval:
        return statistics.ratio(*_pair(view, method, base, task, metric), _random(view, task))

    return _on_tasks(((method, ""), (base, "")), [task], ratio, lambda i: about(i, x), _all)


def not_worse(
    method: str,
    base: str,
    tasks: Tasks,
    metric: str,
    margin: float = 0.05,
    protocol: str = POLICY,
    variant: str = "",
) -> Judge:
    """A is not below B by more than the share `margin` of B, on every task."""
    return gain_on_each(method, base, tasks, metric, -margin, protocol, variant)


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
        return statistics.difference(*_pair(view, method, base, task, metric, protocol, variants), paired)

    def verdict(verdicts: Sequence[str]) -> str:
        if FAILS in verdicts or verdicts.count(HOLDS) + verdicts.count(UNDECIDED) < at_least:
            return FAILS
        return HOLDS if verdicts.count(HOLDS) >= at_least else UNDECIDED

    cells = ((method, variants[0]), (base, variants[1]))
    return _on_tasks(cells, tasks, gap, lambda i: above(i, 0.0), verdict)


def about_equal(method: str, base: str, tasks: Tasks, metric: str, margin: float, protocol: str = POLICY) -> Judge:
    """A differs from B by less than the share `margin` of B above random, on every task.

    The value is the largest |A − B| / |B − random|.
    """

    def gap(view: View, task: str) -> Interval:
        a, b = _pair(view, method, base, task, metric, protocol)
        unit = abs(float(np.mean(b.values)) - _random(view, task))
        if not unit > 0:
            raise Missing(f"{base} on {task} is not above the random policy")
        interval = statistics.difference(a, b)
        scaled = {name: getattr(interval, name) / unit for name in ("value", "low", "high")}
        return dataclasses.replace(interval, **scaled)

    def verdict(interval: Interval) -> str:
        if not interval.decisive:
            return UNDECIDED
        within = -margin < interval.low and interval.high < margin
        return HOLDS if within else FAILS if interval.low >= margin or interval.high <= -margin else UNDECIDED

    rank = lambda interval: abs(interval.value)
    return _on_tasks(((method, ""), (base, "")), tasks, gap, verdict, _all, best=True, form=percent, rank=rank)


def fewer_failures(method: str, base: str, tasks: Tasks, share: float = 1.0, variant: str = "") -> Judge:
    """A fails in training less than `share` times as often as B, on every task; the value is the largest excess."""

    def gap(view: View, task: str) -> Interval:
        a, b = (view.counted(m, task, "failures", variant) for m in (method, base))
        return statistics.difference(a, b.map(lambda counts: share * counts))

    cells = ((method, variant), (base, variant))
    return _on_tasks(cells, tasks, gap, lambda i: below(i, 0.0), _all, best=True)


def worst_point(
    method: str, base: str, task: str, metric: str, variant: str, base_variant: str = "", protocol: str = POLICY
) -> Judge:
    """Each grid point of A's sweep is above B; the value is the difference of the worst point."""

    def judge(view: View) -> Outcome:
        found = [r for r in view.records if (r.method, r.task, r.variant) == (method, task, variant)]
        if not found:
            raise Missing(f"no sweep {variant!r} of {method} on {task}")
        level, record = view.sample(base, task, metric, protocol, base_variant), found[0]
        read = protocol if protocol in protocols(record) else POLICY
        gaps = [statistics.difference(sample(record, metric, read, p), level) for p in range(len(record.points))]
        worst = min(range(len(gaps)), key=lambda p: gaps[p].value)
        at = ", ".join(f"{name} {value:g}" for name, value in record.points[worst].items())
        return _outcome(gaps[worst], _all([above(gap, 0.0) for gap in gaps]), [f"worst at {at}", gaps[worst].note])

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
        there, absent = _there(view, (method, base), tasks)
        a, b = ([view.sample(m, task, metric) for task in there] for m in (method, base))
        interval = statistics.spread_ratio(a, b)
        notes = [interval.note, absent, view.failed((method, base), there)]
        return _outcome(interval, UNDECIDED if absent else below(interval, 1.0), notes)

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

    return _on_tasks(((method, ""),), tasks, surplus, lambda i: above(i, 0.0), verdict, best=True)


def reaches_expert(method: str, tasks: Tasks, metric: str, share: float, at_least: int) -> Judge:
    """The return above random is more than `share` of the expert's on `at_least` tasks; the value is that task's.

    Compared is the task's reference expert, the best of those registered.
    """

    def surplus(view: View, task: str) -> Interval:
        return statistics.mean_interval(view.sample(method, task, metric).map(view.scale(task).share))

    def judge(view: View) -> Outcome:
        there, absent = _there(view, (method,), tasks)
        found = {task: surplus(view, task) for task in there}
        best = sorted(found, key=lambda task: -found[task].value)
        verdicts = [above(found[task], share) for task in best]
        possible = len(verdicts) - verdicts.count(FAILS)
        verdict = HOLDS if verdicts.count(HOLDS) >= at_least else FAILS if possible < at_least else UNDECIDED
        notes = ["; ".join(f"{task} {percent(i)}" for task, i in found.items()), absent, view.failed((method,), there)]
        shown = found[best[min(at_least, len(best)) - 1]]
        return _outcome(shown, UNDECIDED if absent else verdict, notes)

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
        verdict = _all([above(interval, 0.0) for interval in found.values()])
        least = min(found.values(), key=lambda interval: np.nan_to_num(interval.value, nan=-np.inf))
        return _outcome(least, verdict, ["; ".join(f"{name} {estimate(i)}" for name, i in found.items())])

    return judge


def _on_tasks(
    cells: Sequence[tuple[str, str]],
    tasks: Tasks,
    measure: Callable[[View, str], Interval],
    verdict: Callable[[Interval], str],
    combine: Callable[[Sequence[str]], str],
    best: bool = False,
    form: Callable[[Interval], str] = estimate,
    rank: Callable[[Interval], float] = lambda interval: interval.value,
) -> Judge:
    """Measure each task apart and combine the verdicts; the value is the worst task's, or the best's.

    `cells` are the (method, variant) that each task needs.
    """
    methods = [method for method, _ in cells]

    def judge(view: View) -> Outcome:
        there, absent = _there(view, methods, tasks, [variant for _, variant in cells])
        found = {task: measure(view, task) for task in there}
        chosen = (max if best else min)(found, key=lambda task: np.nan_to_num(rank(found[task]), nan=-np.inf))
        lines = [f"{task} {form(i)}" + (f" ({i.note})" if i.note else "") for task, i in found.items()]
        overall = combine([verdict(interval) for interval in found.values()])
        notes = ["; ".join(lines) if len(tasks) > 1 else found[chosen].note, absent, view.failed(methods, there)]
        return _outcome(found[chosen], UNDECIDED if absent else overall, notes)

    return judge


def _all(verdicts: Sequence[str]) -> str:
    return FAILS if FAILS in verdicts else UNDECIDED if UNDECIDED in verdicts else HOLDS


def _there(view: View, methods: Sequence[str], tasks: Tasks, variants: Sequence[str] = ()) -> tuple[list[str], str]:
    """Tasks on which every method, in its variant, was run, and a phrase about the others."""
    cells = list(itertools.zip_longest(methods, variants, fillvalue=""))
    there = [task for task in tasks if all(view.find(method, task, variant) for method, variant in cells)]
    if not there:
        raise Missing(f"no cells of {' and '.join(methods)} on {' or '.join(tasks)}")
    absent = [task for task in tasks if task not in there]
    return there, f"not run on {', '.join(absent)}" if absent else ""


def _two_gains(view: View, method: str, base: str, tasks: Tasks, metric: str, protocol: str):
    """Average of ratios and ratio of averages over tasks, each less one."""
    a = [view.sample(method, task, metric, protocol) for task in tasks]
    b = [view.sample(base, task, metric) for task in tasks]
    random = [_random(view, task) for task in tasks]
    both = (statistics.mean_of_ratios(a, b, random), statistics.ratio_of_means(a, b, random))
    return tuple(_shift(interval, -1.0) for interval in both)


def _pair(view: View, method: str, base: str, task: str, metric: str, protocol: str = POLICY, variants=("", "")):
    pair = zip((method, base), variants, strict=True)
    return tuple(view.sample(m, task, metric, protocol, variant) for m, variant in pair)


def _random(view: View, task: str) -> float:
    return view.scale(task).random


def _shift(interval: Interval, by: float) -> Interval:
    return dataclasses.replace(interval, value=interval.value + by, low=interval.low + by, high=interval.high + by)


def _outcome(interval: Interval, verdict: str, notes: Sequence[str]) -> Outcome:
    value = interval.value if np.isfinite(interval.value) else None
    return Outcome(value, interval, verdict, "; ".join(note for note in notes if note))
