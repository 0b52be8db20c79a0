"""SAC's and TD3's losses against short NumPy transcriptions of the papers' equations, in float64."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from guided_rl.envs.spaces import Box
from guided_rl.methods.base import Agent, Context, Setup, descend, optimizer, polyak
from guided_rl.methods.bases import sac, td3
from guided_rl.methods.hparams import defaults
from guided_rl.networks.distributions import log_one_minus_tanh_squared, sample_squashed
from guided_rl.runtime.rng import normal

OBS, ACTION, BATCH = 5, 3, 16
SETUP = Setup(OBS, Box(ACTION), (8, 8), 1000)
METHODS = {"sac": sac, "td3": td3}
INIT, UPDATE = ({name: jax.jit(getattr(m, hook)) for name, m in METHODS.items()} for hook in ("init", "update"))
CLOSE = {"rtol": 2e-4, "atol": 2e-4}


def context(name: str, step: int = 0, **hp: float) -> Context:
    values = {**defaults(METHODS[name].HPARAMS), **hp}
    return Context({k: jnp.float32(v) for k, v in values.items()}, jnp.int32(step), None, setup=SETUP)


def learner(name: str, seed: int) -> Agent:
    """An agent whose targets differ from its parameters and whose biases are not zero."""
    agent = INIT[name](jax.random.key(seed), context(name))
    rng = np.random.default_rng(seed)
    shake = lambda tree: jax.tree.map(lambda x: x + jnp.asarray(rng.normal(0, 0.3, x.shape), jnp.float32), tree)
    return agent.replace(params=shake(agent.params), targets=shake(agent.targets))


def transitions(seed: int) -> dict[str, jax.Array]:
    rng = np.random.default_rng(seed)
    rows = {"obs": rng.normal(size=(BATCH, OBS)), "next_obs": rng.normal(size=(BATCH, OBS))}
    rows |= {"action": rng.uniform(-1, 1, (BATCH, ACTION)), "reward": rng.normal(size=BATCH)}
    rows["terminated"] = rng.integers(0, 2, BATCH)
    return {k: jnp.asarray(v, jnp.float32) for k, v in rows.items()}


def mlp(params, x: np.ndarray) -> np.ndarray:
    layers = [params[f"Dense_{i}"] for i in range(3)]
    for i, layer in enumerate(layers):
        x = x @ np.asarray(layer["kernel"], np.float64) + np.asarray(layer["bias"], np.float64)
        if norm := params.get(f"LayerNorm_{i}"):
            x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
            x = x * np.asarray(norm["scale"], np.float64) + np.asarray(norm["bias"], np.float64)
        x = np.maximum(x, 0) if i < 2 else x
    return x


def q_values(params, obs, action) -> np.ndarray:
    """[2, batch]"""
    x = np.concatenate([np.asarray(obs, np.float64), np.asarray(action, np.float64)], -1)
    twins = params["params"]["VmapMLP_0"]
    return np.stack([mlp(jax.tree.map(lambda leaf, i=i: leaf[i], twins), x)[:, 0] for i in range(2)])


@pytest.mark.parametrize("name", METHODS)
def test_critics_are_normalised_layer_by_layer_where_asked_for(name):
    batch, critic = transitions(0), METHODS[name].critic(dataclasses.replace(SETUP, critic_layer_norm=True))
    params = critic.init(jax.random.key(0), batch["obs"], batch["action"])
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda x: x + jnp.asarray(rng.normal(0, 0.3, x.shape), jnp.float32), params)
    found = critic.apply(params, batch["obs"], batch["action"])
    np.testing.assert_allclose(found, q_values(params, batch["obs"], batch["action"]), **CLOSE)
    plain = METHODS[name].critic(SETUP).init(jax.random.key(0), batch["obs"], batch["action"])
    assert len(jax.tree.leaves(params)) > len(jax.tree.leaves(plain))


def squashed(params, obs, noise) -> tuple[np.ndarray, np.ndarray]:
    """Action and log density: u = μ + σ ε, a = tanh u, log π = Σ log N(u; μ, σ²) - log(1 - a²)."""
    out = mlp(params["params"]["MLP_0"], np.asarray(obs, np.float64))
    mean, log_std = out[:, :ACTION], np.clip(out[:, ACTION:], -5, 2)
    std, noise = np.exp(log_std), np.asarray(noise, np.float64)
    u = mean + std * noise
    density = -((u - mean) ** 2) / (2 * std**2) - np.log(std * np.sqrt(2 * np.pi))
    return np.tanh(u), np.sum(density - np.log(1 - np.tanh(u) ** 2), -1)


def noise(seed: int, shape=(BATCH, ACTION)) -> tuple[jax.Array, np.ndarray]:
    key = jax.random.key(seed)
    return key, np.asarray(normal(key, shape), np.float64)


seeds = pytest.mark.parametrize("seed", range(3))


@seeds
def test_sac_critic_target(seed):
    agent, batch, (key, eps) = learner("sac", seed), transitions(seed), noise(seed)
    ctx = context("sac", gamma=0.9)
    action, log_prob = squashed(agent.params["actor"], batch["next_obs"], eps)
    value = q_values(agent.targets["critic"], batch["next_obs"], action).min(0)
    value -= np.exp(float(agent.params["log_temperature"])) * log_prob
    expected = batch["reward"] + 0.9 * (1 - np.asarray(batch["terminated"])) * value
    np.testing.assert_allclose(jax.jit(sac.critic_target)(agent, batch, key, ctx), expected, **CLOSE)


@seeds
@pytest.mark.parametrize(("name", "factor"), [("sac", 0.5), ("td3", 1.0)])
def test_critic_loss(name, factor, seed):
    agent, batch = learner(name, seed), transitions(seed)
    target = np.random.default_rng(seed).normal(size=BATCH)
    errors = q_values(agent.params["critic"], batch["obs"], batch["action"]) - target
    loss, _ = METHODS[name].critic_loss(agent.params["critic"], jnp.float32(target), batch, context(name))
    np.testing.assert_allclose(loss, factor * sum(np.mean(e**2) for e in errors), **CLOSE)


@seeds
def test_sac_actor_loss_and_entropy(seed):
    agent, batch, (key, eps) = learner("sac", seed), transitions(seed), noise(seed)
    action, log_prob = squashed(agent.params["actor"], batch["obs"], eps)
    q = q_values(agent.params["critic"], batch["obs"], action).min(0)
    temperature = np.exp(float(agent.params["log_temperature"]))
    loss, aux = jax.jit(sac.actor_loss)(agent.params["actor"], agent, batch, key, context("sac"))
    np.testing.assert_allclose(loss, np.mean(temperature * log_prob - q), **CLOSE)
    np.testing.assert_allclose(aux["entropy"], -np.mean(log_prob), **CLOSE)


@settings(max_examples=25, deadline=None)
@given(log_temperature=st.floats(-5, 2), entropy=st.floats(-10, 5))
def test_temperature_loss_and_its_gradient(log_temperature, entropy):
    """J(α) = α (H + |A|); dJ / d log α = J."""
    loss = lambda x: sac.temperature_loss(x, jnp.float32(entropy), context("sac"))[0]
    expected = np.exp(log_temperature) * (entropy + ACTION)
    np.testing.assert_allclose(loss(jnp.float32(log_temperature)), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(jax.grad(loss)(jnp.float32(log_temperature)), expected, rtol=1e-5, atol=1e-5)


@seeds
def test_td3_critic_target(seed):
    agent, batch, (key, eps) = learner("td3", seed), transitions(seed), noise(seed)
    ctx = context("td3", gamma=0.9, target_noise=0.4, target_noise_clip=0.3)
    mean = np.tanh(mlp(agent.targets["actor"]["params"]["MLP_0"], np.asarray(batch["next_obs"], np.float64)))
    action = np.clip(mean + np.clip(0.4 * eps, -0.3, 0.3), -1, 1)
    value = q_values(agent.targets["critic"], batch["next_obs"], action).min(0)
    expected = batch["reward"] + 0.9 * (1 - np.asarray(batch["terminated"])) * value
    np.testing.assert_allclose(jax.jit(td3.critic_target)(agent, batch, key, ctx), expected, **CLOSE)


@seeds
def test_td3_actor_loss(seed):
    agent, batch = learner("td3", seed), transitions(seed)
    action = np.tanh(mlp(agent.params["actor"]["params"]["MLP_0"], np.asarray(batch["obs"], np.float64)))
    expected = -q_values(agent.params["critic"], batch["obs"], action)[0].mean()
    loss, _ = td3.actor_loss(agent.params["actor"], agent, batch, jax.random.key(0), context("td3"))
    np.testing.assert_allclose(loss, expected, **CLOSE)


@pytest.mark.parametrize(("mean", "log_std"), [(0.0, -0.5), (0.7, -1.0), (-1.2, 0.2)])
def test_squashed_density_integrates_to_one(mean, log_std):
    """The density at a = tanh u, evaluated through samples' own noise, has mass 1 on (-1, 1)."""

    def density(action: float) -> float:
        u = np.arctanh(action)
        z = (u - mean) / np.exp(log_std)
        correction = float(log_one_minus_tanh_squared(jnp.float32(u)))
        return np.exp(-0.5 * z**2 - log_std - 0.5 * np.log(2 * np.pi) - correction)

    assert integrate.quad(density, -1, 1, limit=200, epsabs=1e-4)[0] == pytest.approx(1.0, abs=2e-3)


