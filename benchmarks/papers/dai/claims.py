"""DAI's claims as data: Cao 2025, "Dynamic Action Interpolation", arXiv 2504.18766.

The paper's result tables could not be read, so only what its abstract or summaries of it say in
words is held against our records; no number of the paper stands here that they do not give.
Early is a quarter of the budget and final its end: 0.25M and 1M environment steps in the paper.
The algorithm that summaries name is TD3; each claim is judged on SAC as well, under `.sac`.

Two things that no source says decide these claims: T_change, and whether the learner's own policy or
the executed mixture is evaluated. So each is judged at every T_change that was run, chosen on tuning
seeds or fixed, and of returns by both protocols; its verdict is what all of them say (`readings`).
"""

from __future__ import annotations

from benchmarks.claims import judges
from benchmarks.claims.ledger import Claim
from benchmarks.claims.readings import Over, Setting, Source, under_every_reading
from guided_rl.results.records import POLICY

TASKS = ("HalfCheetah-v5", "Walker2d-v5", "Ant-v5", "Humanoid-v5")
T_CHANGES = (0.02, 0.05, 0.1, 0.25, 0.5)
DEFAULT = 0.5
CHOSEN, MANY_SEEDS, MANY_BASE = "chosen T_change", "T_change over 40 seeds", "40 seeds"
SETTINGS = (
    Setting(CHOSEN, (Source(CHOSEN),)),
    *(Setting(f"T_change {t}", (Source(MANY_SEEDS, {"t_change": t}),)) for t in T_CHANGES if t != DEFAULT),
    Setting(f"T_change {DEFAULT}", (Source(MANY_SEEDS, {"t_change": DEFAULT}), Source()), default=True),
)
EXECUTED = (POLICY, "mixture")
HUMANOID, THREE = TASKS[-1:], ("HalfCheetah-v5", "Ant-v5", "Walker2d-v5")
ENOUGH, MARGIN = 0.75, 0.25  # what of a factor that the paper names is enough, and D6's margin; both are ours
ABSTRACT = "abstract of arXiv 2504.18766"
SUMMARY = "a machine-written summary, not checked against the paper's text"
MECHANISM_TEST = "tests/methods/test_dai.py::test_dai_adds_no_networks_and_no_losses"


def guided(base: str) -> str:
    """DAI on `base`, td3 or sac."""
    return f"dai-{base}"


def claim(
    base: str,
    number: str,
    statement: str,
    source: str,
    metric: str,
    threshold: str,
    over: Over,
    unit: str = "gain",
    tasks: tuple[str, ...] = TASKS,
    evaluated: tuple[str, ...] = EXECUTED,
) -> Claim:
    """With `base` as the algorithm that DAI guides."""
    judge = under_every_reading(over, tasks, guided(base), SETTINGS, base, (MANY_BASE, ""), evaluated, unit)
    name, stated = f"dai/{number}{'' if base == 'td3' else f'.{base}'}", f"{base.upper()}: {statement}"
    return Claim(name, "DAI", stated, source, metric, threshold, judge, unit=unit)


def gains(base: str) -> list[Claim]:
    """D1 and D2: how much the return improves."""
    dai = guided(base)
    return [
        claim(
            base,
            "D1",
            "early return improves by more than 160 % on average",
            ABSTRACT,
            "mean over four tasks of (DAI − base) / base at a quarter of the budget, above random",
            "> 160 %",
            lambda tasks: judges.mean_gain(dai, base, tasks, "early", 1.6),
        ),
        claim(
            base,
            "D1'",
            "early return improves by more than 160 % on each of the four tasks",
            f"{SUMMARY}; stronger than the abstract",
            "least (DAI − base) / base at a quarter of the budget, above random",
            "> 160 % on each task",
            lambda tasks: judges.gain_on_each(dai, base, tasks, "early", 1.6),
        ),
        claim(
            base,
            "D2",
            "final return improves by more than 50 % on average",
            ABSTRACT,
            "mean over four tasks of (DAI − base) / base at the end, above random",
            "> 50 %",
            lambda tasks: judges.mean_gain(dai, base, tasks, "final", 0.5),
        ),
        claim(
            base,
            "D2'",
            "final return improves by more than 50 % on HalfCheetah, Ant and Walker2d",
            SUMMARY,
            "least (DAI − base) / base at the end, above random",
            "> 50 % on each task",
            lambda tasks: judges.gain_on_each(dai, base, tasks, "final", 0.5),
            tasks=THREE,
        ),
    ]


def on_humanoid(base: str) -> list[Claim]:
    """D3 and D4: the factors that the abstract names."""
    dai = guided(base)
    return [
        claim(
            base,
            "D3",
            "four times the return on Humanoid early",
            ABSTRACT,
            "DAI / base at a quarter of the budget, above random",
            "> 3, three quarters of 4",
            lambda tasks: judges.ratio_above(dai, base, tasks[0], "early", ENOUGH * 4.0),
            unit="ratio",
            tasks=HUMANOID,
        ),
        claim(
            base,
            "D4",
            "twice the return on Humanoid at convergence",
            ABSTRACT,
            "DAI / base at the end, above random",
            "> 1.5, three quarters of 2",
            lambda tasks: judges.ratio_above(dai, base, tasks[0], "final", ENOUGH * 2.0),
            unit="ratio",
            tasks=HUMANOID,
        ),
    ]


def at_the_end(base: str) -> list[Claim]:
    """D5 and D6: spread, convergence, and beyond the expert."""
    dai = guided(base)
    return [
        claim(
            base,
            "D5",
            "lower variance across seeds",
            SUMMARY,
            "geometric mean over four tasks of std DAI / std base at the end",
            "< 1",
            lambda tasks: judges.smaller_spread(dai, base, tasks, "final"),
            unit="ratio",
            evaluated=(POLICY,),
        ),
        claim(
            base,
            "D6",
            "convergence is preserved",
            f"{ABSTRACT}; the margin of 25 % is ours",
            "mean over four tasks of DAI − base + 25 % of |base − random| at the end, in normalised returns",
            "> 0",
            lambda tasks: judges.not_worse_on_average(dai, base, tasks, "final", MARGIN),
            unit="return",
            evaluated=(POLICY,),
        ),
        claim(
            base,
            "D6'",
            "the learner can surpass its expert",
            SUMMARY,
            "greatest final return of the learner's own policy less its expert's",
            "> 0 on a task",
            lambda tasks: judges.exceeds_expert(dai, tasks),
            unit="return",
            evaluated=(POLICY,),
        ),
    ]


def claims() -> list[Claim]:
    """All of them; D7 is shown by how the method is built, so a test stands for it."""
    mechanism = Claim(
        "dai/D7",
        "DAI",
        "no extra networks and no extra losses",
        ABSTRACT,
        "the learner's parameters and update beside the base's (a frozen expert still acts at every step)",
        "identical",
        test=MECHANISM_TEST,
    )
    judged = [claim for base in ("td3", "sac") for part in (gains, on_humanoid, at_the_end) for claim in part(base)]
    return [*judged, mechanism]


LIVE_TASK = "GridMaze-large-4"
LIVE = Claim(
    "dai/D6.live",
    "DAI",
    "DAI's rule on DQN, which the paper does not try, ends no lower than DQN in a maze",
    "D6 in small; DQN's random actions become few when the expert stops; the margin of 25 % is ours",
    "final return, dai-dqn − dqn + 25 % of |dqn − random|",
    "> 0",
    judges.not_worse("dai-dqn", "dqn", (LIVE_TASK,), "final", MARGIN),
    unit="return",
)
CLAIMS = claims()
