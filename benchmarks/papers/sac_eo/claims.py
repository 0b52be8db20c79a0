"""SAC-EO's claims as data: Ozcan et al. 2024 (arXiv 2402.18836).

No result table or curve of the paper could be read, so only what its abstract or summaries say in
words is held against our records. A task whose experts return less than 300 of 1,000 on average is
left out of every claim and named; the others decide.

The paper tunes β; E1 to E3 are judged at the β chosen on tuning seeds and at β = 100, and their verdict is
what both say (`readings`).
"""

from __future__ import annotations

from benchmarks.claims import judges, variant_judges
from benchmarks.claims.ledger import Claim, Judge, Missing, Outcome, View
from benchmarks.claims.readings import Over, Setting, Source, under_every_reading

TASKS = ("cheetah-run", "hopper-hop", "hopper-stand", "walker-run", "walker-stand", "walker-walk")
ABLATION_TASKS = ("cheetah-run", "walker-run")
FIXED = {"epsilon 0.1": 0.1, "epsilon 0.01": 0.01, "epsilon 0.001": 0.001}
CHOSEN = "chosen beta"
SETTINGS = (Setting(CHOSEN, (Source(CHOSEN),)), Setting("beta 100", (Source(),), default=True))
MARGIN = 0.1  # of E5, ours
ABSTRACT = "abstract of arXiv 2402.18836"
SUMMARY = "a machine-written summary, not checked against the paper's text"
FIXED_ONES = (
    f"{SUMMARY}: better than every fixed one; the values 0.1, 0.01 and 0.001 are a suggestion, the paper's are not "
    "known; both halves of the test are ours"
)
EPSILON_TEST = "tests/methods/test_sac_eo.py::test_epsilon_is_the_papers_and_falls_with_beta_and_disagreement"
STATES_TEST = "tests/methods/test_sac_eo.py::test_expert_actions_and_rewards_are_never_read"


def at_every_beta(over: Over, base: str | None = None, unit: str = "return") -> Judge:
    """`over` the six tasks, at the chosen β and at our default of 100."""
    return under_every_reading(over, TASKS, "sac-eo", SETTINGS, base, unit=unit)


def not_implemented(view: View) -> Outcome:
    raise Missing("MPO is not part of this suite")


def claim(
    number: str,
    statement: str,
    source: str,
    metric: str,
    threshold: str,
    judge: Judge | None = None,
    unit: str = "return",
    test: str | None = None,
) -> Claim:
    return Claim(f"sac-eo/{number}", "SAC-EO", statement, source, metric, threshold, judge, test, unit)


def against_others() -> list[Claim]:
    """E1 to E4: beside the base, the expert and other methods."""
    return [
        claim(
            "E1",
            "more sample-efficient than SAC on all six tasks",
            f"{SUMMARY}; the abstract: outperforms various benchmarks",
            "least difference of AUC, SAC-EO − SAC",
            "> 0 on each of six tasks",
            at_every_beta(lambda tasks: judges.beats("sac-eo", "sac", tasks, "auc", at_least=len(tasks)), base="sac"),
        ),
        claim(
            "E2",
            "often close to the expert within a million steps",
            f"{SUMMARY}; 90 % and four of six tasks are ours",
            "final return above random as a share of the expert's; the fourth best of six tasks",
            "> 90 % on at least four tasks",
            at_every_beta(lambda tasks: judges.reaches_expert("sac-eo", tasks, "final", 0.9, at_least=4), unit="gain"),
            unit="gain",
        ),
        claim(
            "E3",
            "clearly better than modified-BCO",
            SUMMARY,
            "least difference of final returns, SAC-EO − modified-BCO",
            "> 0 on each of six tasks",
            at_every_beta(
                lambda tasks: judges.beats("sac-eo", "modified-bco", tasks, "final", at_least=len(tasks)),
                base="modified-bco",
            ),
        ),
        claim(
            "E4",
            "better than MPO",
            SUMMARY,
            "difference of final returns, SAC-EO − MPO",
            "> 0",
            not_implemented,
        ),
    ]


def about_epsilon() -> list[Claim]:
    """E5 to E7: the adaptive weight and what is learned from."""
    return [
        claim(
            "E5",
            "the adaptive weight is as good as the best fixed one",
            f"{FIXED_ONES}, and so is the margin of 10 %",
            "least AUC over tasks and fixed ε, adaptive (β = 100) − fixed + 10 % of |fixed − random|",
            "> 0 for each",
            variant_judges.not_worse_than_variants("sac-eo", tuple(FIXED), ABLATION_TASKS, "auc", MARGIN),
        ),
        claim(
            "E5'",
            "the adaptive weight is better than fixed ones on average",
            FIXED_ONES,
            "least difference of AUC over tasks, adaptive (β = 100) − mean over fixed ε",
            "> 0 on each task",
            variant_judges.beats_mean_of_variants("sac-eo", tuple(FIXED), ABLATION_TASKS, "auc"),
        ),
        claim(
            "E6",
            "ε grows as the models come to agree",
            SUMMARY,
            "ε as a function of β and δ_max; its course over training is drawn below",
            "falls in both",
            unit="gain",
            test=EPSILON_TEST,
        ),
        claim(
            "E7",
            "only the expert's states are needed",
            ABSTRACT,
            "what is learned from an expert set whose actions and rewards are NaN",
            "identical",
            unit="gain",
            test=STATES_TEST,
        ),
    ]


LIVE_TASK = "PointMaze-umaze"
LIVE = claim(
    "E3.live",
    "better than modified-BCO after 6,000 steps of a maze with a sparse reward, which the paper does not try",
    "E3 in small: one task, five episodes of a known controller",
    "difference of final returns, SAC-EO − modified-BCO",
    "> 0",
    judges.beats("sac-eo", "modified-bco", (LIVE_TASK,), "final", at_least=1),
)
CLAIMS = [*against_others(), *about_epsilon()]
