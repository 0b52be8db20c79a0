"""Success, expert queries and the share of executed expert actions, counted while training and in evaluations."""

from __future__ import annotations

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
import pyarrow.compute as pc
import pytest

from guided_rl.config import RunConfig
from guided_rl.guides.base import Guide
from guided_rl.results import collect, records
from guided_rl.training.run import Result, Run
from tests.training import corridor as world
from tests.training.corridor import LENGTH

pytestmark = pytest.mark.trains

STEPS, POINTS, EPISODES = 80, 4, 3
INTERVAL = STEPS // POINTS


def forwards(confidence: float = 1.0) -> Guide:
    """The corridor's walker, trusted everywhere alike."""
    return Guide({}, lambda params, obs, key: world.forwards(obs), lambda params, obs: jnp.float32(confidence))


CONFIG = RunConfig(
    task=f"{world.__file__}:corridor", steps=STEPS, seeds=2, evaluations=POINTS, episodes=EPISODES, hidden=(8,), batch=8
)


@functools.lru_cache(maxsize=1)
def trained(method: str, confidence: float = 1.0, t_change: float | None = None) -> Result:
    hparams = {} if t_change is None else {"t_change": t_change}
    config = dataclasses.replace(CONFIG, method=method, hparams=hparams)
    return Run(config, forwards(confidence)).execute(None, (), 0.0)


def test_dai_tells_how_much_of_what_it_executes_is_the_experts():
    """α = t / 40 for 40 steps and 1 afterwards: the expert's share falls to 0, and it is asked no more."""
    result = trained("dai-sac", t_change=0.5)
    training = result.history.training_means(INTERVAL)
    alpha = np.minimum(1.0, np.arange(STEPS) / 40).reshape(POINTS, INTERVAL)
    np.testing.assert_allclose(training["expert_share"], np.repeat((1 - alpha).mean(1)[:, None], 2, 1), atol=1e-6)
    np.testing.assert_array_equal(training["expert_queries"], np.repeat((alpha < 1).sum(1)[:, None], 2, 1))
    seen = result.history.evaluation_outcomes()
    mixture, own = result.protocols.index("mixture"), result.protocols.index("policy")
    at_points = alpha[:, -1][:, None, None]
    np.testing.assert_allclose(
        seen["expert_share"][:, :, mixture], np.broadcast_to(1 - at_points, (4, 2, 3)), atol=1e-6
    )
    np.testing.assert_array_equal(
        seen["expert_queries"][:, :, mixture], np.broadcast_to(LENGTH * (at_points < 1), (4, 2, 3))
    )
    assert np.isnan(seen["expert_share"][:, :, own]).all()


def test_an_episode_succeeds_if_it_once_did():
    """What the expert alone executes passes the goal once in every episode of ten steps, and is then put back."""
    result = trained("bc")
    training = result.history.training_means(INTERVAL)
    np.testing.assert_array_equal(training["success"], INTERVAL // LENGTH)
    np.testing.assert_array_equal(training["expert_share"], 1.0)
    np.testing.assert_array_equal(result.history.evaluation["success"], 1.0)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_local_guide_acts_where_it_is_trusted(confidence):
    training = trained("sag", confidence).history.training_means(INTERVAL)
    np.testing.assert_array_equal(training["expert_share"], confidence)
    np.testing.assert_array_equal(training["expert_queries"], confidence * INTERVAL)


def test_records_keep_them(tmp_path):
    record = collect.from_result(trained("bc"), "own", "quick", "corridor")
    records.write(record, tmp_path / "record")
    returns = records.read(tmp_path / "record").returns
    assert set(returns["success"].to_pylist()) == {1.0} and returns["expert_share"].null_count == 0
    counted = pc.unique(record.training["metric"]).to_pylist()
    assert {"success", "expert_share", "expert_queries"} <= set(counted)


def test_where_neither_task_nor_method_has_any_nothing_is_counted():
    run = Run(dataclasses.replace(CONFIG, task="InvertedPendulum-v5", method="sac"))
    assert (run.measured.outcomes, run.measured.evaluated) == ((), ())
