"""Reward-robust planning's table: after Huang et al. 2018, "Learning Safe Policies with Expert Guidance" (1805.08313).

Four tasks: a grid of 5 × 5 and one of 10 × 10 with a wall that no expert saw; small grids of several grounds, one of
twenty layouts drawn at reset; and a tabulated cart-pole with an unseen part of the track. Four planners, all given the
same experts: reward-robust, naive-planning, cloning-planning and apprenticeship. Then reward-robust with a noisy expert
and with two experts who disagree, each at an ε a little above the least at which any reward explains them, and a sweep
of ε. A step is a round of planning.

Arithmetic of preset cpu, in rounds: 4 tasks × 4 planners × 10 seeds × 200 = 32,000; 4 noisy and 2 of two experts,
12,000; 3 values of ε × 10 × 200 on one task, 6,000. Seconds to a minute a cell, most of it compilation and the sample
of consistent weights. Every preset has the paper's kind of scale; a larger one has more rounds, seeds and samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.papers.robust.claims import (
    CLAIMS,
    LIVE,
    NOISY,
    TASKS,
    TWO,
    WITH_TWO,
    at_the_end,
    epsilon_of,
    exact_worst_case,
    experts_of,
    problem_of,
    reference,
)
from benchmarks.papers.robust.figures import figures
from benchmarks.runner.cells import Cell, PaperTable
from guided_rl.config import RunConfig
from guided_rl.results import statistics
from guided_rl.results.records import Record
from guided_rl.results.tables import Table, estimate, number, section_starts

METHODS = ("reward-robust", "naive-planning", "cloning-planning", "apprenticeship")
SWEEP, SWEPT = "epsilon sweep", (0.0, 0.05, 0.2)
NOISE = {"RobustGrid-5": 0.1, "RobustGrid-10": 0.2, "RobustGrid-layouts": 0.07, "RobustCartPole": 2.2}
DISAGREEMENT = {"RobustGrid-layouts": 0.02, "RobustCartPole": 0.05}
SCALE: dict[str, dict[str, Any]] = {
    "smoke": {"steps": 20, "seeds": 2, "evaluations": 2, "episodes": 1},
    "quick": {"steps": 100, "seeds": 10, "evaluations": 10, "episodes": 2},
    "cpu": {"steps": 200, "seeds": 10, "evaluations": 20, "episodes": 5},
    "long": {"steps": 2_000, "seeds": 10, "evaluations": 20, "episodes": 10},
    "paper": {"steps": 2_000, "seeds": 20, "evaluations": 20, "episodes": 10},
}
SAMPLES = {"RobustGrid-layouts": 1024, "RobustCartPole": 128}  # where value iteration is dear; else 4,096


def cell(preset: str, task: str, method: str, variant: str = "", experts: str = "exact", **changes) -> Cell:
    """One planner on one task."""
    options = {"samples": SAMPLES.get(task, 4096), **({} if experts == "exact" else {"experts": experts})}
    return Cell(RunConfig(task=task, method=method, options=options, **{**SCALE[preset], **changes}), variant)


def sweep(preset: str, task: str = "RobustGrid-layouts") -> Cell:
    """reward-robust at every ε."""
    return cell(preset, task, "reward-robust", SWEEP, grid={"epsilon": SWEPT})


def cells(preset: str) -> Sequence[Cell]:
    """The planners on every task, then other experts, then the sweep."""
    if preset in ("smoke", "quick"):
        return [cell(preset, "RobustGrid-5", method) for method in METHODS[:2]]
    main = [cell(preset, task, method) for task in TASKS for method in METHODS]
    noisy = [cell(preset, task, "reward-robust", NOISY, "noisy", hparams={"epsilon": NOISE[task]}) for task in TASKS]
    two = [
        cell(preset, task, "reward-robust", TWO, "two", hparams={"epsilon": DISAGREEMENT[task]}) for task in WITH_TWO
    ]
    return [*main, *noisy, *two, sweep(preset)]


def beside_the_programme(records: Sequence[Record], title: str) -> Table:
    """Every planner's exact worst case beside the linear programme's, and where each of them goes."""
    rows, data = [], []
    for record in (r for r in records if len(r.points) == 1):
        problem, experts, epsilon = problem_of(record.task), experts_of(record), epsilon_of(record)
        best = reference(record.task, experts, epsilon)
        share = (1 - problem.gamma) * float(best.occupancy.sum(-1) @ problem.test.features[:, problem.unseen])
        found = {name: statistics.mean_interval(s) for name, s in measured(record).items()}
        texts = (number(best.value), estimate(found["worst"]), f"{share:.4f}", *map(shown, (found["unseen"],)))
        names = (record.task, record.variant or "–", record.method)
        rows.append((*names, f"{epsilon:g}", *texts, shown(found["agreement"])))
        data.append(
            {"task": record.task, "variant": record.variant, "method": record.method, "epsilon": epsilon}
            | {"programme": best.value, "programme_unseen": share, **found}
        )
    columns = (
        "Task",
        "Experts",
        "Planner",
        "ε",
        "Worst case,\nprogramme",
        "Worst case",
        "Unseen,\nprogramme",
        "Unseen",
    )
    notes = (
        "Worst case: the least discounted return over all rewards that explain the experts to within ε, exactly. The "
        "linear programme's is the best that there is.",
        "Unseen: the share of discounted time on the feature that no expert showed. Agreement: off it, the share of "
        "decisions that are best for the true reward.",
    )
    return Table(
        title, (*columns, "Agreement"), tuple(rows), 4, notes, tuple(data), section_starts([r[0] for r in rows])
    )


def measured(record: Record) -> dict[str, statistics.Sample]:
    return {
        "worst": exact_worst_case(record),
        "unseen": at_the_end(record, "unseen_share"),
        "agreement": at_the_end(record, "agreement"),
    }


def shown(interval: statistics.Interval) -> str:
    """A share with its interval, to four places."""
    ends = np.array([interval.low, interval.high])
    return f"{interval.value:.4f}" + (f" [{ends[0]:.4f}, {ends[1]:.4f}]" if np.isfinite(ends).all() else "")


TABLE = PaperTable(
    name="robust",
    title="Reward-robust",
    cells=cells,
    claims=CLAIMS,
    pairs=(("reward-robust", "naive-planning"),),
    sweeps=(("epsilon", "naive-planning"),),
    figures=figures,
    published=beside_the_programme,
    live=(LIVE,),
)
