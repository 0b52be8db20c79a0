"""The figures of a report, drawn from records alone.

Learning curves with 95 % bands, the same with the expert's steps charged, a hyper-parameter
sweep, and expert quality against gain. Each function returns a matplotlib figure, or None where
no record has what it shows; `plot_style.save` writes it as SVG and PNG.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from guided_rl.results import statistics
from guided_rl.results.plot_style import (
    FAINT,
    INK,
    STYLE,
    colours,
    label_rows,
    panels,
    returns_axis,
    shared_legend,
    steps_axis,
)
from guided_rl.results.records import POLICY, Record, find
from guided_rl.results.scales import ScaleOf, scale_of
from guided_rl.results.statistics import Interval, Sample
from guided_rl.results.summaries import Curves, curves, protocols, sample, starts_alike
from guided_rl.results.tables import steps

EXPERT_LINE, RANDOM_LINE = "expert's own return", "random policy"
METRICS = {"early": "early (25 % of the budget)", "final": "final", "auc": "AUC"}


def learning_curves(
    records: Sequence[Record],
    title: str = "Learning curves",
    methods: Sequence[str] | None = None,
    scale: ScaleOf = scale_of,
    charged: bool = False,
    own_only: bool = False,
    palette: Mapping[str, str] | None = None,
) -> Figure | None:
    """Mean evaluation return with its 95 % band, per task: every protocol, the expert's and the random line.

    Args:
      methods: which to draw, in this order; all main cells if None.
      charged: shift guided methods right by the steps that their expert cost.
      own_only: leave out every protocol but the learner's own policy.
      palette: colour of each method, if not the one that `method_colours` gives it among these records.
    """
    main = main_cells(records, methods)
    if not main:
        return None
    names = methods or method_names(main)
    palette = palette or method_colours(records)
    with matplotlib.rc_context(STYLE):
        tasks = tasks_of(main)
        figure, axes = panels(tasks, title)
        for axis, task in zip(axes, tasks, strict=True):
            here = [r for name in names for r in main if r.task == task and r.method == name]
            for record in here:
                _draw_curves(axis, record, palette[record.method], charged, own_only)
            _draw_references(axis, here, scale(task).random)
            steps_axis(axis, "environment steps, the expert's included" if charged else "environment steps")
            axis.set_xlim(left=0)
        label_rows(axes, "return")
        shared_legend(figure, axes, (EXPERT_LINE, RANDOM_LINE))
    return figure


def sweep(
    records: Sequence[Record],
    parameter: str,
    base: str | None = None,
    title: str | None = None,
    metrics: Sequence[str] = ("final", "auc"),
) -> Figure | None:
    """Summaries against one hyper-parameter, per task and method, with the base's as a level band.

    Args:
      parameter: a grid axis, such as "t_change"; other axes must have one value.
      base: method whose main cell is the level to compare with. Nothing in it follows the budget: of a longer run
        that stores as many steps before its first update, as many are read as the sweep ran; others are left out.
    """
    swept = [r for r in records if len(r.grid.get(parameter, ())) > 1 and len(r.grid[parameter]) == len(r.points)]
    if not swept:
        return None
    swept.sort(key=lambda r: (r.task, r.method, r.cell))
    several = Counter(f"{r.method} on {r.task}" for r in swept)
    titles = {(t if several[t := f"{r.method} on {r.task}"] == 1 else f"{t}, {r.variant}"): r for r in swept}
    palette = colours(metrics)
    with matplotlib.rc_context(STYLE):
        figure, axes = panels(list(titles), title or f"Sweep of {parameter}")
        for axis, record in zip(axes, titles.values(), strict=True):
            level = find(main_cells(records), base, record.task) if base else None
            if level is not None and level.budget != record.budget:
                level = level if level.budget > record.budget and starts_alike(level, record) else None
            values = record.grid[parameter]
            for number, metric in enumerate(metrics):
                intervals = [statistics.mean_interval(sample(record, metric, point=p)) for p in range(len(values))]
                offset = 0.06 * (number - (len(metrics) - 1) / 2)
                _draw_intervals(axis, np.arange(len(values)) + offset, intervals, palette[metric], METRICS[metric])
                if level is not None:
                    _draw_level(axis, level, record.budget, palette[metric], metric)
            axis.set_xticks(np.arange(len(values)), [f"{value:g}" for value in values])
            axis.set_xlabel(parameter)
            axis.margins(x=0.08)
        label_rows(axes, "return")
        shared_legend(figure, axes)
    return figure


def expert_quality(
    records: Sequence[Record],
    method: str,
    base: str,
    title: str = "Expert quality against gain",
    scale: ScaleOf = scale_of,
) -> Figure | None:
    """Gain over the base, (A − B) / (B − random), against the expert's own return, per task.

    Compared are the main cell and those that differ from it in the guide's level alone, whose
    variant begins with "expert ". A task on which no gain is defined, for its base is not above random, is left out.
    """
    found: dict[str, list[tuple[float, dict[str, Interval]]]] = {}
    for record in records:
        level = find(main_cells(records), base, record.task)
        if record.variant and not record.variant.startswith("expert "):
            continue
        if record.method != method or not record.experts or len(record.points) > 1 or level is None:
            continue
        gains = {m: _gain(sample(record, m), sample(level, m), scale(record.task).random) for m in METRICS}
        quality = float(np.mean([expert.episode_return for expert in record.experts]))
        found.setdefault(record.task, []).append((quality, gains))
    defined = lambda rows: any(np.isfinite(gain.value) for _, gains in rows for gain in gains.values())
    found = {
        task: sorted(rows, key=lambda row: row[0])
        for task, rows in sorted(found.items())
        if len(rows) > 1 and defined(rows)
    }
    if not found:
        return None
    palette = colours(METRICS)
    with matplotlib.rc_context(STYLE):
        figure, axes = panels(list(found), title)
        for axis, rows in zip(axes, found.values(), strict=True):
            qualities = np.array([quality for quality, _ in rows])
            width = 0.012 * float(np.ptp(qualities))
            for number, metric in enumerate(METRICS):
                x = qualities + width * (number - (len(METRICS) - 1) / 2)
                _draw_intervals(axis, x, [gains[metric] for _, gains in rows], palette[metric], METRICS[metric])
            axis.axhline(0, color=FAINT, lw=1, zorder=1)
            axis.set_xlabel("the expert's own return")
            returns_axis(axis.xaxis)
        label_rows(axes, f"gain of {method} over {base}, %")
        shared_legend(figure, axes)
    return figure


def _draw_curves(axis: Axes, record: Record, colour: str, charged: bool, own_only: bool) -> None:
    """A record's curves; the learner's own policy is solid, other protocols are dashed."""
    spent = float(np.mean([expert.steps for expert in record.experts])) if record.experts else 0.0
    for protocol in protocols(record):
        curve = curves(record, protocol)
        own = protocol == POLICY
        if not curve.seeds.size or (own_only and not own):
            continue
        charge = spent if charged else 0.0
        if own:
            draw_band(axis, record, curve, colour, 0.18, charge, ls="-", lw=2.0, label=record.method)
        else:
            text = f"{record.method}, {protocol}"
            draw_band(axis, record, curve, colour, 0.09, charge, ls=(0, (4, 2)), lw=1.4, label=text)
    if charged and spent:
        axis.axvline(spent, color=colour, lw=0.9, ls=":")
        place: Any = {"xycoords": ("data", "axes fraction"), "ha": "right", "va": "center"}
        axis.annotate(f"expert: {steps(spent)} ", (spent, 0.5), fontsize=8, color=FAINT, **place)


def draw_band(
    axis: Axes, record: Record, curve: Curves, colour: str, alpha: float, charge: float = 0.0, **line: Any
) -> None:
    """A curve's mean over seeds, a `line`, and its 95 % band; `charge` shifts both to the right."""
    low, high = statistics.mean_band(curve.values, curve.seeds, record.source(curve.seeds))
    axis.plot(curve.steps + charge, curve.values.mean(0), color=colour, **line)
    axis.fill_between(curve.steps + charge, low, high, color=colour, alpha=alpha, lw=0)


