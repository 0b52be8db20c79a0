"""What records say of a run's experts: offline agents name the data that each of them learned from."""

from __future__ import annotations

import numpy as np
import pytest

from guided_rl.datasets.demonstrations import content_hash
from guided_rl.datasets.expert_metadata import experts_behind
from guided_rl.envs import make
from guided_rl.guides.offline_agents import write_agents
from guided_rl.methods import build
from tests.methods.offline_agents import offline_agents

ROWS = np.random.default_rng(0).normal(size=(2, 30, 11)).astype(np.float32)


@pytest.fixture
def agents(tmp_path) -> str:
    """Offline seeds 0, 2 and 3, of which 1 was lost, on data of two policies."""
    facts = {"task": "InvertedPendulum-v5", "dataset": "medium", "seeds": [0, 2, 3], "returns": [1.0, 2.0, 3.0]}
    write_agents(tmp_path / "agents.npz", offline_agents(3), {**facts, "rows": 30})
    return f"offline:{tmp_path / 'agents.npz'}"


def test_offline_agents_name_the_data_that_their_own_seed_learned_from(agents):
    found = experts_behind(build("pex", {}), agents, "medium", make("InvertedPendulum-v5", "native"), ROWS)
    first, second = map(content_hash, ROWS)
    assert [(e.episode_return, e.source) for e in found] == [(1.0, first), (2.0, first), (3.0, second)]


@pytest.mark.parametrize("dataset, rows", [("expert", ROWS), (None, None)])
def test_on_other_data_or_none_that_is_not_known(agents, dataset, rows):
    found = experts_behind(build("pex", {}), agents, dataset, make("InvertedPendulum-v5", "native"), rows)
    assert [e.source for e in found] == ["", "", ""]
