"""Discrete SAC's losses against NumPy: sums over actions stand where SAC samples."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.envs.spaces import Discrete
from guided_rl.methods.base import Context, Setup
from guided_rl.methods.bases import sac_discrete
from guided_rl.methods.hparams import defaults

RNG = np.random.default_rng(0)
BATCH, ACTIONS, OBS = 16, 3, 5
SETUP = Setup(OBS, Discrete(ACTIONS), (8, 8))
KEY = jax.random.key(0)


def context(**hparams: float) -> Context:
    values = {**defaults(sac_discrete.HPARAMS), "initial_temperature": 0.3, **hparams}
    return Context({name: jnp.float32(value) for name, value in values.items()}, jnp.int32(0), None, SETUP)


def batch() -> dict[str, jax.Array]:
    normal = lambda *shape: jnp.float32(RNG.normal(size=shape))
    flags = jnp.float32(RNG.integers(0, 2, BATCH))
    action = jnp.int32(RNG.integers(0, ACTIONS, BATCH))
    rows = {"obs": normal(BATCH, OBS), "next_obs": normal(BATCH, OBS), "reward": normal(BATCH)}
    return {**rows, "action": action, "terminated": flags}


@pytest.fixture(scope="module")
def learner():
    """An agent whose targets are not its critics, its batch, and what NumPy reads of both."""
    agent, rows = sac_discrete.init(KEY, context()), batch()
    agent = agent.replace(targets={"critic": sac_discrete.init(jax.random.key(1), context()).params["critic"]})

    def heads(obs: jax.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        logits = np.asarray(sac_discrete.actor(SETUP).apply(agent.params["actor"], obs), np.float64)
        pi = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        critics = (agent.params["critic"], agent.targets["critic"])
        return pi, np.log(pi), *(np.asarray(sac_discrete.critic(SETUP).apply(c, obs), np.float64) for c in critics)

    return agent, rows, heads


def test_the_target_is_the_soft_value_in_expectation(learner):
    agent, rows, heads = learner
    pi, log_pi, _, target_q = heads(rows["next_obs"])
    value = (pi * (target_q.min(0) - 0.3 * log_pi)).sum(1)
    expected = rows["reward"] + 0.99 * (1 - rows["terminated"]) * value
    np.testing.assert_allclose(sac_discrete.critic_target(agent, rows, KEY, context()), expected, rtol=1e-5)


def test_the_critics_loss_is_of_the_actions_taken(learner):
    agent, rows, heads = learner
    q, y = heads(rows["obs"])[2], RNG.normal(size=BATCH)
    taken = q[:, np.arange(BATCH), np.asarray(rows["action"])]
    loss, _ = sac_discrete.critic_loss(agent.params["critic"], jnp.float32(y), rows, context())
    np.testing.assert_allclose(loss, 0.5 * ((taken - y) ** 2).mean(1).sum(), rtol=1e-5)


def test_the_actors_and_the_temperatures_losses(learner):
    agent, rows, heads = learner
    pi, log_pi, q, _ = heads(rows["obs"])
    loss, metrics = sac_discrete.actor_loss(agent.params["actor"], agent, rows, context())
    np.testing.assert_allclose(loss, (pi * (0.3 * log_pi - q.min(0))).sum(1).mean(), rtol=1e-5)
    entropy = -(pi * log_pi).sum(1).mean()
    np.testing.assert_allclose(metrics["entropy"], entropy, rtol=1e-5)
    expected = (pi * (-0.3 * (log_pi + 0.5 * np.log(ACTIONS)))).sum(1).mean()
    found, _ = sac_discrete.temperature_loss(jnp.log(0.3), jnp.float32(entropy), context(target_entropy=0.5))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_actions_are_drawn_from_the_policy_and_evaluated_at_its_mode(learner):
    agent, rows, heads = learner
    obs, pi = rows["obs"][0], heads(rows["obs"])[0][0]
    act = lambda key: sac_discrete.act(agent, obs, key, context()).action
    drawn = np.asarray(jax.vmap(act)(jax.random.split(KEY, 20_000)))
    assert drawn.dtype == np.int32
    np.testing.assert_allclose(np.bincount(drawn, minlength=ACTIONS) / len(drawn), pi, atol=0.015)
    assert int(sac_discrete.mode(agent, obs, KEY, context())) == pi.argmax()
