"""A paper at a glance: where every method ended, one row each, one column per task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from guided_rl.results import statistics
from guided_rl.results.records import POLICY, Record
from guided_rl.results.scales import ScaleOf, scale_of
from guided_rl.results.statistics import Interval
from guided_rl.results.summaries import protocols, sample
from guided_rl.results.summary_tables import label, rank
from guided_rl.results.table_notes import data_notes
from guided_rl.results.tables import Table, estimate, few_seeds, number, section_starts, steps

FINAL = (
    "Final returns of the learner's own policy, mean of the last 10 % of evaluations; below, what else was evaluated "
    "where it ends elsewhere. Intervals are 95 %. Early returns, AUC and IQM: table of returns."
)
EXPERT, SPENT = "the expert's own return", "steps spent on it"
OWN = (
    "The expert's own return is in the same units, the mean of the experts behind a main cell over fresh episodes; "
    "below are the environment steps spent on one of them, on average. Named where methods had different ones."
)


def overview_table(records: Sequence[Record], title: str, scale: ScaleOf = scale_of) -> Table:
    """Per method, variant and grid point (rows) and task (columns): final returns, normalised where that can be."""
    tasks = sorted({record.task for record in records})
    found: dict[str, dict[str, dict[str, Interval]]] = {}
    kinds = []
    for record in sorted(records, key=rank):
        for point in range(len(record.points)):
            name = label(record, point)
            if name not in found:
                kinds.append(rank(record)[:2])
            found.setdefault(name, {})[record.task] = _ends(record, point, scale)
    rows = tuple((name, *(_text(ends.get(task, {})) for task in tasks)) for name, ends in found.items())
    data = tuple({"method": name, "final": ends} for name, ends in found.items())
    experts = {task: _experts([r for r in records if r.task == task], scale) for task in tasks}
    normalised = [task for task in tasks if scale(task).normalises]
    raw = [task for task in tasks if task not in normalised]
    notes = [FINAL]
    named = ", ".join(f"{task} ({number(scale(task).expert)})" for task in normalised)
    levels = "Normalised: 0 is the better of random and zero action, 100 the expert"
    notes += [f"{levels}; in brackets what that expert returns: {named}."] if named else []
    notes += [f"Raw, for want of an expert better than both: {', '.join(raw)}."] if raw else []
    if any(experts.values()):
        for name, column, show in ((EXPERT, "episode_return", number), (SPENT, "steps", steps)):
            rows += ((name, *(_lines(experts[task], column, show) for task in tasks)),)
            data += ({"method": name, "experts": experts},)
            kinds.append("expert")
        notes.append(OWN)
    notes += data_notes(records)
    return Table(title, ("Method", *tasks), rows, 1, (*notes, *few_seeds(rows)), data, section_starts(kinds))


def _ends(record: Record, point: int, scale: ScaleOf) -> dict[str, Interval]:
    normalise = scale(record.task).normalise
    final = lambda protocol: sample(record, "final", protocol, point).map(normalise)
    return {protocol: statistics.mean_interval(final(protocol)) for protocol in protocols(record)}


def _text(ends: Mapping[str, Interval]) -> str:
    """The learner's own, and below it every other protocol that reads differently."""
    shown = {protocol: estimate(interval) for protocol, interval in ends.items()}
    own = shown.pop(POLICY, "–")
    return "\n".join([own, *(f"{protocol} {text}" for protocol, text in shown.items() if text != own)])


def _experts(records: Sequence[Record], scale: ScaleOf) -> dict[str, dict[str, float]]:
    """By name, the mean return and cost of each set of experts behind main cells of a task; equals are told once."""
    found: dict[str, dict[str, float]] = {}
    for record in sorted(records, key=rank):
        if record.experts and record.main:
            returns = scale(record.task).normalise(np.array([expert.episode_return for expert in record.experts]))
            spent = np.mean([expert.steps for expert in record.experts])
            facts = {"episode_return": float(returns.mean()), "steps": float(spent)}
            if facts not in found.values():
                found[record.experts[0].name.partition(":")[0]] = facts
    return found


def _lines(experts: Mapping[str, Mapping[str, float]], column: str, show: Callable[[float], str]) -> str:
    """One line for each set of experts, with its name if there are several."""
    name = (lambda text: f"{text} ") if len(experts) > 1 else (lambda text: "")
    return "\n".join(f"{name(text)}{show(facts[column])}" for text, facts in experts.items()) or "–"