@settings(max_examples=20, deadline=None)
@given(mean=st.floats(-3, 3), log_std=st.floats(-5, 1), seed=st.integers(0, 1000))
def test_squashed_sample_and_log_density(mean, log_std, seed):
    key, eps = noise(seed, (4,))
    action, log_prob = sample_squashed(jnp.full(4, mean), jnp.full(4, log_std), key)
    u = mean + np.exp(log_std) * eps
    gaussian = -0.5 * eps**2 - log_std - 0.5 * np.log(2 * np.pi)
    correction = 2 * (np.log(2) - u - np.logaddexp(0, -2 * u))
    np.testing.assert_allclose(action, np.tanh(u), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(log_prob, np.sum(gaussian - correction), rtol=1e-4, atol=1e-3)


def test_log_one_minus_tanh_squared_and_its_derivative():
    x = np.concatenate([np.linspace(-5, 5, 101), [-60.0, 60.0]])
    expected = 2 * (np.log(2) - np.abs(x) - np.log1p(np.exp(-2 * np.abs(x))))
    np.testing.assert_allclose(log_one_minus_tanh_squared(jnp.float32(x)), expected, rtol=1e-5, atol=1e-5)
    slope = jax.vmap(jax.grad(log_one_minus_tanh_squared))(jnp.float32(x))
    np.testing.assert_allclose(slope, -2 * np.tanh(x), rtol=1e-5, atol=1e-5)


def test_descend_is_adam_and_polyak_is_a_step_towards_the_parameters():
    """Two Adam steps (Kingma and Ba 2015, algorithm 1) on a quadratic, then θ̄ ← θ̄ + τ (θ - θ̄)."""
    start, goal, rate = np.array([1.0, -2.0]), np.array([0.5, 3.0]), 0.1
    params = {"w": jnp.asarray(start, jnp.float32)}
    agent = Agent(params, {"w": jnp.zeros(2)}, {"w": optimizer(params["w"])})
    first, second, theta = np.zeros(2), np.zeros(2), start.copy()
    for t in (1, 2):
        agent, _ = descend(agent, "w", lambda w: (jnp.sum((w - goal) ** 2), None), jnp.float32(rate))
        gradient = 2 * (theta - goal)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        theta -= rate * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(agent.params["w"], theta, rtol=1e-4)
    np.testing.assert_allclose(polyak(agent, "w", jnp.float32(0.25)).targets["w"], 0.25 * theta, rtol=1e-4)


@pytest.mark.parametrize("step", [4, 5])
def test_td3_moves_actor_and_targets_every_second_step_only(step):
    before = learner("td3", 0)
    after, _ = UPDATE["td3"](before, transitions(0), jax.random.key(1), context("td3", step))
    same = lambda a, b: all(jax.tree.leaves(jax.tree.map(lambda x, y: bool(jnp.all(x == y)), a, b)))
    assert not same(before.params["critic"], after.params["critic"])
    assert same(before.params["actor"], after.params["actor"]) == (step == 5)
    assert same(before.targets, after.targets) == (step == 5)


def test_sac_targets_follow_the_updated_critics():
    before = learner("sac", 0)
    after, _ = UPDATE["sac"](before, transitions(0), jax.random.key(1), context("sac", tau=0.3))
    expected = jax.tree.map(lambda t, p: 0.7 * t + 0.3 * p, before.targets["critic"], after.params["critic"])
    assert jax.tree.all(
        jax.tree.map(lambda x, y: bool(jnp.allclose(x, y, atol=1e-6)), expected, after.targets["critic"])
    )
