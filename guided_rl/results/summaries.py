"""From a record's episodes to one number per seed: curves, and summaries of curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from guided_rl.results.records import POLICY, Record
from guided_rl.results.statistics import Sample
from guided_rl.runtime.errors import UserError

FINAL_SHARE = 0.1
EARLY_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class Curves:
    """Mean evaluation return of every healthy seed at every evaluation point.

    Attributes:
      seeds: [n]. steps: [m], ascending. values: [n, m].
      failed: seeds that are left out, with the step at which they turned non-finite.
    """

    seeds: np.ndarray
    steps: np.ndarray
    values: np.ndarray
    failed: dict[int, int]


def protocols(record: Record) -> list[str]:
    """Evaluation protocols of a record, the learner's own policy first."""
    found = set(record.returns["protocol"].unique().to_pylist())
    return sorted(found, key=lambda name: (name != POLICY, name))


def curves(record: Record, protocol: str = POLICY, point: int = 0, column: str = "episode_return") -> Curves:
    """Per-seed means over episodes; seeds that failed are listed, never averaged in.

    Raises:
      UserError: seeds were not evaluated at the same steps.
    """
    table = record.returns
    mine = pc.and_(pc.equal(table["protocol"].cast(pa.string()), protocol), pc.equal(table["point"], point))
    return _pivot(record, table.filter(mine), column, point, what=f"protocol {protocol!r}")


def training_curves(record: Record, metric: str, point: int = 0) -> Curves:
    """A training metric of every healthy seed, for instance `failures` or `critic_loss`."""
    table = record.training
    mine = pc.and_(pc.equal(table["metric"].cast(pa.string()), metric), pc.equal(table["point"], point))
    return _pivot(record, table.filter(mine), "value", point, what=f"metric {metric!r}")


def counted(record: Record, metric: str, point: int = 0) -> Sample:
    """A training count, such as `failures`, summed over the whole run, one value per healthy seed."""
    curve = training_curves(record, metric, point)
    return Sample(summarise(curve, record.budget, "sum"), curve.seeds, record.source(curve.seeds))


def behaviour_curves(record: Record, point: int = 0) -> tuple[Curves, np.ndarray]:
    """Mean return of the episodes that ended in training since the last evaluation, as executed, and their number.

    Both [n, m]; where no episode ended the mean is NaN.
    """
    table = record.training
    having = lambda name: pc.and_(pc.equal(table["metric"].cast(pa.string()), name), pc.equal(table["point"], point))
    read = lambda name: _pivot(record, table.filter(having(name)), "value", point, f"metric {name!r}", holes=True)
    return read("training_return"), read("episodes").values


def behaviour(record: Record, metric: str, point: int = 0) -> Sample:
    """Mean return of training episodes, one value per healthy seed that ended any in that part of training.

    Args:
      metric: `early`, the first 25 % of the budget; `final`, the last 10 % of the intervals between evaluations.
    """
    curve, episodes = behaviour_curves(record, point)
    if not curve.seeds.size:
        return Sample(np.zeros(0))
    if metric == "final":
        within = np.arange(curve.steps.size) >= curve.steps.size - max(1, round(FINAL_SHARE * curve.steps.size))
    else:
        within = curve.steps <= EARLY_SHARE * record.budget
    count = episodes[:, within].sum(1)
    summed = np.nansum(curve.values[:, within] * episodes[:, within], 1)
    some = count > 0
    seeds = curve.seeds[some]
    return Sample(summed[some] / count[some], seeds, record.source(seeds))


def summarise(curve: Curves, budget: int, metric: str) -> np.ndarray:
    """One number per seed [n].

    Args:
      metric: `final`, mean of the last 10 % of the evaluation points; `early`, the point nearest to 25 %
        of the budget; `auc`, mean of all points; `at:x`, the point nearest to the share x of the budget;
        `auc:x`, mean of the points up to that share, of the first if it lies beyond; `sum`, the sum of
        all points, for counts. What is evaluated before the first step belongs to no summary.
    """
    started = curve.steps > 0
    if not started.any():
        return np.zeros(0)
    read = curve.values[:, started][:, _read(curve.steps[started], budget, metric)]
    return read.sum(1) if metric == "sum" else read.mean(1)


