"""The tables of a report: returns per task and method, gains of guidance, claims, provenance."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from guided_rl.results import power, statistics
from guided_rl.results.likeness import unlike
from guided_rl.results.records import POLICY, Record, find
from guided_rl.results.scales import ScaleOf, scale_note, scale_of
from guided_rl.results.sources import unsourced
from guided_rl.results.summaries import behaviour, counted, curves, protocols, sample, shared, steps_to
from guided_rl.results.table_notes import data_notes, few_experts
from guided_rl.results.tables import Table, estimate, few_seeds, number, percent, section_starts, steps
from guided_rl.results.verdicts import differs
from guided_rl.runtime.progress import duration

MILESTONES = (0.5, 0.75, 0.9)
SUMMARIES = ("early", "final", "auc")
EVALUATED = {POLICY: "own"}
EXPLAINED = (
    "Early is the evaluation nearest to 25 % of the budget, final the mean of the last 10 % of evaluations, "
    "AUC the mean of all. Policy: the learner's own, or what else was evaluated. Below the expert's own "
    "return stand the environment steps spent on it. Intervals are 95 %, over seeds and, if several, experts; "
    "offline agents that learned from one policy's data count as one."
)


def ordered(records: Sequence[Record]) -> list[Record]:
    """By task, then by rank."""
    return sorted(records, key=lambda record: (record.task, *rank(record)))


def rank(record: Record) -> tuple:
    """A sort key: main cells before variants and those before sweeps, base methods before guided ones."""
    variant = natural(record.variant)
    return bool(record.variant), len(record.points) > 1, record.guided, record.method, variant, record.cell


def natural(text: str) -> list[tuple[int, float, str]]:
    """A sort key in which "expert 25 %" comes before "expert 100 %"."""
    parts = re.findall(r"\d+(?:\.\d+)?|\D+", text)
    return [(0, float(part), "") if part[0].isdigit() else (1, 0.0, part) for part in parts]


def label(record: Record, point: int = 0) -> str:
    """Method, variant and, in a sweep, the grid point."""
    values = record.points[point] if len(record.points) > 1 else {}
    grid = ", ".join(f"{name} {value:g}" for name, value in values.items())
    extra = ", ".join(part for part in (record.variant, grid) if part)
    return f"{record.method} ({extra})" if extra else record.method


def returns_table(records: Sequence[Record], title: str, scale: ScaleOf = scale_of) -> Table:
    """Per task, method, grid point and protocol: early, final and AUC with IQM and mean.

    Returns are normalised (floor 0, expert 100) where the task's references are known, raw elsewhere.
    """
    records = ordered(records)
    rows, data = [], []
    for record in records:
        for point in range(len(record.points)):
            for protocol in protocols(record):
                row, facts = _returns_row(record, point, protocol, scale)
                rows.append(row)
                data.append(facts)
    notes = [EXPLAINED, *_scale_notes(records, scale), *data_notes(records)]
    notes += [*_failure_notes(records), *_source_notes(records)]
    notes += few_seeds(rows)
    columns = (
        "Task",
        "Method",
        "Policy",
        "Early",
        "Final",
        "AUC",
        "Final\nreturn",
        "D4RL",
        "Seeds",
        "Expert\nspent",
    )
    sections = section_starts([row[0] for row in rows])
    return Table(title, columns, tuple(rows), 3, tuple(notes), tuple(data), sections)


def gains_table(
    records: Sequence[Record], pairs: Sequence[tuple[str, str]], title: str, scale: ScaleOf = scale_of
) -> Table:
    """What guidance gained: (A − B) / B above random, the difference, and the seeds that it needs.

    Args:
      pairs: (guided method, its base), judged by the learner's own policy.
    """
    rows, data, refused = [], [], []
    main = [record for record in records if record.main]
    for task in sorted({record.task for record in main}):
        for guided, base in pairs:
            a, b = find(main, guided, task), find(main, base, task)
            if a is None or b is None:
                continue
            if changed := unlike([a, b]):
                refused.append(f"{guided} and {base} on {task} were made with other settings: {'; '.join(changed)}.")
                continue
            for metric in SUMMARIES:
                x, y = sample(a, metric), sample(b, metric)
                gain = statistics.ratio(x, y, scale(task).random)
                gain = dataclasses.replace(gain, value=gain.value - 1, low=gain.low - 1, high=gain.high - 1)
                gap = statistics.difference(x, y, shared(a, b))
                needed = power.seeds_needed(lambda found: differs(found[0]), [gap], least=2)
                sure = ("yes" if gap.low > 0 or gap.high < 0 else "no") if gap.decisive else "too few seeds"
                rows.append((task, guided, base, metric, percent(gain), estimate(gap), sure, str(needed or "–")))
                data.append(
                    {
                        "task": task,
                        "method": guided,
                        "base": base,
                        "metric": metric,
                        "gain": gain,
                        "difference": gap,
                        "paired": shared(a, b),
                        "seeds_needed": needed,
                    }
                )
    columns = ("Task", "Method", "Base", "At", "Gain", "Difference of returns", "Separated", "Seeds needed")
    notes = [
        "Gain is (method − base) / (base − random), undefined (–) where the base is not above random.",
        "Seeds needed: per method, to find the observed difference with 80 % power; – where none do.",
        *refused,
        *data_notes(main),
        *few_seeds(rows),
    ]
    return Table(title, columns, tuple(rows), 4, tuple(notes), tuple(data), section_starts([row[0] for row in rows]))


def behaviour_table(records: Sequence[Record], title: str) -> Table:
    """Returns and failures of training itself, as executed: per task, method and grid point."""
    rows, data = [], []
    for record in ordered(records):
        for point in range(len(record.points)):
            found = {metric: behaviour(record, metric, point) for metric in ("early", "final")}
            if not any(values.n for values in found.values()):
                continue
            found["failures"] = counted(record, "failures", point)
            means = {name: statistics.mean_interval(values) for name, values in found.items()}
            rows.append((record.task, label(record, point), *map(estimate, means.values())))
            names = {"task": record.task, "method": record.method, "variant": record.variant}
            data.append({**names, "grid_point": record.points[point], **means})
    notes = [
        "Mean return of the episodes that ended in the first 25 % and the last 10 % of training, with the guide where "
        "it acted and with the noise of exploration; raw returns.",
        "Failures: episodes of a seed's whole training that ended in a terminal state.",
        *few_experts(records),
        *few_seeds(rows),
    ]
    columns = ("Task", "Method", "Early", "Final", "Failures")
    return Table(title, columns, tuple(rows), 2, tuple(notes), tuple(data), section_starts([row[0] for row in rows]))


def milestones_table(records: Sequence[Record], title: str, scale: ScaleOf = scale_of) -> Table:
    """Median steps until a seed's own policy first returns 50, 75 and 90 % of the expert's, the floor being 0 %."""
    rows, data = [], []
    for record in ordered([r for r in records if r.main]):
        here = scale(record.task)
        if here.expert is None or not here.normalises:
            continue
        curve = curves(record)
        cells, facts = [], {}
        for share in MILESTONES:
            taken = steps_to(curve, here.floor + share * (here.expert - here.floor))
            reached = int(np.isfinite(taken).sum())
            median = float(np.median(taken)) if taken.size else np.inf
            cells.append(f"{steps(median) if np.isfinite(median) else '–'}  ({reached}/{taken.size})")
            facts[f"{share:g}"] = taken
        rows.append((record.task, record.method, *cells))
        data.append({"task": record.task, "method": record.method, "steps": facts})
    notes = ["Steps of the median seed, – where fewer than half get there; in brackets how many do."]
    columns = ("Task", "Method", *(f"{share:.0%}" for share in MILESTONES))
    return Table(title, columns, tuple(rows), 2, tuple(notes), tuple(data), section_starts([row[0] for row in rows]))


def provenance_table(records: Sequence[Record], title: str) -> Table:
    """Where each cell ran, with what, and how long it took."""
    rows, data = [], []
    for record in ordered(records):
        facts = record.provenance
        codes = facts.get("codes") or [facts]
        commit, shown = ("\n".join(dict.fromkeys(map(tell, codes))) for tell in (_commit, _versions))
        time = f"{duration(record.wall_seconds)} ({duration(record.compile_seconds)} compiling)"
        device = f"{facts.get('device', '–')}, {facts.get('cores', '–')} cores"
        size = f"{len(record.seeds)} × {len(record.points)} × {steps(record.budget)}"
        rows.append(
            (record.cell, size, str(facts.get("engine")), device, time, commit, shown, str(facts.get("date", "–"))[:10])
        )
        data.append({"cell": record.cell, "config": record.config, "provenance": facts, "wall": record.wall_seconds})
    columns = ("Cell", "Seeds × points × steps", "Engine", "Device", "Wall time", "Commit", "Versions", "Date")
    return Table(title, columns, tuple(rows), 8, (), tuple(data))


def _commit(code: Mapping[str, Any]) -> str:
    return f"{(code.get('commit') or '–')[:10]}{' + changes' if code.get('dirty') else ''}"


def _versions(code: Mapping[str, Any]) -> str:
    versions = code.get("versions", {})
    return " ".join(f"{name} {versions[name]}" for name in ("jax", "mujoco") if versions.get(name))


def _returns_row(record: Record, point: int, protocol: str, scale: ScaleOf) -> tuple[tuple[str, ...], dict[str, Any]]:
    here = scale(record.task)
    curve = curves(record, protocol, point)
    cells: list[str] = []
    facts: dict[str, dict[str, Any]] = {}
    for metric in SUMMARIES:
        raw = sample(record, metric, protocol, point)
        scaled = raw.map(here.normalise)
        mean, iqm = statistics.mean_interval(scaled), statistics.iqm_interval(scaled)
        cells.append(f"{estimate(mean)}\nIQM {estimate(iqm)}")
        facts[metric] = {"mean": mean, "iqm": iqm, "raw_mean": statistics.mean_interval(raw), "raw": raw.values}
    final = facts["final"]["raw"]
    d4rl = here.normalise_d4rl(float(final.mean())) if final.size else None
    whole = len(record.seeds)
    seeds = f"{curve.seeds.size}" if curve.seeds.size == whole else f"{curve.seeds.size}/{whole}"
    row = (
        record.task,
        label(record, point),
        EVALUATED.get(protocol, protocol),
        *cells,
        number(float(final.mean()) if final.size else np.nan),
        "–" if d4rl is None else number(d4rl),
        seeds,
        _expert(record),
    )
    identity = {
        "task": record.task,
        "method": record.method,
        "variant": record.variant,
        "grid_point": record.points[point],
        "protocol": protocol,
        "normalised": here.normalises,
        "references": here,
        "seeds": curve.seeds,
        "failed": {str(seed): step for seed, step in curve.failed.items()},
        "experts": record.experts,
        "d4rl_final": d4rl,
    }
    return row, {**identity, **facts}


def _expert(record: Record) -> str:
    """The experts' own mean return, and below it the environment steps spent on each, on average."""
    if not record.experts:
        return "–"
    own = number(float(np.mean([expert.episode_return for expert in record.experts])))
    count = f"{len(record.experts)} × " if len(record.experts) > 1 else ""
    return f"{count}{own}\n{steps(float(np.mean([expert.steps for expert in record.experts])))}"


def _scale_notes(records: Sequence[Record], scale: ScaleOf) -> list[str]:
    return [scale_note(task, scale(task)) for task in dict.fromkeys(r.task for r in records)]


def _failure_notes(records: Sequence[Record]) -> list[str]:
    notes = []
    for record in records:
        for point in range(len(record.points)):
            for protocol in protocols(record)[:1]:
                lost = curves(record, protocol, point).failed
                if lost:
                    listed = ", ".join(f"{seed} at step {step:,}" for seed, step in lost.items())
                    notes.append(f"{label(record, point)} on {record.task}: left out, failed seeds {listed}.")
    return notes


def _source_notes(records: Sequence[Record]) -> list[str]:
    return [
        f"{label(r)} on {r.task}: whose data its offline agents learned from is not known, so each counts by itself."
        for r in records
        if unsourced(r)
    ]
