"""MENTOR's own figures: entropy, pass@k and the expert's share over training, gate by gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib
from matplotlib.figure import Figure

from benchmarks.claims.ledger import Missing
from benchmarks.claims.success_judges import pass_at_k
from benchmarks.papers.mentor.claims import BASE, GATES, MENTOR, K
from guided_rl.results import statistics
from guided_rl.results.plot_style import STYLE, colours, label_rows, panels, shared_legend, steps_axis
from guided_rl.results.records import Record
from guided_rl.results.summaries import Curves, curves, training_curves

NAMES = (BASE, "entropy gate", *GATES.values())
Read = Callable[[Record], Curves]


def figures(records: Sequence[Record], title: str) -> dict[str, Figure | None]:
    """Figures by file name; None where no record has what one shows."""
    guided = [r for r in records if r.method == MENTOR]
    at_k = lambda record: pass_at_k(record, min(K, int(record.config["episodes"])))
    return {
        "sampled": drawn(records, lambda r: curves(r, "sampled"), f"{title}: return of the sampled policy", "return"),
        "entropy": drawn(records, lambda r: training_curves(r, "entropy"), f"{title}: entropy over training", "nats"),
        "pass_at_k": drawn(records, at_k, f"{title}: one success in {K} sampled episodes", f"pass@{K}"),
        "advised": drawn(
            guided, lambda r: training_curves(r, "advised"), f"{title}: the expert's share of mixed steps", "share"
        ),
    }


def named(record: Record) -> str:
    """How figures call a cell; empty for those that they leave out."""
    name = record.variant if record.variant else BASE if record.method == BASE else "entropy gate"
    return name if name in NAMES else ""


def drawn(records: Sequence[Record], read: Read, title: str, label: str) -> Figure | None:
    """Mean of a curve and its 95 % band for GRPO and every gate, per task."""
    shown = [r for r in records if len(r.points) == 1 and named(r)]
    if not shown:
        return None
    palette, tasks = colours(NAMES), list(dict.fromkeys(r.task for r in shown))
    with matplotlib.rc_context(STYLE):
        figure, axes = panels(tasks, title)
        for axis, task in zip(axes, tasks, strict=True):
            for record in sorted((r for r in shown if r.task == task), key=lambda r: NAMES.index(named(r))):
                try:
                    curve = read(record)
                except Missing:
                    continue
                low, high = statistics.mean_band(curve.values, curve.seeds)
                colour = palette[named(record)]
                axis.plot(curve.steps, curve.values.mean(0), color=colour, label=named(record))
                axis.fill_between(curve.steps, low, high, color=colour, alpha=0.12, lw=0)
            steps_axis(axis)
            axis.set_xlim(left=0)
        label_rows(axes, label)
        shared_legend(figure, axes)
    return figure
