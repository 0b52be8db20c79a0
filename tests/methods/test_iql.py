"""IQL and AWAC: losses against NumPy, expectile identities, and a choice whose answer is known."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from guided_rl.api import train
from guided_rl.envs.spaces import Box
from guided_rl.methods.base import Agent, Setup
from guided_rl.methods.bases import awac, iql, unsquashed
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.rng import normal
from tests.methods.offline_agents import context as make_context
from tests.methods.test_losses import ACTION, BATCH, OBS, mlp, q_values, transitions
from tests.training.small import small

SETUP = Setup(OBS, Box(ACTION), (8, 8), 1000)
CLOSE = {"rtol": 3e-4, "atol": 3e-4}
context = functools.partial(make_context, SETUP)


def learner(seed: int) -> Agent:
    """An agent whose targets differ from its parameters and whose biases are not zero."""
    agent = jax.jit(lambda key: iql.init(key, context()))(jax.random.key(seed))
    rng = np.random.default_rng(seed)
    shake = lambda tree: jax.tree.map(lambda x: x + jnp.asarray(rng.normal(0, 0.3, x.shape), jnp.float32), tree)
    return agent.replace(params=shake(agent.params), targets=shake(agent.targets))


def policy(params, obs) -> tuple[np.ndarray, np.ndarray]:
    """μ(s) [batch, action] and log σ [action]."""
    mean = np.tanh(mlp(params["params"]["MLP_0"], np.asarray(obs, np.float64)))
    return mean, np.clip(np.asarray(params["params"]["log_std"], np.float64), -5, 2)


def density(params, obs, action) -> np.ndarray:
    mean, log_std = policy(params, obs)
    z = (np.asarray(action, np.float64) - mean) / np.exp(log_std)
    return np.sum(-0.5 * z**2 - log_std - 0.5 * np.log(2 * np.pi), -1)


def v_values(params, obs) -> np.ndarray:
    return mlp(params["params"], np.asarray(obs, np.float64))[:, 0]


seeds = pytest.mark.parametrize("seed", range(3))
UPDATE = jax.jit(lambda agent, batch, ctx: iql.update(agent, batch, jax.random.key(0), ctx))


@seeds
def test_losses_are_the_papers(seed):
    agent, batch = learner(seed), transitions(seed)
    tau, beta, gamma, shift = 0.8, 2.5, 0.9, -1.0
    ctx = context(expectile=tau, awr_temperature=beta, gamma=gamma, reward_shift=shift)
    after, metrics = UPDATE(agent, batch, ctx)
    v, following = (v_values(agent.params["value"], batch[name]) for name in ("obs", "next_obs"))
    u = q_values(agent.targets["critic"], batch["obs"], batch["action"]).min(0) - v
    np.testing.assert_allclose(metrics["value_loss"], np.mean(np.abs(tau - (u < 0)) * u**2), **CLOSE)
    y = np.asarray(batch["reward"]) + shift + gamma * (1 - np.asarray(batch["terminated"])) * following
    errors = q_values(agent.params["critic"], batch["obs"], batch["action"]) - y
    np.testing.assert_allclose(metrics["critic_loss"], 0.5 * sum(np.mean(e**2) for e in errors), **CLOSE)
    weight = np.minimum(np.exp(beta * u), 100.0)
    expected = -np.mean(weight * density(agent.params["actor"], batch["obs"], batch["action"]))
    np.testing.assert_allclose(metrics["actor_loss"], expected, **CLOSE)
    moved = jax.tree.map(lambda t, p: t + 0.005 * (p - t), agent.targets["critic"], after.params["critic"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), moved, after.targets["critic"])


def test_no_gradient_flows_through_the_advantage():
    """The actor's gradient is that of the weighted log density alone, with the weights as numbers."""
    agent, batch, ctx = learner(0), transitions(0), context()
    u = iql.advantage(agent, batch["obs"], batch["action"], ctx)
    weight = jnp.minimum(jnp.exp(3.0 * u), 100.0)
    plain = lambda p: -jnp.mean(weight * unsquashed.log_prob(p, batch["obs"], batch["action"], SETUP))
    loss = lambda p: iql.actor_loss(p, batch["obs"], batch["action"], u, ctx)[0]
    one, other = (jax.grad(f)(agent.params["actor"]) for f in (loss, plain))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6), one, other)


