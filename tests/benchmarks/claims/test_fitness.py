"""The gate that experts must pass before what is built on them is judged."""

from __future__ import annotations

import pytest

from benchmarks.claims.fitness import competent, required, unfit
from guided_rl.results.records import Expert
from tests.results.synthetic import make_record


def taught(task: str, *returns: float, name: str = "bc"):
    return make_record("dai-sac", task, experts=[Expert(name, value, 1, str(value)) for value in returns])


@pytest.mark.parametrize("task, fit, short", [("HalfCheetah-v5", 8_000, 7_999), ("hopper-hop", 300, 299)])
def test_the_bar_is_on_the_mean_of_the_experts_that_were_used(task, fit, short):
    assert competent(taught(task, fit - 100, fit + 100)) is None
    reason = competent(taught(task, short - 100, short + 100))
    assert reason == f"{task}, where the experts of dai-sac return {short:,}, below {fit:,}"
    assert unfit([taught(task, fit), taught(task, short)]) == reason


def test_no_bar_for_weak_guides_by_design_offline_agents_or_no_experts():
    assert required("PointFall") is None and competent(taught("PointFall", -1.0)) is None
    assert competent(make_record("sac", "HalfCheetah-v5")) is None
    assert competent(taught("HalfCheetah-v5", 1.0, name="offline:x.npz")) is None
    assert unfit([]) is None
