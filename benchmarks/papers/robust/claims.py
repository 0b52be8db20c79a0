"""Claims about planning that is robust to an unknown reward: Huang et al. 2018, arXiv 1805.08313, introduction read.

The linear programme is the reference; it is solved anew wherever a claim or a table needs it. "Safe", the paper's word,
means robust to a mis-specified reward, and nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from benchmarks.claims.judge_parts import on_tasks
from benchmarks.claims.ledger import Claim, Judge, View
from guided_rl import envs
from guided_rl.planning import linear_programme
from guided_rl.planning.problem import RewardProblem
from guided_rl.results import statistics
from guided_rl.results.records import Record
from guided_rl.results.statistics import Interval, Sample
from guided_rl.results.summaries import summarise, training_curves
from guided_rl.results.verdicts import above, below, every, within

GRIDS = ("RobustGrid-5", "RobustGrid-10", "RobustGrid-layouts")
TASKS = (*GRIDS, "RobustCartPole")
WITH_TWO = ("RobustGrid-layouts", "RobustCartPole")
NOISY, TWO = "noisy expert", "two experts"
SEEN, CLOSE, AGREED = 0.01, 0.02, 0.95
PAPER, OURS = "introduction of arXiv 1805.08313; the measure is ours", "ours"


def problem_of(task: str) -> RewardProblem:
    """The task's table."""
    return envs.make(task).problem


def experts_of(record: Record) -> str:
    return record.config["options"].get("experts", "exact")


def epsilon_of(record: Record) -> float:
    return float(record.config["hparams"].get("epsilon", 0.0))


@functools.lru_cache(maxsize=64)
def reference(task: str, experts: str, epsilon: float) -> linear_programme.Maximin:
    """The linear programme's solution."""
    return linear_programme.maximin(problem_of(task), experts, epsilon)


@functools.lru_cache(maxsize=4096)
def _worst_case(task: str, experts: str, epsilon: float, counts: tuple[float, ...]) -> float:
    return linear_programme.worst_case(problem_of(task), experts, epsilon, np.asarray(counts))


def at_the_end(record: Record, metric: str) -> Sample:
    """A metric over the last rounds, one value per healthy seed."""
    curve = training_curves(record, metric)
    return Sample(summarise(curve, record.budget, "final"), curve.seeds, record.source(curve.seeds))


def exact_worst_case(record: Record) -> Sample:
    """Every seed's worst case over all consistent rewards, not just those sampled."""
    names = [f"count_{number}" for number in range(len(problem_of(record.task).low))]
    counts = np.stack([at_the_end(record, name).values for name in names], -1)
    own = functools.partial(_worst_case, record.task, experts_of(record), epsilon_of(record))
    like = at_the_end(record, names[0])
    return Sample(np.array([own(tuple(np.round(row, 6))) for row in counts]), like.seeds, like.source)


def avoids_unseen(method: str = "reward-robust", tasks: Sequence[str] = TASKS) -> Judge:
    """The share of discounted time on the unseen feature is below 1 %, on every task."""
    measure = lambda view, task: statistics.mean_interval(at_the_end(view.record(method, task), "unseen_share"))
    return on_tasks(((method, ""),), tasks, measure, lambda i: below(i, SEEN), every, best=True, form=as_percent)


def runs_into_unseen(method: str = "naive-planning") -> Judge:
    """The same of a naive planner is above 1 %, on every task."""
    measure = lambda view, task: statistics.mean_interval(at_the_end(view.record(method, task), "unseen_share"))
    return on_tasks(((method, ""),), TASKS, measure, lambda i: above(i, SEEN), every, form=as_percent)


def close_to_reference() -> Judge:
    """(exact worst case − LP) / |LP| is within 2 % on every task."""

    def gap(view: View, task: str) -> Interval:
        record = view.record("reward-robust", task)
        best = reference(task, experts_of(record), epsilon_of(record)).value
        return statistics.mean_interval(exact_worst_case(record).map(lambda values: (values - best) / abs(best)))

    rank = lambda interval: abs(interval.value)
    cells = (("reward-robust", ""),)
    return on_tasks(cells, TASKS, gap, lambda i: within(i, CLOSE), every, True, as_percent, rank)


def agrees_elsewhere() -> Judge:
    """Off the unseen feature the planner decides as an expert who knew its weight would, 95 % of the time."""
    measure = lambda view, task: statistics.mean_interval(at_the_end(view.record("reward-robust", task), "agreement"))
    cells = (("reward-robust", ""),)
    return on_tasks(cells, TASKS, measure, lambda i: above(i, AGREED), every, form=as_percent)


def feasible_with_two() -> Judge:
    """With two experts who disagree there is a robust policy at the ε of the cells: its occupancy is below 1 %."""

    def share(view: View, task: str) -> Interval:
        record = view.record("reward-robust", task, TWO)
        least = linear_programme.least_epsilon(problem_of(task), "two")
        found = statistics.mean_interval(at_the_end(record, "unseen_share"))
        note = f"ε {epsilon_of(record):g}, of which {least:.4f} is the least that two such experts need"
        return Interval(**{**found.__dict__, "note": "; ".join(part for part in (note, found.note) if part)})

    return on_tasks(
        (("reward-robust", TWO),), WITH_TWO, share, lambda i: below(i, SEEN), every, best=True, form=as_percent
    )


def as_percent(interval: Interval) -> str:
    """A share as one reads it."""
    shown = lambda value: f"{100 * value:.2f}"
    if not np.isfinite([interval.low, interval.high]).all():
        return f"{shown(interval.value)} %"
    return f"{shown(interval.value)} % [{shown(interval.low)}, {shown(interval.high)}]"


def claim(number: str, statement: str, source: str, metric: str, threshold: str, judge: Judge) -> Claim:
    return Claim(f"robust/{number}", "Reward-robust", statement, source, metric, threshold, judge)


LIVE = claim(
    "S1.live",
    "The robust planner keeps off what no expert showed",
    "S1 on the smallest grid",
    "share of discounted time on the unseen feature, over the last rounds",
    "< 1 %",
    avoids_unseen(tasks=GRIDS[:1]),
)
CLAIMS = (
    claim(
        "S1",
        "The robust planner keeps off what no expert showed",
        PAPER,
        "share of discounted time on the unseen feature, over the last rounds",
        "< 1 % on each task",
        avoids_unseen(),
    ),
    claim(
        "S1.naive",
        "A planner for the mean of the consistent rewards does not",
        PAPER,
        "the same of naive-planning",
        "> 1 % on each task",
        runs_into_unseen(),
    ),
    claim(
        "S2",
        "Following the perturbed leader comes to the best worst case",
        OURS,
        "exact worst case over all consistent rewards, beside the linear programme's, as a share of its size",
        "within 2 % on each task",
        close_to_reference(),
    ),
    claim(
        "S3",
        "Elsewhere it decides as the expert would",
        PAPER,
        "share of decisions, weighted by discounted visits off the unseen feature, that are best for the true reward",
        "> 95 % on each task",
        agrees_elsewhere(),
    ),
    claim(
        "S4",
        "Two experts who disagree can be followed at some ε, which is reported",
        PAPER,
        "share of discounted time on the unseen feature at that ε",
        "< 1 % on each task",
        feasible_with_two(),
    ),
)
