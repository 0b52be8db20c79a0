"""Figures of what training logged: a metric's course, and which policy of a set acted."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from guided_rl.results.figures import draw_band, main_cells, method_colours, tasks_of
from guided_rl.results.plot_style import STYLE, label_rows, panels, shared_legend, steps_axis
from guided_rl.results.records import Record
from guided_rl.results.summaries import training_curves


def training_metric(records: Sequence[Record], metric: str, title: str, label: str | None = None) -> Figure | None:
    """The course of a training metric of every main cell that has it, mean and 95 % band, per task.

    Args:
      label: of the axis; the metric's name if not given.
    """
    having = [r for r in main_cells(records) if metric in _metrics(r)]
    if not having:
        return None
    palette = method_colours(records)
    with matplotlib.rc_context(STYLE):
        tasks = tasks_of(having)
        figure, axes = panels(tasks, title)
        for axis, task in zip(axes, tasks, strict=True):
            for record in (r for r in having if r.task == task):
                curve = training_curves(record, metric)
                draw_band(axis, record, curve, palette[record.method], 0.18, lw=2.0, label=record.method)
            steps_axis(axis, "environment steps")
            axis.set_xlim(left=0)
            if all(np.nanmin(line.get_ydata()) > 0 for line in axis.lines):
                axis.set_yscale("log")
                axis.yaxis.set_major_formatter(LogFormatter())
                axis.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.6)))
        label_rows(axes, label or metric)
        shared_legend(figure, axes)
    return figure


def choices(
    records: Sequence[Record], prefix: str = "chosen_", title: str = "Who acted", methods: Sequence[str] | None = None
) -> Figure | None:
    """Share of steps on which each policy of a set but its last, the learner's own, acted, over training, per task.

    Read from the training metrics `<prefix><number>`, which only methods with a policy set log.
    """
    main = [r for r in main_cells(records, methods) if f"{prefix}0" in _metrics(r)]
    if not main:
        return None
    palette = method_colours(records)
    with matplotlib.rc_context(STYLE):
        figure, axes = panels(tasks_of(main), title)
        for axis, task in zip(axes, tasks_of(main), strict=True):
            for record in (r for r in main if r.task == task):
                for number in range(len([m for m in _metrics(record) if m.startswith(prefix)]) - 1):
                    curve = training_curves(record, f"{prefix}{number}")
                    text = f"{record.method}, offline policy" + (f" {number + 1}" if number else "")
                    draw_band(axis, record, curve, palette[record.method], 0.15, label=text)
            steps_axis(axis)
            axis.set_ylim(0, 1)
        label_rows(axes, "share of steps")
        shared_legend(figure, axes)
    return figure


def _metrics(record: Record) -> set[str]:
    return set(record.training["metric"].unique().to_pylist())
