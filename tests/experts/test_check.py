"""Shipped experts in the task's twin and in ours."""

import numpy as np
import pytest

from experts.check import LOWER, SHIPPED, Comparison, check, compare, lower_levels, numpy_action
from experts.register import FOLDER
from guided_rl.envs import TASKS
from guided_rl.guides.expert_weights import guide_of, read_facts, read_weights
from guided_rl.guides.find import weights_name

TASK, MEDIUM = "HalfCheetah-v5", "sac@medium"
REGISTERED = [task for task in TASKS if (FOLDER / weights_name(task)).exists()]


def test_an_expert_returns_in_the_twin_what_it_returns_here():
    """A few episodes only, so a wider bound; the slow test has the full one."""
    (one,) = compare(TASK, "sac@100", episodes=4, experts=range(1))
    assert one.twin.shape == one.ours.shape == (4,)
    assert abs(one.difference) < 0.1
    assert one.twin.min() > 1000


@pytest.mark.slow
@pytest.mark.parametrize("task", REGISTERED)
def test_every_expert_returns_in_the_twin_what_it_returns_here(task):
    assert check(task, SHIPPED)


@pytest.mark.slow
@pytest.mark.parametrize("policy", (*LOWER, MEDIUM))
@pytest.mark.parametrize("task", REGISTERED)
def test_nor_can_its_lower_levels_be_told_apart(task, policy):
    """Intervals of all that ships below 100 % together: chance would tell any apart in one of twenty such sets."""
    if policy == MEDIUM and policy not in read_facts(FOLDER / weights_name(task))["policies"]:
        pytest.skip("D4RL has no medium data of this task, or its experts are older")
    found = lower_levels(task, [policy])
    assert len(found) >= 3
    together = len(REGISTERED) * len(LOWER) * len(found)
    apart = {c.name: (c.twin.mean(), c.ours.mean(), c.interval(together)) for c in found if c.told_apart(together)}
    assert apart == {}


def test_together_the_checks_play_all_that_ships():
    policies, _ = read_weights(FOLDER / weights_name(TASK))
    assert {*SHIPPED, *LOWER} == set(policies) - {MEDIUM}


@pytest.mark.parametrize("policy", ["bc@50", "sac@75"])
def test_the_numpy_forward_pass_is_the_guides(policy):
    policies, facts = read_weights(FOLDER / weights_name(TASK))
    kind, layers = policy.partition("@")[0], policies[policy]
    obs = np.random.default_rng(0).normal(size=facts["observation_size"])
    one = [{part: array[1] for part, array in layer.items()} for layer in layers]
    np.testing.assert_allclose(
        numpy_action(kind, one, obs), guide_of(kind, layers, policy).of(1).action(obs.astype(np.float32)), atol=1e-5
    )


def test_agreement_needs_both_a_small_difference_and_an_interval_around_zero():
    draw = np.random.default_rng(0)
    base = draw.normal(1000, 100, 50)
    assert Comparison("same", base, base + draw.normal(0, 50, 50), 1000.0).agrees()
    assert not Comparison("shifted", base, base + 30 + draw.normal(0, 10, 50), 1000.0).agrees()
    assert Comparison("shifted", base, base + 30 + draw.normal(0, 10, 50), 1000.0).told_apart()
    wide = np.tile([-700.0, 860.0], 25)  # 8 % on average, and so spread that zero is not excluded
    low, high = Comparison("far", base, base + wide, 1000.0).interval()
    assert low < 0 < high
    assert not Comparison("far", base, base + wide, 1000.0).agrees()
    assert Comparison("identical", base, base, 1000.0).agrees(together=30)


def test_intervals_taken_together_are_wider():
    draw = np.random.default_rng(1)
    one = Comparison("one", draw.normal(1000, 100, 50), draw.normal(1000, 100, 50), 1000.0)
    assert np.ptp(one.interval(6)) > np.ptp(one.interval())
