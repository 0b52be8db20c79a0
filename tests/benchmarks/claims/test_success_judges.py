"""Judges of solved tasks: what is a claim's truth by construction is what they say of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest

from benchmarks.claims import success_judges as judges
from benchmarks.claims.ledger import FAILS, HOLDS, UNDECIDED, Missing, View
from guided_rl.results import record_tables, records
from guided_rl.results.scales import Scale
from tests.results.synthetic import make_record

BUDGET, POINTS, SEEDS = 1_000, 20, 20
NEVER = np.inf


def solving_at(steps: float, spread: float = 30.0):
    """Success of the sampled policy from about a step on; the seeds differ by up to `spread`."""

    def curve(seed: int, point: Mapping[str, float], share: np.ndarray) -> np.ndarray:
        return (share * BUDGET >= steps + spread * (seed % 5 - 2) / 2).astype(float)

    return {"policy": curve, "sampled": curve}


def record(method: str, task: str, steps: float, spread: float = 30.0, **metrics: np.ndarray) -> records.Record:
    """A record of `SEEDS` seeds with training metrics [points], the same for all seeds but for a little noise."""
    made = make_record(
        method,
        task,
        solving_at(steps, spread),
        seeds=tuple(range(SEEDS)),
        budget=BUDGET,
        evaluations=POINTS,
        episodes=4,
        config={"episodes": 4},
    )
    seed, at = np.arange(SEEDS), np.arange(1, POINTS + 1) * BUDGET // POINTS
    noise = 1.0 + 0.01 * (np.arange(SEEDS) % 7 - 3)
    values = {"groups": np.full((POINTS, SEEDS), 10.0)}
    values |= {name: np.asarray(value)[:, None] * noise for name, value in metrics.items()}
    return dataclasses.replace(made, training=record_tables.training_table(seed, np.zeros(SEEDS), at, values))


def verdict(judge, *made: records.Record) -> str:
    return judge(View(made, "cpu", lambda task: Scale(0.0, 1.0))).verdict


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (200, 900, HOLDS),
        (200, NEVER, HOLDS),
        (500, 600, FAILS),
        (NEVER, 900, FAILS),
        (NEVER, NEVER, FAILS),  # three budgets against one
    ],
)
def test_a_third_of_the_steps(mine, theirs, expected):
    assert verdict(judges.faster("a", "b", ["T"], 1 / 3), record("a", "T", mine), record("b", "T", theirs)) == expected


def test_about_a_third_is_undecided():
    pair = record("a", "T", 200, 200.0), record("b", "T", 600)
    assert verdict(judges.faster("a", "b", ["T"], 1 / 3), *pair) == UNDECIDED


def test_fewer_steps_on_most_tasks_and_more_on_none():
    judge = judges.fewer_steps("a", "b", ["T", "U", "V"], 2)
    against = [record("b", task, 500) for task in "TUV"]
    as_fast = [record("a", task, steps) for task, steps in zip("TUV", (200, 300, 500), strict=True)]
    assert verdict(judge, *as_fast, *against) == HOLDS
    assert verdict(judge, *(record("a", task, 200) for task in "TUV"), *against) == HOLDS
    assert verdict(judge, *(record("a", task, 900) for task in "TUV"), *against) == FAILS


def test_solving_alone_needs_a_task_on_which_the_others_solve_nothing():
    judge = judges.solves_alone("a", ("b", "c"), ["T", "U"])
    alone = [record("a", "T", 300), record("b", "T", NEVER), record("c", "T", NEVER)]
    shared = [record(name, "U", 300) for name in "abc"]
    assert verdict(judge, *alone, *shared) == HOLDS
    assert verdict(judge, record("a", "T", 300), record("b", "T", NEVER), record("c", "T", 300), *shared) == FAILS


def test_never_solving_asks_that_the_other_does():
    judge = judges.never_solves("b", "T", "a")
    assert verdict(judge, record("b", "T", NEVER), record("a", "T", 300)) == HOLDS
    assert verdict(judge, record("b", "T", NEVER), record("a", "T", NEVER)) == FAILS
    assert verdict(judge, record("b", "T", 300), record("a", "T", 300)) == FAILS


def test_shares_are_means_over_groups():
    share = np.linspace(0.6, 0.0, POINTS)
    made = record("a", "T", 300, prefix=share)
    np.testing.assert_allclose(judges.over_groups(made, "prefix").values.mean(), 0.3, rtol=0.01)
    assert verdict(judges.share_below("a", ["T"], "prefix", 0.4), made) == HOLDS
    assert verdict(judges.share_below("a", ["T"], "prefix", 0.2), made) == FAILS


def test_what_shrinks_over_training_is_seen_per_accepted_branch():
    """The later branches are rarer but weigh as much: halves are of what was accepted, not of the budget."""
    accepted = np.linspace(1.0, 0.1, POINTS)
    falling, rising = accepted * np.linspace(0.9, 0.1, POINTS), accepted * np.linspace(0.1, 0.9, POINTS)
    judge = judges.falls("a", ["T"], "accepted_prefix", "accepted", 1)
    assert verdict(judge, record("a", "T", 300, accepted=accepted, accepted_prefix=falling)) == HOLDS
    assert verdict(judge, record("a", "T", 300, accepted=accepted, accepted_prefix=rising)) == FAILS
    with pytest.raises(Missing, match="too few groups with accepted"):
        verdict(judge, record("a", "T", 300, accepted=0 * accepted, accepted_prefix=0 * falling))


def test_a_metric_is_read_at_its_share_of_the_budget():
    made = record("a", "T", 300, entropy=np.arange(1.0, POINTS + 1))
    np.testing.assert_allclose(judges.metric_at(made, "entropy", 0.5).values.mean(), 10.0, rtol=0.01)
    other = record("b", "T", 300, entropy=np.full(POINTS, 5.0))
    assert verdict(judges.metric_beats("a", "b", ["T"], "entropy", 0.5, 1), made, other) == HOLDS
    assert verdict(judges.metric_beats("b", "a", ["T"], "entropy", 0.5, 1), made, other) == FAILS


def test_pass_at_k_is_the_chance_that_k_of_the_episodes_have_a_success():
    made = record("a", "T", 300)
    table = made.returns.to_pydict()
    table["episode_return"] = [float(episode == 0) for episode in table["episode"]]  # one success of four
    made = dataclasses.replace(made, returns=made.returns.from_pydict(table, schema=made.returns.schema))
    for k, expected in ((1, 0.25), (2, 0.5), (4, 1.0)):
        np.testing.assert_allclose(judges.pass_at_k(made, k).values, expected)
    with pytest.raises(Missing, match="4 episodes an evaluation, fewer than 8"):
        judges.pass_at_k(made, 8)
