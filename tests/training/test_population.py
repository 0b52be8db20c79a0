"""A member's result does not depend on who else runs, in what order, or in how many waves (CPU)."""

from __future__ import annotations

import functools

import jax
import pytest

from guided_rl.training.run import Result, Run
from tests.training.small import assert_same, learned, member, run, small

SEED = 2
pytestmark = [
    pytest.mark.trains,
    pytest.mark.skipif(jax.default_backend() != "cpu", reason="bit for bit is a promise for CPU"),
]


@functools.cache
def alone(method: str = "sac") -> Result:
    return run(small(method=method, seeds=1, first_seed=SEED))


@functools.cache
def crowd(seeds: int, method: str = "sac") -> Result:
    return run(small(method=method, seeds=seeds))


@pytest.mark.parametrize(
    ("method", "seeds"),
    [
        ("sac", 3),
        ("td3", 3),
        pytest.param("sac", 5, marks=pytest.mark.slow),
        pytest.param("sac", 33, marks=pytest.mark.slow),
        pytest.param("td3", 5, marks=pytest.mark.slow),
        pytest.param("td3", 33, marks=pytest.mark.slow),
    ],
)
def test_a_seed_alone_and_in_a_crowd_are_the_same(method, seeds):
    assert learned(alone(method))
    assert_same(member(crowd(seeds, method), SEED), member(alone(method), SEED))


@pytest.mark.slow
@pytest.mark.parametrize("width", [64, 256])
@pytest.mark.parametrize("method", ["sac", "td3"])
def test_wide_networks_on_a_walking_task_are_the_same_in_a_crowd(method, width):
    settings = {"task": "Hopper-v5", "method": method, "hidden": (width, width), "batch": 128, "evaluations": 2}
    one = run(small(**settings, seeds=1, first_seed=SEED))
    assert_same(member(run(small(**settings, seeds=3)), SEED), member(one, SEED))


def test_order_does_not_matter():
    run = Run(small(seeds=3))
    run.seeds = run.seeds[::-1].copy()
    backwards = run.execute(None, (), 0.0)
    for seed in range(3):
        assert_same(member(backwards, seed), member(crowd(3), seed))


def test_waves_do_not_matter(monkeypatch):
    monkeypatch.setenv("GUIDED_RL_MEMORY_GB", "1e-6")
    waves = run(small(seeds=3))
    assert waves.plan.width == waves.plan.devices < 3
    for seed in range(3):
        assert_same(member(waves, seed), member(crowd(3), seed))


@pytest.mark.skipif(len(jax.devices()) != 2, reason="three members fill two devices with one row to spare")
def test_what_fills_up_a_device_is_neither_trained_nor_seen():
    run, seen = Run(small(seeds=3)), []
    result = run.execute(None, [seen.append], 0.0)
    assert run.plan.width == 4
    assert all(p.seeds.tolist() == [0, 1, 2] and p.alive.shape == (3,) for p in seen)
    assert seen[-1].history.evaluation["episode_return"].shape[1] == 3
    assert_same(jax.tree.map(lambda leaf: leaf[:3], seen[-1].agents), result.agents)
    inputs = run.inputs(run.plan.waves()[0])
    population = run.program("init", 4)(jax.numpy.arange(4) % 3, inputs)
    for _ in range(2):  # the first only fills the replay
        population, totals = run.program("chunk", 4)(population, inputs)
    updated = jax.tree.leaves(population.members.agent.params)
    assert all(not leaf[3].any() for leaf in updated) and any(leaf[2].any() for leaf in updated)
    assert totals.metrics["critic_loss"].tolist()[3] == 0.0
    members = population.members
    played = run.program("evaluate", 4)(members.seed, members.agent, inputs, population.step).length
    assert not played[3].any() and (played[:3] > 0).all()


def test_a_grid_member_is_that_hyper_parameter_given_directly():
    grid = run(small(seeds=2, grid={"gamma": (0.9, 0.99)}))
    assert_same(member(grid, SEED - 1, point=1), member(crowd(3), SEED - 1))
    assert (
        member(grid, 1, 0)["agent"].params["log_temperature"] != member(grid, 1, 1)["agent"].params["log_temperature"]
    )


def test_the_defaults_grid_point_alone():
    """The other grid point, against a run in which it is the only one."""
    direct = run(small(seeds=3, hparams={"gamma": 0.9}))
    grid = run(small(seeds=2, grid={"gamma": (0.9, 0.99)}))
    assert_same(member(grid, 0, point=0), member(direct, 0))
