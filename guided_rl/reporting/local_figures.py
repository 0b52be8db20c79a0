"""Figures of the local-guide methods: what was executed, crashes while training, Φ × δ, and who acts where."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from guided_rl.reporting import statistics
from guided_rl.reporting.figures import method_colours, method_names
from guided_rl.reporting.plot_style import STYLE, label_rows, panels, shared_legend, steps_axis
from guided_rl.reporting.records import POLICY, Record
from guided_rl.reporting.summaries import Curves, behaviour_curves, curves, protocols, sample, training_curves
from guided_rl.reporting.tables import number
from guided_rl.reporting.territory import territory

SWITCHED = "switched"


def figures(records: Sequence[Record], title: str) -> dict[str, Figure]:
    """Every figure of this module that the records support, by file name."""
    found = {
        "executed": executed_curves(records, f"{title}: returns as executed"),
        "behaviour": behaviour_returns(records, f"{title}: returns while training"),
        "crashes": crash_curves(records, f"{title}: crashes while training"),
        "evaluated_crashes": evaluated_crashes(records, f"{title}: crashes in evaluation, as executed"),
        "territory": territory(sorted({r.task for r in records}), "Where the guide acts, and where the learner does"),
    }
    for record in records:
        if len(record.grid) == 2:
            found[f"heat_{record.cell}"] = heat_map(record, f"{record.method} on {record.task}: AUC")
    return {name: figure for name, figure in found.items() if figure is not None}


def executed_curves(records: Sequence[Record], title: str) -> Figure | None:
    """Mean evaluation return with its 95 % band per task and method: switched where the method switches."""
    return _curves(records, title, "return", lambda r: curves(r, SWITCHED if SWITCHED in protocols(r) else POLICY))


def behaviour_returns(records: Sequence[Record], title: str) -> Figure | None:
    """Mean return of training episodes, with its 95 % band, per task and method, wherever every seed ended some."""

    def whole(record: Record) -> Curves:
        curve, _ = behaviour_curves(record)
        some = np.isfinite(curve.values).all(0)
        return dataclasses.replace(curve, steps=curve.steps[some], values=curve.values[:, some])

    having = [r for r in records if "training_return" in r.training["metric"].unique().to_pylist()]
    return _curves(records, title, "return", whole, [r for r in having if whole(r).steps.size])


def crash_curves(records: Sequence[Record], title: str) -> Figure | None:
    """Mean number of failures so far, with its 95 % band, per task on which anybody failed."""

    def so_far(record: Record) -> Curves:
        found = training_curves(record, "failures")
        return Curves(found.seeds, found.steps, np.cumsum(found.values, axis=1), found.failed)

    counted = [r for r in records if "failures" in r.training["metric"].unique().to_pylist()]
    tasks = {r.task for r in counted if np.any(so_far(r).values > 0)}
    return _curves(records, title, "crashes", so_far, [r for r in counted if r.task in tasks])


def evaluated_crashes(records: Sequence[Record], title: str) -> Figure | None:
    """Share of evaluation episodes that failed, with its 95 % band, per task on which anybody failed."""

    def share(record: Record) -> Curves:
        return curves(record, SWITCHED if SWITCHED in protocols(record) else POLICY, column="episode_failed")

    counted = [r for r in records if "episode_failed" in r.returns.column_names]
    tasks = {r.task for r in counted if np.any(share(r).values > 0)}
    return _curves(records, title, "share of episodes", share, [r for r in counted if r.task in tasks])


def _curves(
    records: Sequence[Record], title: str, label: str, read, shown: Sequence[Record] | None = None
) -> Figure | None:
    """One panel per task with a line and a band for each main cell, of `shown` or else all, in the records' colours."""
    main = [r for r in (records if shown is None else shown) if r.main]
    if not main:
        return None
    names, palette = method_names(records), method_colours(records)
    tasks = sorted({r.task for r in main})
    with matplotlib.rc_context(STYLE):
        figure, axes = panels(tasks, title)
        for axis, task in zip(axes, tasks, strict=True):
            for record in sorted((r for r in main if r.task == task), key=lambda r: names.index(r.method)):
                _line(axis, read(record), palette[record.method], record)
            steps_axis(axis)
            axis.set_xlim(left=0)
        label_rows(axes, label)
        shared_legend(figure, axes)
    return figure


def _line(axis: Axes, curve: Curves, colour: str, record: Record) -> None:
    if not curve.seeds.size:
        return
    low, high = statistics.mean_band(curve.values, curve.seeds, record.source(curve.seeds))
    axis.plot(curve.steps, curve.values.mean(0), color=colour, label=record.method)
    axis.fill_between(curve.steps, low, high, color=colour, alpha=0.16, lw=0)


def heat_map(record: Record, title: str, metric: str = "auc") -> Figure:
    """A summary over the two axes of a grid: its mean over seeds in each field, the worst and best framed."""
    (row, rows), (column, columns) = record.grid.items()
    read = SWITCHED if SWITCHED in protocols(record) else POLICY
    means = np.array([np.mean(sample(record, metric, read, p).values) for p in range(len(record.points))])
    field = means.reshape(len(rows), len(columns))
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure, (axis,) = panels([f"{len(record.seeds)} seeds a field"], title)
        image = axis.imshow(field, cmap="viridis", aspect="auto", origin="lower")
        middle = (field.min() + field.max()) / 2
        for (i, j), value in np.ndenumerate(field):
            ink = "white" if value < middle else "black"
            axis.text(j, i, number(float(value)), ha="center", va="center", color=ink)
        for place, text in ((field.argmax(), "best"), (field.argmin(), "worst")):
            i, j = np.unravel_index(place, field.shape)
            axis.text(j, i - 0.32, text, ha="center", fontsize=8, color="white" if field[i, j] < middle else "black")
        axis.set_xticks(range(len(columns)), [f"{value:g}" for value in columns])
        axis.set_yticks(range(len(rows)), [f"{value:g}" for value in rows])
        axis.set_xlabel(SYMBOLS.get(column, column))
        axis.set_ylabel(SYMBOLS.get(row, row))
        figure.colorbar(image, ax=axis)
    return figure


SYMBOLS = {"phi": "Φ", "delta": "δ"}
