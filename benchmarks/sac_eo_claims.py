"""SAC-EO's claims as data: Ozcan et al. 2024 (arXiv 2402.18836).

No result table or curve of the paper could be read, so only what its abstract or summaries say in
words is held against our records. A task whose best expert returns less than 300 of 1,000 decides
nothing.
"""

from __future__ import annotations

from guided_rl.reporting import claim_tests
from guided_rl.reporting.claims import Claim, Judge, Missing, Outcome, View

TASKS = ("cheetah-run", "hopper-hop", "hopper-stand", "walker-run", "walker-stand", "walker-walk")
ABLATION_TASKS = ("cheetah-run", "walker-run")
FIXED = {"epsilon 0.1": 0.1, "epsilon 0.01": 0.01, "epsilon 0.001": 0.001}
COMPETENT = 300.0
ABSTRACT = "abstract of arXiv 2402.18836"
SUMMARY = "a machine-written summary, not checked against the paper's text"
EPSILON_TEST = "tests/methods/test_sac_eo.py::test_epsilon_is_the_papers_and_falls_with_beta_and_disagreement"
STATES_TEST = "tests/methods/test_sac_eo.py::test_expert_actions_and_rewards_are_never_read"


def with_competent_experts(judge: Judge, tasks: tuple[str, ...]) -> Judge:
    """`judge`, unless a task's best expert is below 300 of 1,000: then undecided, naming it.

    Raises:
      Missing: such a task is among those run.
    """

    def judged(view: View) -> Outcome:
        poor = []
        for task in tasks:
            expert = view.scale(task).expert
            if expert is None or expert < COMPETENT:
                poor.append(f"{task} ({'none' if expert is None else f'{expert:.0f}'})")
        if poor:
            raise Missing(f"experts below {COMPETENT:.0f} of 1,000 on {', '.join(poor)}")
        return judge(view)

    return judged


def not_implemented(view: View) -> Outcome:
    raise Missing("MPO is not part of this suite")


def claims() -> list[Claim]:
    """E1 to E7."""

    def claim(number, statement, source, metric, threshold, judge, unit="return", tasks=TASKS):
        judge = with_competent_experts(judge, tasks)
        return Claim(f"sac-eo/{number}", "SAC-EO", statement, source, metric, threshold, judge, unit=unit)

    return [
        claim(
            "E1",
            "more sample-efficient than SAC on all six tasks",
            f"{SUMMARY}; the abstract: outperforms various benchmarks",
            "least difference of AUC, SAC-EO − SAC",
            "> 0 on each of six tasks",
            claim_tests.beats("sac-eo", "sac", TASKS, "auc", at_least=6),
        ),
        claim(
            "E2",
            "often close to the expert within a million steps",
            f"{SUMMARY}; 90 % and four of six tasks are ours",
            "final return above random as a share of the expert's; the fourth best of six tasks",
            "> 90 % on at least four tasks",
            claim_tests.reaches_expert("sac-eo", TASKS, "final", 0.9, at_least=4),
            unit="gain",
        ),
        claim(
            "E3",
            "clearly better than modified-BCO",
            SUMMARY,
            "least difference of final returns, SAC-EO − modified-BCO",
            "> 0 on each of six tasks",
            claim_tests.beats("sac-eo", "modified-bco", TASKS, "final", at_least=6),
        ),
        Claim(
            "sac-eo/E4",
            "SAC-EO",
            "better than MPO",
            SUMMARY,
            "difference of final returns, SAC-EO − MPO",
            "> 0",
            not_implemented,
            unit="return",
        ),
        claim(
            "E5",
            "the adaptive weight is better than every fixed one",
            f"{SUMMARY}; the values 0.1, 0.01 and 0.001 are a suggestion, the paper's are not known",
            "least difference of AUC over tasks and fixed ε, adaptive (β = 100) − fixed",
            "> 0 for each",
            claim_tests.beats_variants("sac-eo", tuple(FIXED), ABLATION_TASKS, "auc"),
            tasks=ABLATION_TASKS,
        ),
        Claim(
            "sac-eo/E6",
            "SAC-EO",
            "ε grows as the models come to agree",
            SUMMARY,
            "ε as a function of β and δ_max; its course over training is drawn below",
            "falls in both",
            test=EPSILON_TEST,
        ),
        Claim(
            "sac-eo/E7",
            "SAC-EO",
            "only the expert's states are needed",
            ABSTRACT,
            "what is learned from an expert set whose actions and rewards are NaN",
            "identical",
            test=STATES_TEST,
        ),
    ]


CLAIMS = claims()
