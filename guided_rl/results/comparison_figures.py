"""The four figures of Agarwal et al. 2021 (arXiv 2108.13264) for competitors on one task.

Interval bars of mean and IQM, the performance profile, P(improvement), and the sample-efficiency curve, all over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from guided_rl.results.comparing import METRICS, Row
from guided_rl.results.plot_style import (
    FAINT,
    STYLE,
    colours,
    label_rows,
    panels,
    returns_axis,
    shared_legend,
    steps_axis,
)
from guided_rl.results.records import Record
from guided_rl.results.statistics import LEAST_SEEDS, Sample, iqm_interval, mean_band, mean_interval
from guided_rl.results.summaries import curves, sample

NAMES = {"early": "early", "auc": "AUC", "final": "final"}


def interval_bars(records: Sequence[Record]) -> Figure | None:
    """Mean and interquartile mean over seeds with their 95 % intervals, a panel each for early, AUC and final."""
    palette = colours(r.method for r in records)
    with matplotlib.rc_context(STYLE):
        figure, axes = panels([f"{NAMES[m]} return" for m in METRICS], "Mean (filled) and interquartile mean (open)")
        for axis, metric in zip(axes, METRICS, strict=True):
            for place, record in enumerate(records):
                found = sample(record, metric)
                for lift, interval, face in ((0.12, mean_interval(found), None), (-0.12, iqm_interval(found), "white")):
                    bars = np.nan_to_num([[interval.value - interval.low], [interval.high - interval.value]])
                    axis.errorbar(
                        [interval.value], [-place + lift], xerr=bars, fmt="o", ms=6, capsize=3, lw=1.6,
                        color=palette[record.method], markerfacecolor=face,
                    )  # fmt: skip
            axis.set_yticks([-i for i in range(len(records))], [r.method for r in records])
            axis.set_ylim(-len(records) + 0.5, 0.5)
            returns_axis(axis.xaxis)
    return figure


def performance_profile(records: Sequence[Record], metric: str) -> Figure | None:
    """Share of seeds whose return is above τ, for every τ, with pointwise 95 % intervals."""
    samples = [sample(record, metric) for record in records]
    values = np.concatenate([s.values for s in samples])
    if not values.size or np.ptp(values) == 0:
        return None
    thresholds = np.linspace(values.min(), values.max(), 101)
    palette = colours(r.method for r in records)
    with matplotlib.rc_context(STYLE):
        figure, (axis,) = panels([""], f"Performance profile: seeds whose {NAMES[metric]} return is above τ")
        for record, found in zip(records, samples, strict=True):
            above = (found.values[:, None] > thresholds).astype(float)
            low, high = mean_band(above, found.seeds, found.source)
            axis.plot(thresholds, above.mean(0), color=palette[record.method], label=record.method)
            band = np.clip(low, 0, 1), np.clip(high, 0, 1)
            axis.fill_between(thresholds, *band, color=palette[record.method], alpha=0.15, lw=0)
        axis.set_ylim(0, 1.02)
        axis.set_xlabel("τ")
        axis.set_ylabel("share of seeds")
        returns_axis(axis.xaxis)
        shared_legend(figure, [axis])
    return figure


def improvement(rows: Sequence[Row]) -> Figure | None:
    """P(a seed of the competitor is better than a seed of the first), with 95 % intervals."""
    shown = [row for row in rows if row.improves is not None]
    if not shown:
        return None
    palette = colours(row.record.method for row in rows)
    with matplotlib.rc_context(STYLE):
        figure, (axis,) = panels([""], f"P(better than {rows[0].record.method})")
        for place, row in enumerate(shown):
            found = row.improves
            bars = np.nan_to_num([[found.value - found.low], [found.high - found.value]])
            axis.errorbar(
                [found.value], [-place], xerr=bars, fmt="o", ms=6, capsize=3, lw=1.6, color=palette[row.record.method]
            )
        axis.axvline(0.5, color=FAINT, lw=1, ls=":")
        axis.set_yticks([-i for i in range(len(shown))], [row.record.method for row in shown])
        axis.set_ylim(-len(shown) + 0.5, 0.5)
        axis.set_xlim(-0.02, 1.02)
    return figure


def sample_efficiency(records: Sequence[Record]) -> Figure | None:
    """Interquartile mean over seeds along training; none for fewer than ten seeds."""
    found = {record.method: curves(record) for record in records}
    if min(curve.seeds.size for curve in found.values()) < LEAST_SEEDS:
        return None
    palette = colours(found)
    with matplotlib.rc_context(STYLE):
        figure, (axis,) = panels([""], "Sample efficiency: interquartile mean over seeds")
        for record in records:
            curve = found[record.method]
            source = record.source(curve.seeds)
            bands = [iqm_interval(Sample(column, curve.seeds, source)) for column in curve.values.T]
            value, low, high = (np.array([getattr(band, end) for band in bands]) for end in ("value", "low", "high"))
            axis.plot(curve.steps, value, color=palette[record.method], label=record.method)
            axis.fill_between(curve.steps, low, high, color=palette[record.method], alpha=0.15, lw=0)
        steps_axis(axis)
        axis.set_xlim(left=0)
        label_rows([axis], "return")
        shared_legend(figure, [axis])
    return figure
