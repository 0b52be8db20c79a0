"""A finished run's learners advise others as they would act themselves."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl import envs
from guided_rl.api import train
from guided_rl.cli import main
from guided_rl.datasets.expert_metadata import quoted_experts
from guided_rl.guides import find_guide
from guided_rl.guides.spec import POLICIES
from guided_rl.methods.base import Context, Setup
from guided_rl.results.policies import KINDS, keep_policies
from guided_rl.runtime.errors import UserError
from tests.training.small import learned, small

pytestmark = pytest.mark.trains
RUNS = {
    "sac": {},
    "td3": {"activation": "tanh"},
    "dqn": {"task": "CartPole-v1"},
    "sac-discrete": {"task": "CartPole-v1", "activation": "tanh"},
}
SLOW = ("td3", "sac-discrete")


def finished(tmp_path, method: str):
    result = train(small(method=method, **RUNS[method]), folder=tmp_path / "run")
    assert learned(result) and (tmp_path / "run" / POLICIES).exists()
    return result, f"run:{tmp_path / 'run'}"


@pytest.mark.parametrize("method", [m if m not in SLOW else pytest.param(m, marks=pytest.mark.slow) for m in RUNS])
def test_every_learner_advises_what_it_would_do(tmp_path, method):
    result, named = finished(tmp_path, method)
    env, rng = envs.make(result.config.task), np.random.default_rng(0)
    guide = find_guide(named, env)
    assert guide.size == len(result.seeds)
    for seed in range(guide.size):
        own = jax.tree.map(lambda x, seed=seed: jnp.asarray(x[seed]), result.agents)
        context = Context({}, jnp.int32(0), None, setup_of(result))
        for obs in jnp.asarray(rng.normal(size=(5, env.observation_size)), jnp.float32):
            wanted = result.method.policies["policy"](own, obs, None, context)
            np.testing.assert_allclose(guide.of(seed).best_action(obs, env.action_space), wanted, rtol=1e-5, atol=1e-5)
    assert KINDS[result.method.policies["policy"]][1] in result.agents.params
    quotes = quoted_experts(named, env)
    assert [q.steps for q in quotes] == [result.config.steps] * guide.size and len({q.checksum for q in quotes}) == 1
    np.testing.assert_allclose(quotes[0].episode_return, result.history.evaluation["episode_return"][-1, 0, 0].mean())


def setup_of(result) -> Setup:
    env, config = result.env, result.config
    return Setup(
        env.observation_size, env.action_space, config.hidden, budget=config.steps, activation=config.activation
    )


def test_a_run_teaches_another_and_its_own_commands_take_it(tmp_path, capsys):
    result, named = finished(tmp_path, "sac")
    assert main(["evaluate", result.config.task, named, "--episodes", "2"]) == 0
    assert "expert 0" in capsys.readouterr().out
    taught = train(small(method="dai-sac"), guide=named)
    assert learned(taught) and taught.guide.size == len(result.seeds)


def test_what_holds_no_policies_says_so(tmp_path):
    env = envs.make("InvertedPendulum-v5")
    with pytest.raises(UserError, match="holds no policies of a finished run"):
        find_guide(f"run:{tmp_path}", env)
    _, named = finished(tmp_path, "sac")
    with pytest.raises(UserError, match=r"write run:"):
        find_guide(named.removeprefix("run:"), env)
    with pytest.raises(UserError, match="are for InvertedPendulum-v5, not for"):
        find_guide(named, envs.make("Hopper-v5"))
    facts = tmp_path / "run" / "policies.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "activation": "gelu"}))
    with pytest.raises(UserError, match="'gelu'"):
        find_guide(named, env)


@pytest.mark.parametrize("changes", [{"grid": {"gamma": (0.9, 0.99)}}, {"actor_head": "affine"}])
def test_what_would_be_played_otherwise_than_it_was_learned_is_not_kept(tmp_path, changes):
    """Two agents a seed; a standard deviation that the reader of weights does not know."""
    result = train(small(method="sac", **changes))
    assert keep_policies(result, tmp_path) is None and not list(tmp_path.iterdir())
