"""BREAD's claims as data: "BREAD: Branched Rollouts from Expert Anchors", arXiv 2506.17211, and two of ours.

The paper's full text could not be read. What its abstract or summaries of it say of language models is held against
our records of small control tasks; none of its numbers of that kind is ours to repeat. Success and steps to solve are
those of the policy as it acts in training, see `success_judges`.
"""

from __future__ import annotations

from benchmarks.claims import success_judges as judges
from benchmarks.claims.judges import beats
from benchmarks.claims.ledger import Claim

CHAINS = tuple(f"Chain-{n}" for n in (6, 8, 10, 12, 16, 20))
INEXPRESSIBLE, CONTINUOUS = "JumpChain-12", "PointMaze-umaze"
# Tasks on which a uniformly random policy succeeds in less than 1 % of the episodes: without failing groups there is
# nothing to search for.
EQUAL_STEPS = ("Chain-16", INEXPRESSIBLE, "PushMaze-umaze", "PushMaze-medium")
OFF_POLICY = (CONTINUOUS, "PointMaze-medium")
EXPRESSIBLE = ("Chain-16", "PushMaze-umaze", "PushMaze-medium")
A_THIRD, REVEALED = 1 / 3, 0.4
ABSTRACT = "abstract of arXiv 2506.17211, said of language models"
SUMMARY = "a summary by others, not checked against the paper's text"
OURS = "ours; the paper does not compare with it"


def claim(number: str, statement: str, source: str, metric: str, threshold: str, judge, unit: str = "ratio") -> Claim:
    return Claim(f"bread/{number}", "BREAD", statement, source, metric, threshold, judge, unit=unit)


LIVE = claim(
    "B1.live",
    "BREAD solves a chain in fewer steps than GRPO",
    "B1 in small: less instead of a third, one chain",
    "mean steps until 90 % success, BREAD − GRPO; what was not solved counts as the whole budget",
    "< 0",
    judges.fewer_steps("bread", "grpo", ("Chain-12",), 1),
    "return",
)
CLAIMS = [
    claim(
        "B1",
        "BREAD needs at most a third of GRPO's steps",
        ABSTRACT,
        "mean steps until 90 % success, BREAD / GRPO, largest of four tasks",
        "< 1/3 on each task",
        judges.faster("bread", "grpo", EQUAL_STEPS, A_THIRD),
    ),
    claim(
        "B2",
        "BREAD solves tasks of which GRPO, and SFT then GRPO, solve no seed",
        ABSTRACT,
        "share of seeds solved, on the task where BREAD leads most, where the learner can do what the expert does",
        "> 50 % by BREAD, < 5 % by both others",
        judges.solves_alone("bread", ("grpo", "sft-grpo"), EXPRESSIBLE),
        "gain",
    ),
    claim(
        "B3",
        "Less than 40 % of the expert's traces is needed, read as steps",
        ABSTRACT,
        "mean share of a trace that lies before a group's start, over all groups, largest of four tasks",
        "< 0.4 on each task",
        judges.share_below("bread", EQUAL_STEPS, "prefix", REVEALED),
    ),
    claim(
        "B3'",
        "Less than 40 % of the expert's traces is needed, read as traces",
        ABSTRACT,
        "share of groups that begin within a trace at all, largest of four tasks",
        "< 0.4 on each task",
        judges.share_below("bread", EQUAL_STEPS, "branched", REVEALED),
    ),
    claim(
        "B4",
        "The search needs fewer steps than uniformly drawn resets to the same traces",
        OURS,
        "mean steps until 90 % success, BREAD − uniform resets, largest of four tasks",
        "< 0 on three of four tasks, > 0 on none",
        judges.fewer_steps("bread", "uniform-resets", EQUAL_STEPS, 3),
        "return",
    ),
    claim(
        "B5",
        "The prefix at which the search ends shrinks over training",
        SUMMARY,
        "mean accepted prefix over the second half of a seed's accepted branches − over the first half",
        "< 0 on three of four tasks, > 0 on none",
        judges.falls("bread", EQUAL_STEPS, "accepted_prefix", "accepted", 3),
        "return",
    ),
    claim(
        "B6",
        "SFT then GRPO never solves a chain whose expert does what the learner cannot, BREAD does",
        f"{ABSTRACT}; here by construction, so that it illustrates and tests nothing",
        f"share of seeds of {INEXPRESSIBLE} that SFT then GRPO solves",
        "< 5 %, and > 50 % by BREAD",
        judges.never_solves("sft-grpo", INEXPRESSIBLE, "bread"),
        "gain",
    ),
    claim(
        "B7",
        "Starts drawn evenly from the expert's traces also help an off-policy learner, SAC",
        OURS,
        "AUC of the learner's own policy, SAC with resets − SAC, least of two tasks",
        "> 0 on each task",
        beats("sac-resets", "sac", OFF_POLICY, "auc", 2),
        "return",
    ),
    claim(
        "B8",
        "They help DQN too",
        OURS,
        "AUC of the learner's own policy, DQN with resets − DQN, least of four tasks",
        "> 0 on three of four tasks, < 0 on none",
        beats("dqn-resets", "dqn", EQUAL_STEPS, "auc", 3),
        "return",
    ),
]
