"""The ladder that training keeps is the policies that were learned, in waves or together."""

import numpy as np
import pytest

from experts import train as training
from experts.ladder import read_ladder
from experts.train import keep_ladder
from guided_rl.runtime.errors import UserError
from tests.training.small import run, small


def keep(config, name, **settings):
    result = run(config, observers=[keep_ladder(name)], **settings)
    return result, read_ladder(name)


@pytest.mark.trains
def test_the_ladder_holds_every_points_policies_and_returns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result, ladder = keep(small(seeds=4), "anything")
    assert ladder.steps.tolist() == [60, 120, 180, 240]
    evaluated = result.history.evaluation["episode_return"]
    np.testing.assert_array_equal(ladder.returns[-1], evaluated[-1, :, 0])
    actor = result.agents.params["actor"]["params"]["MLP_0"]
    for number, layer in enumerate(ladder.layers):
        np.testing.assert_array_equal(layer["kernel"][-1], actor[f"Dense_{number}"]["kernel"])


@pytest.mark.trains
def test_experts_that_train_in_waves_are_those_that_train_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, together = keep(small(seeds=4), "together")
    monkeypatch.setenv("GUIDED_RL_MEMORY_GB", "1e-6")
    result, apart = keep(small(seeds=4), "apart")
    assert len(result.plan.waves()) > 1
    np.testing.assert_array_equal(apart.steps, together.steps)
    np.testing.assert_array_equal(apart.returns, together.returns)
    for ours, theirs in zip(apart.layers, together.layers, strict=True):
        np.testing.assert_array_equal(ours["kernel"], theirs["kernel"])


def written(name, point, first_seed, experts, step):
    """A wave's file whose policies are known by their only weight, point + 100 · expert."""
    path = training.ladder_file(name, point, first_seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    number = point + 100.0 * np.asarray(experts)[:, None]
    layer = {"params/MLP_0/Dense_0/kernel": number[..., None], "params/MLP_0/Dense_0/bias": number}
    np.savez(path, returns=number, step=step, seeds=experts, **layer)
    return path


def test_waves_are_joined_in_the_order_of_their_seeds_as_far_as_all_have_come(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for point in range(3):
        written("anything", point, 1_000_000, [0, 1], 10 * point)
    for point in range(2):
        written("anything", point, 1_000_002, [2], 10 * point)
    ladder = read_ladder("anything")
    assert ladder.steps.tolist() == [0, 10]
    np.testing.assert_array_equal(ladder.returns[..., 0], [[0, 100, 200], [1, 101, 201]])
    np.testing.assert_array_equal(ladder.layers[0]["bias"][..., 0], ladder.returns[..., 0])


def test_a_run_begun_before_waves_had_files_of_their_own_is_read_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for point in range(3):
        path = written("anything", point, 0, [0, 1], point)
        if point < 2:
            path.rename(path.with_name(f"{point:02d}.npz"))
    np.testing.assert_array_equal(read_ladder("anything").returns[..., 0], [[0, 100], [1, 101], [2, 102]])


def test_nothing_trained_is_said_to_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no expert of anything was trained yet"):
        read_ladder("anything")
