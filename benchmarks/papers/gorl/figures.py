"""The weights that the guiding network gives, by where a row comes from, over training."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure

from benchmarks.papers.gorl.claims import SETS
from guided_rl.methods.sample_weights.watch import SOURCES
from guided_rl.results import statistics
from guided_rl.results.plot_style import PALETTE, STYLE, label_rows, panels, shared_legend, steps_axis
from guided_rl.results.records import Record
from guided_rl.results.summaries import training_curves

NAMES = {"older": "first half of the data", "newer": "second half", "expert": "the expert's rows"}


def weights_by_source(records: Sequence[Record], title: str) -> Figure | None:
    """Mean weight B of each source's rows, with 95 % bands over seeds; the halves are sources where sets have any."""
    found = {record.task: record for record in records if record.method == "gorl-style" and record.main}
    tasks = [task for task in SETS if task in found]
    if not tasks:
        return None
    with matplotlib.rc_context(STYLE):
        figure, axes = panels(tasks, title)
        for axis, task in zip(axes, tasks, strict=True):
            for source, colour in zip(SOURCES, PALETTE, strict=False):
                curve = training_curves(found[task], f"weight_{source}")
                low, high = statistics.mean_band(curve.values, curve.seeds, found[task].source(curve.seeds))
                axis.plot(curve.steps, curve.values.mean(0), color=colour, lw=2.0, label=NAMES[source])
                axis.fill_between(curve.steps, low, high, color=colour, alpha=0.18, lw=0)
            axis.axhline(1.0, color="#888888", lw=0.8, ls=":")
            steps_axis(axis, "updates")
            axis.set_xlim(left=0)
        label_rows(axes, "weight of the constraint")
        shared_legend(figure, axes)
    return figure


def figures(records: Sequence[Record], title: str) -> dict[str, Figure | None]:
    return {"weights_by_source": weights_by_source(records, f"{title}: weight by source")}
