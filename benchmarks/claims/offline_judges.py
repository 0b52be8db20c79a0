"""Building blocks for claims about going from offline to online; scores are normalised.

A task here is `task/dataset`. It counts only where its offline policy is competent, or a method that
builds on that policy would be judged by what it was given: `Gate` says so and why not.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.claims.judge_parts import Coverage, Tasks, decisive_task, outcome
from benchmarks.claims.ledger import Judge, Missing, NotRun, Outcome, View
from guided_rl.results import statistics
from guided_rl.results.records import Record
from guided_rl.results.statistics import CONFIDENCE, LEAST_SEEDS, Interval, Sample
from guided_rl.results.summaries import read_elsewhere, sample, shared
from guided_rl.results.tables import estimate, percent
from guided_rl.results.verdicts import Evidence, above, differs, every, some

Part = tuple[float, str, Sample]
"""A weight, the cell or pair of cells that it weighs, and that one's sample."""


@dataclass(frozen=True)
class Gate:
    """When an offline policy is good enough for what is built on it to be judged.

    Attributes:
      method, variant: the offline cell. share: least part of the behaviour's own normalised score.
      least: task to the least score, where that decides instead. free: datasets without a gate.
    """

    method: str
    variant: str
    share: float = 0.5
    least: Mapping[str, float] = None
    free: Sequence[str] = ("random",)

    def reason(self, view: View, task: str) -> str:
        """Why the task's offline policy is not competent; empty where it is."""
        body, _, dataset = task.partition("/")
        if dataset in self.free:
            return ""
        record = view.find(self.method, task, self.variant)
        if record is None:
            return f"no offline cell of {self.method} on {task}"
        score = float(np.mean(scores(view, record, "final").values))
        if body in (self.least or {}):
            need, why = self.least[body], ""
        else:
            behaviour = view.scale(task).normalise(np.mean([e.episode_return for e in record.experts]))
            need, why = self.share * float(behaviour), f", {self.share:.0%} of its data's own"
        return "" if score >= need else f"offline policy not competent on {task}: {score:.1f} is below {need:.1f}{why}"


def scores(view: View, record: Record, metric: str, point: int = 0) -> Sample:
    """Normalised summary, one per healthy seed."""
    return sample(record, metric, point=point).map(view.scale(record.task).normalise)


def judged(view: View, gate: Gate, tasks: Tasks, methods: Sequence[tuple[str, str]]) -> Coverage:
    """Tasks on which every (method, variant) was run and the offline policy is competent, and what is left out.

    Raises:
      Missing: none is left.
    """
    ran = [task for task in tasks if all(_cell(view, m, task, v) is not None for m, v in methods)]
    reasons = {task: gate.reason(view, task) for task in ran}
    absent = [task for task in tasks if task not in ran]
    there = [task for task in ran if not reasons[task]]
    unfit = "; ".join(reason for reason in reasons.values() if reason)
    said = f"not run on {', '.join(absent)}" if absent else ""
    if not there:
        raise (Missing if ran else NotRun)("; ".join(part for part in (unfit, said) if part))
    return Coverage(there, said, unfit)


def gap(view: View, ours: Record, theirs: Record, metric: str) -> list[Part]:
    """Parts whose weighted means add up to the difference of scores; one of differences where seeds are paired."""
    a, b = (scores(view, record, metric) for record in (ours, theirs))
    if shared(ours, theirs):
        return [(1.0, f"{ours.cell} − {theirs.cell}", a.minus(b))]
    return [(1.0, ours.cell, a), (-1.0, theirs.cell, b)]


def total(parts: Sequence[Part], over: int, confidence: float = CONFIDENCE) -> Interval:
    """Interval of Σ weight · mean / `over`; none where a sample has fewer than ten seeds.

    A cell that stands in several gaps is one sample: it is resampled once, with the sum of its weights.
    """
    samples = {cell: values for _, cell, values in parts}
    weights = [sum(weight for weight, other, _ in parts if other == cell) for cell in samples]

    def statistic(*values, axis):
        return sum(weight * statistics.mean(v, axis) for weight, v in zip(weights, values, strict=True)) / over

    n = min(s.n for s in samples.values())
    if n < LEAST_SEEDS:
        value = float(statistic(*[s.values for s in samples.values()], axis=-1)) if n else np.nan
        return Interval(value, np.nan, np.nan, n, "none", f"{n} seeds, fewer than {LEAST_SEEDS}")
    return statistics.interval(statistic, *samples.values(), confidence=confidence)


