"""Figures of the local-guide methods: what was executed, crashes while training, Φ × δ, and who acts where."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.papers.pag.territory import territory
from guided_rl.results import statistics
from guided_rl.results.figures import method_colours
from guided_rl.results.plot_style import STYLE, label_rows, panels, shared_legend, steps_axis
from guided_rl.results.records import POLICY, Record
from guided_rl.results.summaries import Curves, behaviour_curves, curves, protocols, sample, training_curves
from guided_rl.results.tables import number

SWITCHED = "switched"
Palette = Mapping[str, str]
"""Method to colour, in the order in which methods are drawn."""


def figures(records: Sequence[Record], title: str) -> dict[str, Figure]:
    """Every figure of this module that the records support, by file name; curves also of the longer runs."""
    palette = method_colours(records)
    found = curves_of([r for r in records if r.main], title, "", palette)
    for variant, cells in longer(records).items():
        found |= curves_of(cells, f"{title}, {variant}", f"_{variant.replace(' ', '_')}", palette)
    found["territory"] = territory(
        sorted({r.task for r in records}), "Where the guide acts, and where the learner does"
    )
    for record in records:
        if len(record.grid) == 2:
            found[f"heat_{record.cell}"] = heat_map(record, f"{record.method} on {record.task}: AUC")
    return {name: figure for name, figure in found.items() if figure is not None}


def longer(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Cells, by variant, that repeat several methods with more steps than the main comparison has."""
    main = {r.task: r.budget for r in records if r.main}
    found: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda r: r.budget):
        if len(record.points) == 1 and record.budget > main.get(record.task, record.budget):
            found.setdefault(record.variant, []).append(record)
    return {variant: cells for variant, cells in found.items() if len({r.method for r in cells}) > 1}


def curves_of(records: Sequence[Record], title: str, suffix: str, palette: Palette) -> dict[str, Figure | None]:
    """Curves of these cells, one for each task and method, by file name."""
    return {
        f"executed{suffix}": executed_curves(records, f"{title}: returns as executed", palette),
        f"behaviour{suffix}": behaviour_returns(records, f"{title}: returns while training", palette),
        f"crashes{suffix}": crash_curves(records, f"{title}: crashes while training", palette),
        f"evaluated_crashes{suffix}": evaluated_crashes(
            records, f"{title}: crashes in evaluation, as executed", palette
        ),
    }


def executed_curves(records: Sequence[Record], title: str, palette: Palette) -> Figure | None:
    """Mean evaluation return with its 95 % band per task and method: switched where the method switches."""
    read = lambda record: curves(record, SWITCHED if SWITCHED in protocols(record) else POLICY)
    return _curves(records, title, "return", read, palette)


def behaviour_returns(records: Sequence[Record], title: str, palette: Palette) -> Figure | None:
    """Mean return of training episodes, with its 95 % band, per task and method, wherever every seed ended some."""

    def whole(record: Record) -> Curves:
        curve, _ = behaviour_curves(record)
        some = np.isfinite(curve.values).all(0)
        return dataclasses.replace(curve, steps=curve.steps[some], values=curve.values[:, some])

    having = [r for r in records if "training_return" in r.training["metric"].unique().to_pylist()]
    return _curves([r for r in having if whole(r).steps.size], title, "return", whole, palette)


def crash_curves(records: Sequence[Record], title: str, palette: Palette) -> Figure | None:
    """Mean number of failures so far, with its 95 % band, per task on which anybody failed."""

    def so_far(record: Record) -> Curves:
        found = training_curves(record, "failures")
        return Curves(found.seeds, found.steps, np.cumsum(found.values, axis=1), found.failed)

    counted = [r for r in records if "failures" in r.training["metric"].unique().to_pylist()]
    tasks = {r.task for r in counted if np.any(so_far(r).values > 0)}
    return _curves([r for r in counted if r.task in tasks], title, "crashes", so_far, palette)


def evaluated_crashes(records: Sequence[Record], title: str, palette: Palette) -> Figure | None:
    """Share of evaluation episodes that failed, with its 95 % band, per task on which anybody failed."""

    def share(record: Record) -> Curves:
        return curves(record, SWITCHED if SWITCHED in protocols(record) else POLICY, column="episode_failed")

    counted = [r for r in records if "episode_failed" in r.returns.column_names]
    tasks = {r.task for r in counted if np.any(share(r).values > 0)}
    return _curves([r for r in counted if r.task in tasks], title, "share of episodes", share, palette)


def _curves(records: Sequence[Record], title: str, label: str, read, palette: Palette) -> Figure | None:
    """One panel per task with a line and a band for each cell."""
    if not records:
        return None
    tasks = sorted({r.task for r in records})
    with matplotlib.rc_context(STYLE):
        figure, axes = panels(tasks, title)
        for axis, task in zip(axes, tasks, strict=True):
            for method, colour in palette.items():
                for record in (r for r in records if (r.task, r.method) == (task, method)):
                    _line(axis, read(record), colour, record)
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
