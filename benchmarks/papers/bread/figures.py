"""BREAD's own figures: steps to solve over a chain's length, and the accepted prefix over training."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from benchmarks.claims.success_judges import solving_steps
from guided_rl.results import figures as common
from guided_rl.results import training_figures
from guided_rl.results.plot_style import STYLE, label_rows, panels, steps_axis
from guided_rl.results.records import Record
from guided_rl.results.summaries import training_curves


def figures(records: Sequence[Record], title: str) -> dict[str, Figure | None]:
    """Figures by file name; None where no record has what one shows."""
    return {
        "gap": gap(records, f"{title}: steps to solve a chain"),
        "accepted_prefix": accepted_prefix(records, f"{title}: where accepted searches ended"),
        "training_entropy": training_figures.training_metric(
            records, "entropy", f"{title}: entropy of the policy", "nats"
        ),
    }


def growth(lengths: np.ndarray, steps: np.ndarray) -> tuple[float, float]:
    """(factor per place, power of the length) of least squares fits of log steps on n and on log n.

    Only lengths of which they are known enter; NaN where there are fewer than three.
    """
    whole = np.isfinite(steps)
    if whole.sum() < 3:
        return np.nan, np.nan
    log = np.log(steps[whole])
    return float(np.exp(np.polyfit(lengths[whole], log, 1)[0])), float(np.polyfit(np.log(lengths[whole]), log, 1)[0])


def gap(records: Sequence[Record], title: str) -> Figure | None:
    """Median steps until 90 % success over n, with fitted rates; open marks where less than half of the seeds did it.

    A median is known as soon as half of the seeds have solved the task, whenever the others would.
    """
    chains = [r for r in records if r.main and r.task.startswith("Chain-")]
    if len({r.task for r in chains}) < 3:
        return None
    palette, names = common.method_colours(records), common.method_names(records)
    with matplotlib.rc_context(STYLE):
        figure, (axis,) = panels(["Chain-n"], title)
        for name in names:
            mine = sorted((int(r.task.partition("-")[2]), r) for r in chains if r.method == name)
            if len(mine) < 3:
                continue
            lengths = np.array([n for n, _ in mine])
            middle = np.array([np.median(solving_steps(r).values) for _, r in mine])
            budget = np.array([float(r.budget) for _, r in mine])
            factor, power = growth(lengths, middle)
            told = "" if np.isnan(factor) else f": ×{factor:.2f} a place, or n^{power:.1f}"
            axis.plot(lengths, np.minimum(middle, budget), color=palette[name], lw=1.4, label=f"{name}{told}")
            half = np.isfinite(middle)
            axis.plot(lengths[half], middle[half], "o", color=palette[name])
            axis.plot(lengths[~half], budget[~half], "o", color=palette[name], mfc="white")
        axis.set_yscale("log")
        axis.set_xticks(sorted({int(r.task.partition("-")[2]) for r in chains}))
        axis.set_xlabel("places n; an open mark is the budget")
        axis.set_ylabel("environment steps, median")
        axis.legend(fontsize=8)
        figure.set_size_inches(6.4, 4.2)
    return figure


def accepted_prefix(records: Sequence[Record], title: str) -> Figure | None:
    """Mean share of the trace before accepted branches over training, all seeds together, per task."""
    mine = [r for r in records if r.main and r.method == "bread"]
    if not mine:
        return None
    with matplotlib.rc_context(STYLE):
        figure, axes = panels([r.task for r in mine], title)
        for axis, record in zip(axes, mine, strict=True):
            groups = training_curves(record, "groups").values
            prefix, accepted = (training_curves(record, name) for name in ("accepted_prefix", "accepted"))
            count = (accepted.values * groups).sum(0)
            share = (prefix.values * groups).sum(0) / np.where(count > 0, count, np.nan)
            axis.plot(prefix.steps, share, color=common.method_colours(records)["bread"])
            axis.set_ylim(0, 1)
            axis.set_xlim(0, record.budget)
            steps_axis(axis)
        label_rows(axes, "accepted prefix")
    return figure
