"""DAI's claims as data: Cao 2025, "Dynamic Action Interpolation", arXiv 2504.18766.

The paper's result tables could not be read, so only what its abstract or summaries of it say in
words is held against our records; no number of the paper stands here that they do not give.
Early is a quarter of the budget and final its end: 0.25M and 1M environment steps in the paper.
The algorithm that summaries name is TD3; each claim is judged on SAC as well, under `.sac`.
"""

from __future__ import annotations

from guided_rl.reporting import claim_tests
from guided_rl.reporting.claims import Claim

TASKS = ("HalfCheetah-v5", "Walker2d-v5", "Ant-v5", "Humanoid-v5")
ABSTRACT = "abstract of arXiv 2504.18766"
SUMMARY = "a machine-written summary, not checked against the paper's text"
MECHANISM_TEST = "tests/methods/test_dai.py::test_dai_adds_no_networks_and_no_losses"


def claims_on(base: str) -> list[Claim]:
    """D1 to D6 with `base` (td3 or sac) as the algorithm that DAI guides."""
    dai, suffix = f"dai-{base}", "" if base == "td3" else f".{base}"
    name = base.upper()

    def claim(number: str, statement: str, source: str, metric: str, threshold: str, judge, unit: str = "gain"):
        return Claim(f"dai/{number}{suffix}", "DAI", statement, source, metric, threshold, judge, unit=unit)

    return [
        claim(
            "D1",
            f"{name}: early return improves by more than 160 % on average",
            ABSTRACT,
            "mean over four tasks of (DAI − base) / base at a quarter of the budget, above random",
            "> 160 %",
            claim_tests.mean_gain(dai, base, TASKS, "early", 1.6),
        ),
        claim(
            "D1'",
            f"{name}: early return improves by more than 160 % on each of the four tasks",
            f"{SUMMARY}; stronger than the abstract",
            "least (DAI − base) / base at a quarter of the budget, above random",
            "> 160 % on each task",
            claim_tests.gain_on_each(dai, base, TASKS, "early", 1.6),
        ),
        claim(
            "D2",
            f"{name}: final return improves by more than 50 % on average",
            ABSTRACT,
            "mean over four tasks of (DAI − base) / base at the end, above random",
            "> 50 %",
            claim_tests.mean_gain(dai, base, TASKS, "final", 0.5),
        ),
        claim(
            "D2'",
            f"{name}: final return improves by more than 50 % on HalfCheetah, Ant and Walker2d",
            SUMMARY,
            "least (DAI − base) / base at the end, above random",
            "> 50 % on each task",
            claim_tests.gain_on_each(dai, base, ("HalfCheetah-v5", "Ant-v5", "Walker2d-v5"), "final", 0.5),
        ),
        claim(
            "D3",
            f"{name}: four times the return on Humanoid early",
            ABSTRACT,
            "DAI / base at a quarter of the budget, above random",
            "about 4",
            claim_tests.ratio_about(dai, base, "Humanoid-v5", "early", 4.0),
            unit="ratio",
        ),
        claim(
            "D4",
            f"{name}: twice the return on Humanoid at convergence",
            ABSTRACT,
            "DAI / base at the end, above random",
            "about 2",
            claim_tests.ratio_about(dai, base, "Humanoid-v5", "final", 2.0),
            unit="ratio",
        ),
        claim(
            "D5",
            f"{name}: lower variance across seeds",
            SUMMARY,
            "geometric mean over four tasks of std DAI / std base at the end",
            "< 1",
            claim_tests.smaller_spread(dai, base, TASKS, "final"),
            unit="ratio",
        ),
        claim(
            "D6",
            f"{name}: convergence is preserved",
            f"{ABSTRACT}; the margin of 5 % is ours",
            "least DAI − base + 5 % of |base − random| at the end",
            "> 0 on each task",
            claim_tests.not_worse(dai, base, TASKS, "final"),
            unit="return",
        ),
        claim(
            "D6'",
            f"{name}: the learner can surpass its expert",
            SUMMARY,
            "greatest final return of the learner's own policy less its expert's",
            "> 0 on a task",
            claim_tests.exceeds_expert(dai, TASKS),
            unit="return",
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
    return [*claims_on("td3"), *claims_on("sac"), mechanism]


CLAIMS = claims()