def read_elsewhere(records: Iterable[Record], metric: str) -> str:
    """At which share of the budget a metric was read, as a phrase; empty where it is the share that it names."""
    asked, found = _asked(metric), set()
    if asked is None:
        return ""
    for record in records:
        steps = np.unique(record.returns["step"].to_numpy())
        steps = steps[steps > 0]
        if steps.size:
            found.add(round(float(steps[_read(steps, record.budget, metric)].max()) / record.budget, 4))
    if found <= {asked}:
        return ""
    shown, named = " and ".join(f"{100 * share:.3g} %" for share in sorted(found)), f"{100 * asked:.3g} %"
    if metric.startswith("auc"):
        return f"read up to {shown} of the budget instead of {named}"
    return f"read at {shown} of the budget, where the evaluation nearest to {named} lies"


def _asked(metric: str) -> float | None:
    """The share of the budget that a metric names."""
    name, _, share = metric.partition(":")
    return float(share) if share else EARLY_SHARE if name == "early" else None


def _read(steps: np.ndarray, budget: int, metric: str) -> np.ndarray:
    """Which evaluations [m] a metric is made of."""
    name, share, points = metric.partition(":")[0], _asked(metric), np.arange(steps.size)
    if name == "final":
        return points >= steps.size - max(1, round(FINAL_SHARE * steps.size))
    if name in ("early", "at") and share is not None:
        return points == np.abs(steps - share * budget).argmin()
    if name == "auc":
        return (steps <= (np.inf if share is None else share * budget)) | (points == 0)
    if name == "sum":
        return points >= 0
    raise ValueError(f"unknown metric {metric!r}")


def sample(
    record: Record, metric: str, protocol: str = POLICY, point: int = 0, steps: np.ndarray | None = None
) -> Sample:
    """A record's summary, one value per healthy seed, ready for `statistics`.

    Args:
      steps: only the evaluations at these, as if the last of them were the budget.
    """
    curve, budget = curves(record, protocol, point), record.budget
    if steps is not None:
        kept = np.isin(curve.steps, steps)
        curve, budget = dataclasses.replace(curve, steps=curve.steps[kept], values=curve.values[:, kept]), max(steps)
    return Sample(summarise(curve, budget, metric), curve.seeds, record.source(curve.seeds))


def steps_to(curve: Curves, level: float) -> np.ndarray:
    """Environment steps [n] of the first evaluation at or above `level`; infinite where none is."""
    above = curve.values >= level
    return np.where(above.any(1), curve.steps[above.argmax(1)], np.inf)


def shared(a: Record, b: Record) -> bool:
    """Whether two records may be paired by seed: the same experts or none, seeds and evaluation points.

    Evaluation episodes of one seed start alike for every method. A guide that is no registered expert,
    such as a script, is known by its name; a method without an expert shares none with one that has.
    """
    names = ("steps", "evaluations", "episodes", *(() if a.experts else ("guide", "dataset")))
    same = all(a.config.get(name) == b.config.get(name) for name in names)
    return a.experts == b.experts and a.seeds == b.seeds and a.task == b.task and same


def starts_alike(a: Record, b: Record) -> bool:
    """Whether both say how many steps they store before the first update, and it is as many."""
    of_a, of_b = a.config.get("warmup"), b.config.get("warmup")
    return of_a is not None and of_b is not None and round(of_a * a.budget) == round(of_b * b.budget)


def _pivot(record: Record, table: pa.Table, column: str, point: int, what: str, holes: bool = False) -> Curves:
    """Rows to [seeds, steps], means of what shares a place; unless there may be holes, NaN is a failure."""
    failed = {int(k.split("/")[0]): step for k, step in record.failed.items() if int(k.split("/")[1]) == point}
    means = table.group_by(["seed", "step"]).aggregate([(column, "mean")])
    seeds, row = np.unique(means["seed"].to_numpy(), return_inverse=True)
    steps, at = np.unique(means["step"].to_numpy(), return_inverse=True)
    if means.num_rows != seeds.size * steps.size:
        raise UserError(f"record {record.cell}: {what} lacks some seeds at some steps; run that cell again")
    values = np.empty((seeds.size, steps.size))
    values[row, at] = means[f"{column}_mean"].to_numpy()
    for index in [] if holes else np.flatnonzero(~np.isfinite(values).all(1)):
        failed.setdefault(int(seeds[index]), int(steps[~np.isfinite(values[index])][0]))
    healthy = ~np.isin(seeds, list(failed))
    return Curves(seeds[healthy], steps, values[healthy], dict(sorted(failed.items())))
