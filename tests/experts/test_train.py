"""The ladder that training keeps is the policies that were learned."""

import numpy as np
import pytest

from experts.ladder import read_ladder
from experts.recipes import EXPERTS
from experts.train import keep_ladder
from guided_rl.errors import UserError
from tests.training.small import run, small

pytestmark = pytest.mark.trains


def test_the_ladder_holds_every_points_policies_and_returns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = small(seeds=EXPERTS)
    result = run(config, observers=[keep_ladder("anything")])
    ladder = read_ladder("anything")
    assert ladder.steps.tolist() == [60, 120, 180, 240]
    evaluated = result.history.evaluation["episode_return"]
    np.testing.assert_array_equal(ladder.returns[-1], evaluated[-1, :, 0])
    actor = result.agents.params["actor"]["params"]["MLP_0"]
    for number, layer in enumerate(ladder.layers):
        np.testing.assert_array_equal(layer["kernel"][-1], actor[f"Dense_{number}"]["kernel"])


def test_too_few_experts_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="do not fit into memory together"):
        run(small(), observers=[keep_ladder("anything")])
