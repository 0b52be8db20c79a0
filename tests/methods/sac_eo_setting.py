"""Small learners, models and expert sets, for tests of SAC-EO."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from guided_rl.data.replay import Layout
from guided_rl.envs.spaces import Box
from guided_rl.methods.base import Agent, Context, Method, Setup
from guided_rl.methods.bases import sac
from guided_rl.methods.hparams import defaults
from guided_rl.methods.observations import dynamics
from guided_rl.methods.observations.dynamics import Fitting
from guided_rl.methods.observations.imitation import (
    HPARAMS,
    Imitation,
)

OBS, ACTION, PAIRS = 4, 2, 16
SETUP = Setup(OBS, Box(ACTION), (8, 8), 1000)
SWITCHES = {"model_hidden": (8,), "epochs": 1, "window": 200}
USUAL = {**SWITCHES, "model_hidden": (128, 128)}
HOW = Imitation(Fitting((8,), batch=32, epochs=4, window=64))
TASK = {"task": "InvertedPendulum-v5", "steps": 240, "seeds": 2, "evaluations": 2, "episodes": 1}
TASK |= {"hidden": (16, 16), "batch": 16, "warmup": 0.25}
WIDTH = Layout.of(4, 1).width
CLOSE = {"rtol": 2e-4, "atol": 2e-5}
positive = st.floats(0, 1e3, width=32)


def context(**hp: float) -> Context:
    values = {**defaults(HPARAMS), "beta": 100.0, "epsilon": 0.5, **hp}
    return Context({k: jnp.float32(v) for k, v in values.items()}, jnp.int32(0), None, setup=SETUP)


def refitted(method: Method, agent: Agent, recent: dict, key: jax.Array, ctx: Context, dataset: jax.Array) -> Agent:
    """`agent` once an episode has begun, with 200 `recent` transitions to look back on."""
    return method.events.every_episode.hook(agent, recent, jnp.int32(200), key, ctx, dataset)


def learner(seed: int = 0) -> Agent:
    """SAC with models whose every parameter, and whose normaliser, is away from its start."""
    agent = dynamics.with_models(sac.init(jax.random.key(seed), context()), jax.random.key(1), context(), HOW.fitting)
    rng = np.random.default_rng(seed)
    shaken = jax.tree.map(lambda x: x + jnp.asarray(rng.normal(0, 0.3, x.shape), jnp.float32), agent.params["models"])
    scale = {k: jnp.asarray(rng.uniform(0.5, 2, v.shape), jnp.float32) for k, v in agent.memory["normaliser"].items()}
    return agent.replace(params={**agent.params, "models": shaken}, memory={"normaliser": scale})


def pairs(seed: int = 0, n: int = PAIRS) -> dict[str, jax.Array]:
    rng = np.random.default_rng(seed)
    rows = {"obs": rng.normal(size=(n, OBS)), "next_obs": rng.normal(size=(n, OBS))}
    rows |= {"action": rng.uniform(-1, 1, (n, ACTION)), "reward": rng.normal(size=n)}
    return {k: jnp.asarray(v, jnp.float32) for k, v in rows.items()}


def forward(agent: Agent, model: int, obs: np.ndarray, action: np.ndarray) -> np.ndarray:
    """ŝ' of one model in float64."""
    p = jax.tree.map(lambda x: np.asarray(x[model], np.float64), agent.params["models"]["params"])
    scale = {k: np.asarray(v, np.float64) for k, v in agent.memory["normaliser"].items()}
    x = (np.concatenate([obs, action], -1) - scale["in_mean"]) / scale["in_std"]
    x = np.maximum(x @ p["Dense_0"]["kernel"] + p["Dense_0"]["bias"], 0)
    y = (x @ p["Dense_1"]["kernel"] + p["Dense_1"]["bias"]) * scale["out_std"] + scale["out_mean"]
    return np.asarray(obs, np.float64) + y[:, :OBS]


def demonstrations(seed: int = 0, experts: int = 2, n: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.2, 0.2, (experts, n, WIDTH)).astype(np.float32)


def told_apart() -> tuple[jax.Array, np.ndarray]:
    """An expert set [rows, width] of 40 pairs, whose ‖s'‖², each far from the others', all but are the errors."""
    expert = {**pairs(4, 40), "terminated": jnp.zeros(40)}
    expert["next_obs"] *= 1e3 * jnp.arange(1, 41)[:, None]
    return jax.vmap(Layout.of(OBS, ACTION).pack)(expert), np.sum(
        np.asarray(expert["next_obs"], np.float64) ** 2, axis=-1
    )
