"""PEX's claims as data: Zhang, Xu and Yu 2023, "Policy Expansion", arXiv 2302.00935.

The body of the paper could not be read, so only what its abstract and summaries of it say in words
is held against our records, by tests of our own making; no number of the paper stands here. Scores
are normalised by this suite's own random and expert returns (in mazes 100 × success); D4RL's constants
stand beside them in the table of returns. Where the offline policy is not competent, its task is
left out, and the note begins with that. Preset long has a part of the tasks, which has claims of its own
(`C1.mazes`, `C1.replay.buffer`, `C1.beta…`, `C3.part`).

PEX's code has β = 10 where IQL has 3 in locomotion; both were asked for, and each has a claim of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from benchmarks.claims import offline_judges
from benchmarks.claims.ledger import Claim, Judge, Outcome, View
from guided_rl.results.records import Record

BODIES = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5")
DATASETS = ("random", "medium", "medium-replay")
LOCOMOTION = tuple(f"{body}/{dataset}" for body in BODIES for dataset in DATASETS)
MAZES = {"umaze": ("fixed", "diverse"), "medium": ("play", "diverse")}
ANTMAZE = tuple(f"AntMaze-{maze}/{kind}" for maze, kinds in MAZES.items() for kind in kinds)
ABLATED = ("HalfCheetah-v5/medium-replay", "Walker2d-v5/medium")
FREE, FRESH, SWEEP = "offline policy free", "critic not transferred", "kappa sweep"
OFFLINE = "offline"
AUTHORS_BETA, IQL_BETA = 10.0, 3.0
BETA_SETS = tuple(f"{body}/medium-replay" for body in BODIES)
README, README_SET = "README", "HalfCheetah-v5/random"  # the locomotion example of the authors' README
LONG_MAZES = ("AntMaze-umaze/fixed", "AntMaze-medium/play")
BASELINES = ("awac", "jsrl", "off2on")
LEAST = {f"{body}-{maze}": 50.0 if maze == "umaze" else 20.0 for body in ("AntMaze", "PointMaze") for maze in MAZES}
GATE = offline_judges.Gate("iql-offline", OFFLINE, share=0.5, least=LEAST)
ABSTRACT = "abstract of arXiv 2302.00935"
SUMMARY = "a machine-written summary, not checked against the paper's text"
EARLY, MARGIN = 0.05, 0.10  # 50k of 1M steps; a tenth of the offline score, which is ours


def beta_variant(beta: float) -> str:
    return f"β {beta:g}"


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
        gate_first(tasks, offline_judges.better("pex", base, tasks, metric, GATE)),
    )


def gate_first(tasks: Sequence[str], judge: Judge) -> Judge:
    """The same judge, whose note begins with the tasks that it left out because of their offline policy."""

    def judged(view: View) -> Outcome:
        found = judge(view)
        ran = [task for task in tasks if view.find(GATE.method, task, GATE.variant) is not None]
        unfit = [task for task in ran if GATE.reason(view, task)]
        if not unfit:
            return found
        said = f"judged without {len(unfit)} of {len(tasks)} tasks, whose offline policy is not competent"
        mazes = [task for task in ran if task in ANTMAZE]
        if mazes and set(mazes) <= set(unfit):
            said += ", so that it says nothing about AntMaze"
        return dataclasses.replace(found, note=f"{said}; {found.note}")

    return judged


def among(beta: float, judge: Judge) -> Judge:
    """The judge, on the cells with this β as if they were main ones: at some presets they are, at others a variant."""

    def judged(view: View) -> Outcome:
        chosen = [main for record in view.records if (main := _main_at(beta, record)) is not None]
        return judge(dataclasses.replace(view, records=tuple(chosen)))

    return judged


def _main_at(beta: float, record: Record) -> Record | None:
    """The record as a main cell, or main offline cell, if it has this β and differs in nothing else."""
    main = OFFLINE if record.method == GATE.method else ""
    own = f"{OFFLINE}, {beta_variant(beta)}" if main else beta_variant(beta)
    has = float(record.config.get("hparams", {}).get("awr_temperature", IQL_BETA)) == beta
    return dataclasses.replace(record, variant=main) if has and record.variant in (main, own) else None


def of_beta(beta: float, whose: str) -> Claim:
    return claim(
        f"C1.beta{beta:g}",
        f"PEX scores higher than direct at the end with β = {beta:g}, {whose}",
        f"{ABSTRACT}; the test is ours",
        "mean over the medium-replay sets of the normalised score of PEX less that of direct, at the end",
        "> 0",
        among(beta, offline_judges.better("pex", "direct", BETA_SETS, "final", GATE)),
    )


def like_readme() -> Claim:
    """On its example's dataset; the variant's cells are judged as if they were the main ones."""
    judge = offline_judges.better("pex", "direct", (README_SET,), "final", GATE)

    def judged(view: View) -> Outcome:
        chosen = [dataclasses.replace(r, variant="") for r in view.records if r.variant == README]
        return judge(dataclasses.replace(view, records=tuple(chosen)))

    return claim(
        "C1.readme",
        "PEX scores higher than direct at the end with the settings of its README's locomotion example",
        "README of the authors' code: halfcheetah-random, τ 0.9, β 10; the test is ours",
        "normalised score of PEX less that of direct, at the end",
        "> 0",
        judged,
    )


def keeps(number: str, tasks: tuple[str, ...], where: str) -> Claim:
    return claim(
        number,
        f"PEX does not destroy the offline behaviour early online{where}",
        f"{ABSTRACT}; the margin of 10 % is ours",
        "least change from each seed's offline score at 5 % of the budget, or the evaluation nearest to it, as a share "
        "of that score",
        "> −10 % on each task",
        gate_first(tasks, offline_judges.keeps("pex", tasks, EARLY, MARGIN, GATE)),
        unit="gain",
    )


def against_baselines() -> list[Claim]:
    """C1 over all tasks, then over those parts of them that are run first."""
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
        *(
            beats(f"C1.mazes{suffix}", base, LONG_MAZES, "on AntMaze's umaze and medium-play", "final")
            for base, suffix in (("direct", ""), ("buffer", ".buffer"))
        ),
        beats("C1.replay.buffer", "buffer", BETA_SETS, "on medium-replay", "final"),
        of_beta(AUTHORS_BETA, "its authors' code's default"),
        of_beta(IQL_BETA, "IQL's own in locomotion"),
        like_readme(),
    ]
    return [*everywhere, *parts]


def largest_gain() -> Claim:
    return claim(
        "C2",
        "PEX gains most on AntMaze",
        SUMMARY,
        "mean gain of PEX over direct on AntMaze less that on locomotion, at the end",
        "> 0",
        gate_first(
            ANTMAZE + LOCOMOTION, offline_judges.larger_gain("pex", "direct", ANTMAZE, LOCOMOTION, "final", GATE)
        ),
    )


def ablations() -> list[Claim]:
    """C4 to C6: what of PEX matters."""
    frozen = claim(
        "C4",
        "it matters that the offline policy is frozen",
        SUMMARY,
        "score of PEX less that with a free offline policy, at the end",
        "> 0 on average over two tasks",
        offline_judges.better("pex", "pex", ABLATED, "final", GATE, FREE),
    )
    transfer = claim(
        "C5",
        "it matters that the critic is transferred",
        SUMMARY,
        "score of PEX less that with fresh critics, on average over training",
        "> 0 on average over two tasks",
        offline_judges.better("pex", "pex", ABLATED, "auc", GATE, FRESH),
    )
    kappa = claim(
        "C6",
        "the choice of κ matters on some tasks",
        SUMMARY,
        "largest difference of final scores between two of κ in {1, 3, 10, 30, 100}",
        "> 0 on a task",
        offline_judges.value_matters("pex", SWEEP, "inverse_temperature", ABLATED, "final"),
    )
    return [frozen, transfer, kappa]


def claims() -> list[Claim]:
    """C1 against each baseline, C2 to C6."""
    kept = (
        keeps("C3", tuple(t for t in LOCOMOTION + ANTMAZE if not t.endswith("random")), ""),
        keeps("C3.part", BETA_SETS + LONG_MAZES, ", on medium-replay and two mazes"),
    )
    return [*against_baselines(), largest_gain(), *kept, *ablations()]


LIVE_SET = "HalfCheetah-v5/random"
LIVE = claim(
    "C1.live",
    "PEX scores higher than IQL from scratch at the end, on one set",
    "C1.scratch in small",
    "normalised score of PEX less that of IQL from scratch, at the end",
    "> 0",
    offline_judges.better("pex", "iql", (LIVE_SET,), "final", GATE),
)
CLAIMS = claims()
