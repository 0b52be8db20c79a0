"""PEX's claims as data: Zhang, Xu and Yu 2023, "Policy Expansion", arXiv 2302.00935.

The body of the paper could not be read, so only what its abstract and summaries of it say in words
is held against our records, by tests of our own making; no number of the paper stands here. Scores
are normalised by this suite's own random and expert returns (in mazes 100 × success); D4RL's constants
stand beside them in the table of returns. Where the offline policy is not competent, its task is
left out and the reason said.
"""

from __future__ import annotations

from guided_rl.reporting import offline_claims
from guided_rl.reporting.claims import Claim

BODIES = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5")
DATASETS = ("random", "medium", "medium-replay")
LOCOMOTION = tuple(f"{body}/{dataset}" for body in BODIES for dataset in DATASETS)
MAZES = {"umaze": ("fixed", "diverse"), "medium": ("play", "diverse")}
ANTMAZE = tuple(f"AntMaze-{maze}/{kind}" for maze, kinds in MAZES.items() for kind in kinds)
ABLATED = ("HalfCheetah-v5/medium-replay", "Walker2d-v5/medium")
FREE, FRESH, SWEEP = "offline policy free", "critic not transferred", "kappa sweep"
OFFLINE = "offline"
BASELINES = ("awac", "jsrl", "off2on")
LEAST = {f"{body}-{maze}": 50.0 if maze == "umaze" else 20.0 for body in ("AntMaze", "PointMaze") for maze in MAZES}
GATE = offline_claims.Gate("iql-offline", OFFLINE, share=0.5, least=LEAST)
ABSTRACT = "abstract of arXiv 2302.00935"
SUMMARY = "a machine-written summary, not checked against the paper's text"
EARLY, MARGIN = 0.05, 0.10  # 50k of 1M steps; a tenth of the offline score, which is ours


def claim(number: str, statement: str, source: str, metric: str, threshold: str, judge, unit: str = "return") -> Claim:
    return Claim(f"pex/{number}", "PEX", statement, source, metric, threshold, judge, unit=unit)


def beats(number: str, base: str, tasks: tuple[str, ...], where: str, metric: str) -> Claim:
    shown = {"final": "at the end", "auc": "on average over training"}[metric]
    name = {"iql": "IQL from scratch"}.get(base, base)
    return claim(
        number,
        f"PEX scores higher than {name} {shown} {where}",
        f"{ABSTRACT}; the test is ours",
        f"mean over tasks of the normalised score of PEX less that of {name}, {shown}",
        "> 0",
        offline_claims.better("pex", base, tasks, metric, GATE),
    )


def claims() -> list[Claim]:
    """C1 against each baseline, C2 to C6."""
    names = {"direct": "", "buffer": ".buffer", "iql": ".scratch"}
    everywhere = [
        beats(f"C1{suffix}{mark}", base, LOCOMOTION + ANTMAZE, "over all tasks", metric)
        for base, suffix in names.items()
        for metric, mark in (("final", ""), ("auc", "'"))
    ]
    parts = [
        beats("C1.locomotion", "direct", LOCOMOTION, "on locomotion", "final"),
        beats("C1.antmaze", "direct", ANTMAZE, "on AntMaze", "final"),
        *(beats(f"C1.{base}", base, ABLATED, "on the two ablation tasks", "final") for base in BASELINES),
    ]
    largest = claim(
        "C2",
        "PEX gains most on AntMaze",
        SUMMARY,
        "mean gain of PEX over direct on AntMaze less that on locomotion, at the end",
        "> 0",
        offline_claims.larger_gain("pex", "direct", ANTMAZE, LOCOMOTION, "final", GATE),
    )
    kept = claim(
        "C3",
        "PEX does not destroy the offline behaviour early online",
        f"{ABSTRACT}; the margin of 10 % is ours",
        "least change from each seed's offline score at 5 % of the budget, or the evaluation nearest to it, as a share "
        "of that score",
        "> −10 % on each task",
        offline_claims.keeps(
            "pex", tuple(t for t in LOCOMOTION + ANTMAZE if not t.endswith("random")), EARLY, MARGIN, GATE
        ),
        unit="gain",
    )
    frozen = claim(
        "C4",
        "it matters that the offline policy is frozen",
        SUMMARY,
        "score of PEX less that with a free offline policy, at the end",
        "> 0 on average over two tasks",
        offline_claims.better("pex", "pex", ABLATED, "final", GATE, FREE),
    )
    transfer = claim(
        "C5",
        "it matters that the critic is transferred",
        SUMMARY,
        "score of PEX less that with fresh critics, on average over training",
        "> 0 on average over two tasks",
        offline_claims.better("pex", "pex", ABLATED, "auc", GATE, FRESH),
    )
    kappa = claim(
        "C6",
        "the choice of κ matters on some tasks",
        SUMMARY,
        "largest difference of final scores between two of κ in {1, 3, 10, 30, 100}",
        "> 0 on a task",
        offline_claims.value_matters("pex", SWEEP, "inverse_temperature", ABLATED, "final"),
    )
    return [*everywhere, *parts, largest, kept, frozen, transfer, kappa]


CLAIMS = claims()
