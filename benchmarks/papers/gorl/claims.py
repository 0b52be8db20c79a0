"""Claims about a network that weighs rows: after Yang et al. 2023, arXiv 2309.01448, of which the abstract was read.

The update is our reconstruction ("-style"), so that these are claims about it, and no number of the paper stands here.
Scores are normalised by this suite's own random and expert returns. Seeds are paired: seed k has the same experts'
data and the same starts in every arm, but for the 200 expert rows that the plain arm lacks.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.claims import offline_judges
from benchmarks.claims.judge_parts import Coverage, Tasks, on_tasks, outcome
from benchmarks.claims.ledger import Claim, Judge, NotRun, Outcome, View
from guided_rl.results import statistics
from guided_rl.results.statistics import Interval, Sample
from guided_rl.results.summaries import summarise, training_curves
from guided_rl.results.tables import estimate
from guided_rl.results.verdicts import above, every

BODIES = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5")
KINDS = ("random", "medium", "medium-replay", "medium-expert")
SETS = tuple(f"{body}/{kind}" for kind in KINDS for body in BODIES)
MIXED = tuple(f"{body}/medium-expert" for body in BODIES)
LESSER = tuple(f"{body}/{kind}" for kind in ("medium", "medium-replay") for body in BODIES)
DEMOS, BEST, SHUFFLED = "expert rows in the data", "best κ", "shuffled weights"
RELATIVE = "weights of mean one"
ABSTRACT, OURS = "abstract of arXiv 2309.01448; the test is ours", "ours: a control"


def paired_gain(
    base: tuple[str, str], tasks: Tasks = SETS, metric: str = "final", method: str = "gorl-style", variant: str = ""
) -> Judge:
    """Mean over sets of score(method) − score(base), seed by seed, is above zero; `base` is (method, variant)."""

    def gain(view: View, task: str) -> Sample:
        ours, theirs = view.record(method, task, variant), view.record(base[0], task, base[1])
        return offline_judges.scores(view, ours, metric).minus(offline_judges.scores(view, theirs, metric))

    def judge(view: View) -> Outcome:
        there = [task for task in tasks if view.find(method, task, variant) and view.find(base[0], task, base[1])]
        if not there:
            raise NotRun(f"no cells of {method} and {base[0]} {base[1]}".rstrip())
        parts = {task: [(1.0, task, gain(view, task))] for task in there}
        overall = offline_judges.total([part for found in parts.values() for part in found], len(there))
        each = "; ".join(f"{task} {estimate(offline_judges.total(found, 1))}" for task, found in parts.items())
        absent = [task for task in tasks if task not in there]
        coverage = Coverage(there, f"not run on {', '.join(absent)}" if absent else "")
        notes = [each, view.failed((method, base[0]), there)]
        return outcome(overall, lambda intervals: above(intervals[0], 0.0), [overall], coverage, notes)

    return judge


def weighs_newer_more(tasks: Tasks = MIXED, variant: str = "") -> Judge:
    """At the end a row of the data's second half weighs more than one of its first in more than half of all pairs."""

    def area(view: View, task: str) -> Interval:
        record = view.record("gorl-style", task, variant)
        curve = training_curves(record, "weight_auc")
        return statistics.mean_interval(
            Sample(summarise(curve, record.budget, "final"), curve.seeds, record.source(curve.seeds))
        )

    return on_tasks((("gorl-style", variant),), tasks, area, lambda i: above(i, 0.5), every)


def mixed_is_best(method: str = "td3-bc", metric: str = "final") -> Judge:
    """The score on a body's medium-expert is above that on its medium and on its medium-replay, for every body."""
    mixed_of = lambda task: f"{task.partition('/')[0]}/medium-expert"

    def lead(view: View, task: str) -> Interval:
        best, other = view.record(method, mixed_of(task)), view.record(method, task)
        parts = offline_judges.gap(view, best, other, metric)
        return offline_judges.total(parts, 1)

    return on_tasks(((method, ""),), LESSER, lead, lambda i: above(i, 0.0), every, metric=metric)


def gain(number: str, statement: str, source: str, base: tuple[str, str], **changes) -> Claim:
    named = " with ".join(part for part in base if part)
    method = changes.get("method", "gorl-style")
    metric = f"mean over the sets of the normalised score of {method} less that of {named}, seed by seed, at the end"
    judge = paired_gain(base, **changes)
    return Claim(f"gorl/{number}", "GORL-style", statement, source, metric, "> 0", judge, unit="return")


LIVE = Claim(
    "gorl/G1.live",
    "GORL-style",
    "A guiding network makes TD3+BC better, on one set",
    "G1 in small; no set was found on which so few steps decide it",
    "normalised score of gorl-style less that of td3-bc, seed by seed, at the end",
    "> 0",
    paired_gain(("td3-bc", ""), MIXED[1:2]),
    unit="return",
)
CLAIMS: Sequence[Claim] = (
    Claim(
        "gorl/G0",
        "GORL-style",
        "The base ends highest on medium-expert, as CORL's TD3+BC does on D4RL's data",
        "a check of the base: CORL's table of last scores, commit 022e449",
        "normalised score of td3-bc on medium-expert less that on medium or medium-replay, least of six pairs",
        "> 0 for each pair",
        mixed_is_best(),
        unit="return",
    ),
    gain("G1", "A guiding network makes TD3+BC better", ABSTRACT, ("td3-bc", "")),
    gain("G2", "It gains more than the same expert rows in the data do", OURS, ("td3-bc", DEMOS)),
    gain("G3", "It gains more than the best single κ for all rows", OURS, ("td3-bc", BEST)),
    Claim(
        "gorl/G4",
        "GORL-style",
        "It comes to weigh the constraint of expert rows more than that of medium rows",
        "ours, from the abstract's idea; the paper's own figures were not read",
        "at the end, the share of pairs of an expert and a medium row of medium-expert in which the former weighs more",
        "> 0.5 on each task",
        weighs_newer_more(),
        unit="return",
    ),
    Claim(
        "gorl/G4.relative",
        "GORL-style",
        "With weights of mean one it comes to weigh expert rows more than medium rows",
        "ours: such weights cannot all grow together",
        "as G4",
        "> 0.5 on each task",
        weighs_newer_more(variant=RELATIVE),
        unit="return",
    ),
    gain("G5", "It matters which row has which weight", OURS, ("gorl-style", SHUFFLED)),
    gain(
        "G6",
        "A guiding network makes IQL better",
        "abstract: it plugs into most offline learners; the update on IQL is ours",
        ("iql-offline", ""),
        tasks=MIXED,
        method="gorl-style-iql",
    ),
    gain(
        "G7",
        "A guiding network whose weights have mean one makes TD3+BC better",
        "ours: the guide cannot be one κ for all rows then",
        ("td3-bc", ""),
        tasks=MIXED,
        variant=RELATIVE,
    ),
)
