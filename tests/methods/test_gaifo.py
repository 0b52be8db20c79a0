"""GAIfO-style imitation: its discriminator against NumPy, its reward, and what it must not read."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.data.replay import Layout
from guided_rl.envs.spaces import Box
from guided_rl.methods.base import Agent, Context, Setup
from guided_rl.methods.bases import sac
from guided_rl.methods.hparams import defaults
from guided_rl.methods.observations import gaifo
from tests.training.small import assert_same

OBS, ACTION, ROWS = 3, 1, 8
SETUP = Setup(OBS, Box(ACTION), (8, 8), 100)
LAYOUT = Layout.of(OBS, ACTION)


def context(**hp: float) -> Context:
    values = {k: jnp.float32(v) for k, v in {**defaults(gaifo.GAIFO.hparams), **hp}.items()}
    return Context(values, jnp.int32(0), None, SETUP)


def learner(ctx: Context) -> Agent:
    """A fresh learner beside an expert set of 32 rows."""
    dataset = jnp.asarray(np.random.default_rng(0).normal(1.0, 2.0, (32, LAYOUT.width)), jnp.float32)
    return jax.jit(gaifo.GAIFO.init)(jax.random.key(0), ctx, dataset)


def batch(seed: int = 1) -> dict:
    rng = np.random.default_rng(seed)
    rows = lambda: LAYOUT.unpack(jnp.asarray(rng.normal(size=(ROWS, LAYOUT.width)), jnp.float32))
    return {**rows(), "expert": rows()}


def logit(agent, pairs: np.ndarray) -> np.ndarray:
    """f in float64, and its gradient in the scaled input by finite differences elsewhere."""
    x = (pairs - np.asarray(agent.memory["mean"], np.float64)) / np.asarray(agent.memory["std"], np.float64)
    layers = agent.params["discriminator"]["params"]
    for i in range(3):
        layer = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), layers[f"Dense_{i}"])
        x = x @ layer["kernel"] + layer["bias"]
        x = np.maximum(x, 0) if i < 2 else x
    return x[:, 0]


def pairs_of(rows: dict) -> np.ndarray:
    return np.concatenate([np.asarray(rows[k], np.float64) for k in ("obs", "next_obs")], 1)


def test_the_discriminators_loss_and_reward_are_the_papers():
    ctx, rows = context(penalty=0.0), batch()
    agent = learner(ctx)
    loss, _ = gaifo.discriminator_loss(agent.params["discriminator"], agent, rows, jax.random.key(1), ctx)
    sigma = lambda f: 1 / (1 + np.exp(-f))
    expert, own = logit(agent, pairs_of(rows["expert"])), logit(agent, pairs_of(rows))
    np.testing.assert_allclose(loss, -np.log(sigma(expert)).mean() - np.log(1 - sigma(own)).mean(), rtol=1e-4)
    reward = gaifo.imitation_reward(agent, rows, ctx)
    np.testing.assert_allclose(reward, -np.log(1 - sigma(own)), rtol=1e-4, atol=1e-5)


def test_the_penalty_is_of_the_slope_between_expert_and_learner():
    ctx, rows = context(penalty=1.0), batch()
    agent = learner(ctx)
    key = jax.random.key(1)
    whole, told = gaifo.discriminator_loss(agent.params["discriminator"], agent, rows, key, ctx)
    share = np.asarray(jax.random.uniform(key, (ROWS, 1)), np.float64)
    between = share * pairs_of(rows["expert"]) + (1 - share) * pairs_of(rows)
    step, std = 1e-5, np.asarray(agent.memory["std"], np.float64)
    slope = np.stack(
        [
            (logit(agent, between + step * std * unit) - logit(agent, between - step * std * unit)) / (2 * step)
            for unit in np.eye(2 * OBS)
        ],
        1,
    )
    expected = np.mean((np.linalg.norm(slope, axis=1) - 1) ** 2)
    np.testing.assert_allclose(whole - told["discriminator_loss"], expected, rtol=1e-2)


def test_it_learns_to_tell_them_apart_and_pays_for_what_looks_like_the_expert():
    ctx, rows = context(discriminator_lr=3e-3, penalty=0.1), batch()
    rows["expert"] = {**rows["expert"], "obs": rows["expert"]["obs"] + 3.0}
    agent = learner(ctx)
    learn = jax.jit(lambda agent, key: gaifo.GAIFO.update(agent, rows, key, ctx)[0])
    for key in jax.random.split(jax.random.key(2), 200):
        agent = learn(agent, key)
    expert = gaifo.imitation_reward(agent, rows["expert"], ctx)
    assert float(expert.min()) > float(gaifo.imitation_reward(agent, rows, ctx).max())


def test_the_share_mixes_the_tasks_reward_in():
    """With share 0 the discriminator changes nothing that SAC learns."""
    rows, key = batch(), jax.random.key(3)
    agents = []
    for scale in (1.0, 5.0):
        ctx = context(reward_share=0.0)
        agent = learner(ctx)
        louder = jax.tree.map(lambda x, s=scale: s * x, agent.params["discriminator"])
        agent = agent.replace(params={**agent.params, "discriminator": louder})
        agents.append(jax.jit(gaifo.GAIFO.update)(agent, rows, key, ctx)[0])
    for name in ("actor", "critic"):
        jax.tree.map(np.testing.assert_array_equal, agents[0].params[name], agents[1].params[name])


def test_off_every_update_is_sacs_bit_for_bit():
    ctx, rows, key = context(reward_share=0.0), batch(), jax.random.key(5)
    agent = learner(ctx)
    ours, _ = gaifo.GAIFO.update(agent, rows, key, ctx)
    plain, _ = sac.update(agent, rows, key, ctx)
    for name in ("actor", "critic", "log_temperature"):
        assert_same(ours.params[name], plain.params[name])
        assert_same(ours.optimizers[name], plain.optimizers[name])
