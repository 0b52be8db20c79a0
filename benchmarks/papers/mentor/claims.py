"""MENTOR's claims as data: "MENTOR", arXiv 2510.04140, on control tasks, and one of ours.

The paper is about language models, and its numbers are of those: what is held against our records are the directions
that it claims. Success and returns are those of the policy as it acts in training, protocol `sampled`.
"""

from __future__ import annotations

import dataclasses

from benchmarks.claims import judges
from benchmarks.claims import success_judges as success
from benchmarks.claims.ledger import Claim

SPARSE = ("GridMaze-medium-4", "GridMaze-large-4", "DistractorChain-8")
TASKS = (*SPARSE, "CartPole-v1")
MENTOR, BASE = "mentor-control", "grpo"
GATES = {"random": "random gate", "time": "time gate", "always": "full injection", "prefix": "prefix"}
K = 32
PAPER = "arXiv 2510.04140, said of language models"
OURS = "ours; the paper has no such baseline"


def claim(number: str, statement: str, source: str, metric: str, judge, tasks: int = len(TASKS)) -> Claim:
    threshold = f"> 0 on {tasks - 1} of {tasks} tasks, < 0 on none"
    return Claim(f"mentor/{number}", "MENTOR", statement, source, metric, threshold, judge, unit="return")


def auc_above(variant: str):
    return judges.beats(MENTOR, MENTOR, TASKS, "auc", len(TASKS) - 1, success.SAMPLED, ("", variant))


LIVE = (
    dataclasses.replace(
        claim(
            "M1.live",
            "It learns faster than GRPO with as many roll-outs, all the learner's own",
            "M1 on one task",
            "AUC of the sampled policy's return, mentor-control − grpo",
            judges.beats(MENTOR, BASE, SPARSE[-1:], "auc", 1, success.SAMPLED),
        ),
        threshold="> 0",
    ),
)
CLAIMS = [
    claim(
        "M1",
        "It learns faster than GRPO with as many roll-outs, all the learner's own",
        PAPER,
        "AUC of the sampled policy's return, mentor-control − grpo, least of four tasks",
        judges.beats(MENTOR, BASE, TASKS, "auc", len(TASKS) - 1, success.SAMPLED),
    ),
    claim(
        "M2",
        "The policy's entropy stays above GRPO's",
        PAPER,
        "entropy in the states of own roll-outs at half of the budget, mentor-control − grpo, least of four tasks",
        success.metric_beats(MENTOR, BASE, TASKS, "entropy", 0.5, len(TASKS) - 1),
    ),
    claim(
        "M2'",
        "The policy's entropy stays above that with full injection of the expert",
        PAPER,
        "the same, entropy gate − full injection",
        success.metric_beats(MENTOR, MENTOR, TASKS, "entropy", 0.5, len(TASKS) - 1, ("", GATES["always"])),
    ),
    claim(
        "M3",
        f"pass@{K} is above GRPO's",
        PAPER,
        f"pass@{K} of the sampled policy, mean over evaluations, mentor-control − grpo, least of three sparse tasks",
        success.pass_at_k_beats(MENTOR, BASE, SPARSE, K, len(SPARSE) - 1),
        len(SPARSE),
    ),
    claim(
        "M4",
        "It learns faster than with roll-outs that are the expert's throughout",
        PAPER,
        "AUC of the sampled policy's return, entropy gate − full injection, least of four tasks",
        auc_above(GATES["always"]),
    ),
    claim(
        "M4'",
        "It learns faster than with the expert's prefixes",
        PAPER,
        "AUC of the sampled policy's return, entropy gate − prefix, least of four tasks",
        auc_above(GATES["prefix"]),
    ),
    claim(
        "M5",
        "It learns faster than a gate that opens at random as often",
        OURS,
        "AUC of the sampled policy's return, entropy gate − random gate, least of four tasks",
        auc_above(GATES["random"]),
    ),
]
