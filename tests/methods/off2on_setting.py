"""Small CQL agents and ensembles with shaken parameters, for tests of CQL and Off2On."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.envs.spaces import Box
from guided_rl.methods import build
from guided_rl.methods.base import Agent, Context, Setup
from guided_rl.methods.bases import cql, sac
from guided_rl.methods.hparams import defaults
from guided_rl.runtime.rng import normal
from tests.methods.test_losses import ACTION, OBS, mlp, q_values

SETUP = Setup(OBS, Box(ACTION), (8, 8), 1000)
MEMBERS, COUNT = 3, 4
CLOSE = {"rtol": 5e-4, "atol": 5e-4}
HPARAMS = defaults({**cql.HPARAMS, **build("off2on").hparams})
seeds = pytest.mark.parametrize("seed", range(2))


def context(setup: Setup = SETUP, step: int = 0, **hp: float) -> Context:
    values = {name: jnp.float32(value) for name, value in {**HPARAMS, **hp}.items()}
    return Context(values, jnp.int32(step), None, setup=setup)


INIT = jax.jit(lambda key: sac.init(key, context()))
MEMBERS_INIT = jax.jit(lambda key: cql.members_init(key, context(), members=MEMBERS))


def shaken(agent: Agent, seed: int) -> Agent:
    """The same with targets that differ from the parameters and biases that are not zero."""
    rng = np.random.default_rng(seed)
    shake = lambda tree: jax.tree.map(lambda x: x + jnp.asarray(rng.normal(0, 0.3, x.shape), jnp.float32), tree)
    return agent.replace(params=shake(agent.params), targets=shake(agent.targets))


def single(seed: int) -> Agent:
    return shaken(INIT(jax.random.key(seed)), seed)


def ensemble(seed: int) -> Agent:
    """MEMBERS agents with one temperature, as they are online."""
    agent = shaken(MEMBERS_INIT(jax.random.key(seed)), seed)
    return agent.replace(params={**agent.params, "log_temperature": agent.params["log_temperature"][0]})


def member(tree, n: int):
    return jax.tree.map(lambda leaf: leaf[n], tree)


def moments(params, obs) -> tuple[np.ndarray, np.ndarray]:
    """The paper's μ and σ of the ensemble, [batch, action]."""
    out = np.stack([mlp(member(params, n)["params"]["MLP_0"], np.asarray(obs, np.float64)) for n in range(MEMBERS)])
    mu, sigma = out[..., :ACTION], np.exp(np.clip(out[..., ACTION:], -5, 2))
    mean = mu.mean(0)
    return mean, np.sqrt((sigma**2 + mu**2).mean(0) - mean**2)


def drawn(params, obs, key) -> tuple[np.ndarray, np.ndarray]:
    """a = tanh(μ + σ ε) of the ensemble and its log density."""
    mean, std = moments(params, obs)
    noise = np.asarray(normal(key, mean.shape), np.float64)
    u = mean + std * noise
    density = -0.5 * noise**2 - np.log(std * np.sqrt(2 * np.pi)) - np.log(1 - np.tanh(u) ** 2)
    return np.tanh(u), density.sum(-1)


def twin_minima(params, obs, action) -> np.ndarray:
    """min_i Q_ni(s, a) [members, batch]"""
    return np.stack([q_values(member(params, n), obs, action).min(0) for n in range(MEMBERS)])
