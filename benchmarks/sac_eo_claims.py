"""SAC-EO's claims as data: Ozcan et al. 2024 (arXiv 2402.18836).

No result table or curve of the paper could be read, so only what its abstract or summaries say in
words is held against our records. A task whose best expert returns less than 300 of 1,000 decides
nothing, and leaves a claim about it undecided, whatever the others say.

The paper tunes β; E1 to E3 are judged at the β chosen on tuning seeds and at β = 100, and their verdict is
what both say (`readings`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from guided_rl.reporting import claim_tests
from guided_rl.reporting.claims import UNDECIDED, Claim, Judge, Missing, Outcome, View
from guided_rl.reporting.readings import Over, Setting, Source, under_every_reading

TASKS = ("cheetah-run", "hopper-hop", "hopper-stand", "walker-run", "walker-stand", "walker-walk")
ABLATION_TASKS = ("cheetah-run", "walker-run")
FIXED = {"epsilon 0.1": 0.1, "epsilon 0.01": 0.01, "epsilon 0.001": 0.001}
CHOSEN = "chosen beta"
SETTINGS = (Setting(CHOSEN, (Source(CHOSEN),)), Setting("beta 100", (Source(),), default=True))
COMPETENT = 300.0
ABSTRACT = "abstract of arXiv 2402.18836"
SUMMARY = "a machine-written summary, not checked against the paper's text"
EPSILON_TEST = "tests/methods/test_sac_eo.py::test_epsilon_is_the_papers_and_falls_with_beta_and_disagreement"
STATES_TEST = "tests/methods/test_sac_eo.py::test_expert_actions_and_rewards_are_never_read"


def with_competent_experts(over: Callable[[Sequence[str]], Judge], tasks: Sequence[str]) -> Judge:
    """`over` the tasks whose best expert returns 300 of 1,000; undecided, its note kept, where some of `tasks` are not.

    Raises:
      Missing: that is none of them.
    """

    def judged(view: View) -> Outcome:
        known = {task: view.scale(task).expert for task in tasks}
        poor = [task for task, expert in known.items() if expert is None or expert < COMPETENT]
        if not poor:
            return over(tasks)(view)
        named = ", ".join(f"{task} ({'none' if known[task] is None else f'{known[task]:.0f}'})" for task in poor)
        reason = f"experts below {COMPETENT:.0f} of 1,000 on {named}"
        others = [task for task in tasks if task not in poor]
        if not others:
            raise Missing(reason)
        found = over(others)(view)
        return dataclasses.replace(found, verdict=UNDECIDED, note=f"{reason}; elsewhere: {found.note}")

    return judged


def at_every_beta(over: Over, base: str | None = None, unit: str = "return") -> Over:
    """`over`, at the chosen β and at our default of 100."""
    return lambda tasks: under_every_reading(over, tasks, "sac-eo", SETTINGS, base, unit=unit)


def not_implemented(view: View) -> Outcome:
    raise Missing("MPO is not part of this suite")


def claims() -> list[Claim]:
    """E1 to E7."""

    def claim(number, statement, source, metric, threshold, over, unit="return", tasks=TASKS):
        judge = with_competent_experts(over, tasks)
        return Claim(f"sac-eo/{number}", "SAC-EO", statement, source, metric, threshold, judge, unit=unit)

    return [
        claim(
            "E1",
            "more sample-efficient than SAC on all six tasks",
            f"{SUMMARY}; the abstract: outperforms various benchmarks",
            "least difference of AUC, SAC-EO − SAC",
            "> 0 on each of six tasks",
            at_every_beta(
                lambda tasks: claim_tests.beats("sac-eo", "sac", tasks, "auc", at_least=len(tasks)), base="sac"
            ),
        ),
        claim(
            "E2",
            "often close to the expert within a million steps",
            f"{SUMMARY}; 90 % and four of six tasks are ours",
            "final return above random as a share of the expert's; the fourth best of six tasks",
            "> 90 % on at least four tasks",
            at_every_beta(
                lambda tasks: claim_tests.reaches_expert("sac-eo", tasks, "final", 0.9, at_least=4), unit="gain"
            ),
            unit="gain",
        ),
        claim(
            "E3",
            "clearly better than modified-BCO",
            SUMMARY,
            "least difference of final returns, SAC-EO − modified-BCO",
            "> 0 on each of six tasks",
            at_every_beta(
                lambda tasks: claim_tests.beats("sac-eo", "modified-bco", tasks, "final", at_least=len(tasks)),
                base="modified-bco",
            ),
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
            lambda tasks: claim_tests.beats_variants("sac-eo", tuple(FIXED), tasks, "auc"),
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