@settings(max_examples=30)
@given(st.lists(st.floats(-3, 3), min_size=5, max_size=30), st.floats(0.05, 0.95))
def test_the_minimiser_is_the_expectile(sample, expectile):
    """τ E[(x - m)₊] = (1 - τ) E[(m - x)₊] at the minimiser m."""
    x = np.asarray(sample, np.float32)
    loss = lambda m: float(jnp.mean(iql.expectile_loss(jnp.float32(x - m), jnp.float32(expectile))))
    m = optimize.minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 1e-6}).x
    above, below = np.maximum(x - m, 0).mean(), np.maximum(m - x, 0).mean()
    assert expectile * above == pytest.approx((1 - expectile) * below, abs=5e-3)


@given(st.floats(-5, 5))
def test_at_one_half_the_expectile_loss_is_half_the_square(u):
    assert float(iql.expectile_loss(jnp.float32(u), jnp.float32(0.5))) == pytest.approx(0.5 * u**2, rel=1e-5, abs=1e-6)


def test_the_mode_is_the_mean_and_samples_have_the_learnt_spread():
    agent, ctx = learner(1), context()
    obs = jnp.zeros((20_000, OBS))
    actions = np.asarray(unsquashed.sample(agent.params["actor"], obs, jax.random.key(0), SETUP))
    mean, log_std = policy(agent.params["actor"], np.zeros((1, OBS)))
    np.testing.assert_allclose(unsquashed.mode(agent, jnp.zeros(OBS), None, ctx), mean[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(actions.mean(0), mean[0], atol=0.05)
    np.testing.assert_allclose(actions.std(0), np.exp(log_std), rtol=0.05)


@seeds
def test_awac_target_and_advantage(seed):
    agent, batch, key = learner(seed), transitions(seed), jax.random.key(seed)
    eps = np.asarray(normal(key, (BATCH, ACTION)), np.float64)

    def drawn(obs):
        mean, log_std = policy(agent.params["actor"], obs)
        return mean + np.exp(log_std) * eps

    ctx = context(gamma=0.9, reward_shift=0.5)
    q = q_values(agent.targets["critic"], batch["next_obs"], drawn(batch["next_obs"])).min(0)
    expected = np.asarray(batch["reward"]) + 0.5 + 0.9 * (1 - np.asarray(batch["terminated"])) * q
    np.testing.assert_allclose(awac.critic_target(agent, batch, key, ctx), expected, **CLOSE)
    own = q_values(agent.params["critic"], batch["obs"], drawn(batch["obs"])).min(0)
    gap = q_values(agent.params["critic"], batch["obs"], batch["action"]).min(0) - own
    np.testing.assert_allclose(awac.advantage(agent, batch, key, ctx), gap, **CLOSE)


def bandit(rows: int = 4000) -> np.ndarray:
    """One-step episodes on InvertedPendulum's observations: reward -(a - 0.6)², actions uniform."""
    rng = np.random.default_rng(0)
    obs, action = rng.normal(size=(rows, 4)), rng.uniform(-1, 1, (rows, 1))
    reward = -((action - 0.6) ** 2)
    return np.concatenate([obs, action, reward, np.ones((rows, 1)), obs], 1).astype(np.float32)[None]


@pytest.mark.trains
def test_iql_finds_the_best_action_of_a_bandit_and_high_expectiles_its_value():
    """Behaviour's mean reward is -E(a - 0.6)² = -0.693 and the best 0: V rises from one to the other with τ."""
    config = small(
        method="iql-offline",
        steps=2_000,
        evaluations=1,
        seeds=1,
        batch=64,
        grid={"expectile": (0.5, 0.98)},
        hparams={"awr_temperature": 10.0, "actor_lr": 3e-3, "critic_lr": 3e-3, "value_lr": 3e-3, "tau": 0.05},
        warmup=None,
    )
    result = train(config, offline=bandit())
    v = result.history.training_means(result.config.interval)["v"][-1]
    agents = jax.tree.map(jnp.asarray, result.agents)
    setup = Setup(4, Box(1), (16, 16), 2_000)
    obs = jnp.asarray(np.random.default_rng(1).normal(size=(256, 4)), jnp.float32)
    values = jax.vmap(lambda params: jnp.mean(iql.value(setup, params, obs)))(agents.params["value"])
    actions = jax.vmap(lambda p: jnp.mean(unsquashed.actor(setup).apply(p, obs)[0]))(agents.params["actor"])
    assert values[0] == pytest.approx(-0.693, abs=0.12)
    assert values[1] == pytest.approx(0.0, abs=0.12)
    assert v[0] < v[1]
    assert actions[1] == pytest.approx(0.6, abs=0.1)


@pytest.mark.parametrize(("name", "value"), [("expectile", 1.0), ("expectile", 0.0), ("awr_temperature", -1.0)])
def test_settings_outside_their_range_are_refused(name, value):
    with pytest.raises(UserError, match=f"{name}={value} is outside"):
        train(small(method="iql", hparams={name: value}))
