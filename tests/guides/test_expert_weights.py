"""Weights files: whole, or refused in one sentence."""

import json

import numpy as np
import pytest

from guided_rl.envs import make
from guided_rl.guides.expert_weights import load_guide, read_weights, write_weights
from guided_rl.runtime.errors import UserError
from tests.guides.test_find import TASK, layers

FACTS = {"task": TASK, "observation_size": 4, "action_size": 1}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "experts.npz"
    write_weights(path, {"sac@75": layers(2), "bc@25": layers(1)}, FACTS)
    return path


def refused(path, policy="bc@25"):
    with pytest.raises(UserError) as caught:
        load_guide(path, policy, make(TASK, "native"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edit(path, **changes):
    beside = path.with_suffix(".json")
    beside.write_text(json.dumps({**json.loads(beside.read_text()), **changes}))


def test_what_was_written_is_read(path):
    policies, facts = read_weights(path)
    assert facts["policies"] == ["bc@25", "sac@75"]
    assert policies["bc@25"][0]["kernel"].dtype == np.float32
    for written, read in zip(layers(2), policies["sac@75"], strict=True):
        np.testing.assert_allclose(read["kernel"], written["kernel"], rtol=1e-6)


@pytest.mark.parametrize("keep", [0, 40, -1])
def test_a_truncated_file_is_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    assert "truncated or altered" in refused(path)


def test_one_altered_byte_is_noticed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "truncated or altered" in refused(path)


def test_a_missing_file_is_named(tmp_path):
    assert "cannot read the expert weights" in refused(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_facts_must_be_there(path, content):
    beside = path.with_suffix(".json")
    beside.unlink() if content is None else beside.write_text(content)
    assert "experts.json" in refused(path)


def test_another_task_is_refused(path):
    edit(path, task="Hopper-v5")
    assert f"are for Hopper-v5, not for {TASK}" in refused(path)


@pytest.mark.parametrize("size", ["observation_size", "action_size"])
def test_other_sizes_are_refused(path, size):
    edit(path, **{size: 7})
    assert "are for 7 " in refused(path)


def test_a_missing_level_names_the_near_ones(path):
    assert "did you mean bc@25" in refused(path, "bc@50")