def better(method: str, base: str, tasks: Tasks, metric: str, gate: Gate, variant: str = "") -> Judge:
    """Mean over tasks of score(method) − score(base's cell of this variant) is above zero.

    A base that learns without data has one cell per body, which stands for all of its datasets.
    """

    def judge(view: View) -> Outcome:
        found = judged(view, gate, tasks, [(method, ""), (base, variant)])
        cells = {t: (view.record(method, t), _cell(view, base, t, variant)) for t in found.there}
        pairs = {t: gap(view, *both, metric) for t, both in cells.items()}
        each = {t: total(parts, 1) for t, parts in pairs.items()}
        overall = total([part for parts in pairs.values() for part in parts], len(found.there))
        lines = "; ".join(f"{task} {estimate(interval)}" for task, interval in each.items())
        place = read_elsewhere([record for both in cells.values() for record in both], metric)
        notes = [lines, view.failed((method, base), found.there), place]
        return outcome(overall, _positive, [overall], found, notes)

    return judge


def larger_gain(method: str, base: str, tasks: Tasks, others: Tasks, metric: str, gate: Gate) -> Judge:
    """The mean gain over `tasks` is larger than that over `others`."""

    def judge(view: View) -> Outcome:
        parts, groups, cells = [], [], []
        for group, sign in ((tasks, 1.0), (others, -1.0)):
            found = judged(view, gate, group, [(method, ""), (base, "")])
            groups.append(found)
            for task in found.there:
                both = view.record(method, task), _cell(view, base, task, "")
                cells += both
                parts += [(sign * w / len(found.there), cell, values) for w, cell, values in gap(view, *both, metric)]
        overall = total(parts, 1)
        join = lambda name: "; ".join(said for found in groups if (said := getattr(found, name)))
        both = Coverage([*groups[0].there, *groups[1].there], join("absent"), join("unfit"))
        return outcome(overall, _positive, [overall], both, [read_elsewhere(cells, metric)])

    return judge


def keeps(method: str, tasks: Tasks, share: float, margin: float, gate: Gate) -> Judge:
    """At the share `share` of the budget the score is not below the offline agent's by more than `margin` of it.

    Each seed is compared with its own offline agent. The value is the worst task's change.
    """
    metric = f"at:{share}"

    def change(view: View, task: str) -> Interval:
        record, scale = view.record(method, task), view.scale(task)
        if not record.experts:
            raise Missing(f"{method} on {task} names no offline agents")
        now = scores(view, record, metric)
        before = scale.normalise(np.asarray([e.episode_return for e in record.experts]))
        own = before[now.seeds % len(before)]
        return statistics.mean_interval(now.map(lambda values: (values - own) / max(float(before.mean()), 1e-9)))

    def judge(view: View) -> Outcome:
        found = judged(view, gate, tasks, [(method, "")])
        changes = {task: change(view, task) for task in found.there}
        verdict = lambda interval: above(interval, -margin)
        worst = decisive_task(changes, verdict, every)
        lines = "; ".join(f"{task} {percent(interval)}" for task, interval in changes.items())
        place = read_elsewhere([view.record(method, task) for task in found.there], metric)
        rule = lambda intervals: every([verdict(interval) for interval in intervals])
        return outcome(changes[worst], rule, list(changes.values()), found, [lines, place], percent)

    return judge


def value_matters(method: str, variant: str, parameter: str, tasks: Tasks, metric: str) -> Judge:
    """Two values of a swept hyper-parameter differ on some task, at a level shared by all pairs and tasks."""

    def judge(view: View) -> Outcome:
        found = {t: _sweep(view, method, variant, t) for t in tasks}
        swept = {t: r for t, r in found.items() if r is not None}
        if not swept:
            raise NotRun(f"no sweep of {parameter} by {method} on {' or '.join(tasks)}")
        gaps = {}
        pairs = [(t, *pair) for t, r in swept.items() for pair in itertools.combinations(range(len(r.points)), 2)]
        for task, i, j in pairs:
            one, other = (scores(view, swept[task], metric, point) for point in (i, j))
            if one.values.mean() < other.values.mean():
                one, other, i, j = other, one, j, i
            values = [swept[task].points[k][parameter] for k in (i, j)]
            gaps[f"{task}: {values[0]:g} over {values[1]:g}"] = total([(1.0, "one", one), (-1.0, "other", other)], 1)
        shown = max(gaps, key=lambda name: (np.nan_to_num(gaps[name].low, nan=-np.inf), gaps[name].value))
        rule = lambda intervals: some([differs(interval) for interval in intervals])
        absent = "; ".join(f"not run on {t}" for t, r in found.items() if r is None)
        notes = [shown, f"level shared by {len(gaps)} pairs", absent, read_elsewhere(swept.values(), metric)]
        return outcome(gaps[shown], rule, list(gaps.values()), notes=notes)

    return judge


def _positive(intervals: Sequence[Interval]) -> Evidence:
    return above(intervals[0], 0.0)


def _sweep(view: View, method: str, variant: str, task: str) -> Record | None:
    record = view.sweep(method, task, variant)
    return record if record is not None and len(record.points) > 1 else None


def _cell(view: View, method: str, task: str, variant: str) -> Record | None:
    """The cell on the task, or on its body where it learns without data; None if neither was run."""
    there = next((name for name in (task, task.partition("/")[0]) if view.find(method, name, variant)), None)
    return None if there is None else view.record(method, there, variant)
