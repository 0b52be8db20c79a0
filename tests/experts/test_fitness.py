"""Fit experts return what published ones do and far more than no policy; all else says what it lacks."""

import pytest

from experts.fitness import describe_fit, fit_facts, fitness, shortfalls
from guided_rl.envs import reference_returns
from guided_rl.envs.reference_returns import Published, Reference, Return

TASK = "Task"


@pytest.fixture(autouse=True)
def task(monkeypatch):
    """A task on which standing still returns 990, and SAC is known to return 5,000."""
    known = Reference(Return(-50.0, 2.0, "test"), zero=Return(990.0, 3.0, "test"))
    monkeypatch.setitem(reference_returns.REFERENCES, TASK, known)
    monkeypatch.setitem(reference_returns.PUBLISHED_RETURNS, TASK, Published(3500.0, 5000.0, "test"))


def quotes(*means, std=300.0):
    return [{"mean": mean, "std": std, "episodes": 100} for mean in means]


def test_experts_are_fit_together_where_their_mean_is():
    found = fitness(TASK, quotes(4000.0, 3900.0, 3000.0))
    assert found.fit == (True, True, False)
    assert found.lacks == ()
    assert found.mean == pytest.approx(3633.3, abs=0.1)


def test_what_is_lacking_is_named():
    lacks = shortfalls(TASK, 908.0, 30.0)
    assert lacks == ("below the required 3,500", "not far above zero action (990)")
    assert shortfalls(TASK, 2500.0, 30.0) == ("below the required 3,500",)


def test_far_above_is_twice_the_floor_and_five_standard_errors(monkeypatch):
    monkeypatch.delitem(reference_returns.PUBLISHED_RETURNS, TASK)
    assert shortfalls(TASK, 1979.0, 1.0)
    assert not shortfalls(TASK, 1981.0, 1.0)
    assert shortfalls(TASK, 1981.0, 300.0)


def test_facts_hold_the_verdict_and_its_grounds():
    facts = fit_facts(TASK, quotes(3000.0, 3200.0))
    assert facts["fit"] is False
    assert facts["share_of_required"] == pytest.approx(0.886, abs=1e-3)
    assert facts["experts_fit"] == [False, False]
    assert (facts["random_return"], facts["zero_action_return"], facts["published"]["mean"]) == (-50.0, 990.0, 5000.0)
    assert describe_fit(TASK, quotes(3000.0, 3200.0)).startswith(
        "NOT FIT (below the required 3,500): mean return 3,100"
    )