def _draw_references(axis: Axes, records: Sequence[Record], random: float) -> None:
    """Level lines: each distinct expert mean among the records, and the random policy."""
    levels = sorted({float(np.mean([e.episode_return for e in r.experts])) for r in records if r.experts})
    for level in levels:
        axis.axhline(level, color=INK, lw=1.1, ls=(0, (6, 2, 1, 2)), zorder=1, label=EXPERT_LINE)
    if np.isfinite(random):
        axis.axhline(random, color=FAINT, lw=1.1, ls=":", zorder=1, label=RANDOM_LINE)


def _draw_intervals(axis: Axes, x: np.ndarray, intervals: Sequence[Interval], colour: str, text: str) -> None:
    """Points with error bars joined by a line; undefined ones are left out."""
    value, low, high = (np.array([getattr(i, name) for i in intervals]) for name in ("value", "low", "high"))
    bars = np.nan_to_num(np.stack([value - low, high - value]))
    axis.errorbar(x, value, bars, color=colour, marker="o", ms=5, capsize=3, lw=1.6, elinewidth=1.3, label=text)


def _draw_level(axis: Axes, base: Record, budget: int, colour: str, metric: str) -> None:
    """The base over its first `budget` steps, which may be all."""
    at = np.unique(base.returns["step"].to_numpy())
    level = statistics.mean_interval(sample(base, metric, steps=at[at <= budget]))
    name = base.method if budget == base.budget else f"{base.method} in {steps(budget)} steps"
    axis.axhline(level.value, color=colour, lw=1.2, ls=(0, (4, 2)), zorder=1, label=f"{name}, {METRICS[metric]}")
    if np.isfinite(level.low):
        axis.axhspan(level.low, level.high, color=colour, alpha=0.10, lw=0, zorder=0)


def _gain(a: Sample, b: Sample, random: float) -> Interval:
    """The ratio less one, in per cent."""
    found = statistics.ratio(a, b, random)
    shift: Callable[[float], float] = lambda value: 100.0 * (value - 1.0)
    return dataclasses.replace(found, value=shift(found.value), low=shift(found.low), high=shift(found.high))


def main_cells(records: Sequence[Record], methods: Sequence[str] | None = None) -> list[Record]:
    return [r for r in records if r.main and (methods is None or r.method in methods)]


def method_names(records: Sequence[Record]) -> list[str]:
    """Methods that have a main cell, base methods first."""
    main = main_cells(records)
    guided = {r.method for r in main if r.guided}
    return sorted({r.method for r in main}, key=lambda name: (name in guided, name))


def method_colours(records: Sequence[Record]) -> dict[str, str]:
    """Colour of each method with a main cell; given all records of a table, a method has one in all its figures."""
    return colours(method_names(records))


def tasks_of(records: Sequence[Record]) -> list[str]:
    return sorted({r.task for r in records})
