"""DAI's baselines and the panel of experts: what each does that plain SAC does not."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.api import train
from guided_rl.config import RunConfig
from guided_rl.data.replay import Layout
from guided_rl.envs.spaces import Box
from guided_rl.guides.base import Guide
from guided_rl.methods.base import Context, Setup
from guided_rl.methods.bases import sac
from guided_rl.methods.bases.demonstrations import BC, DEMOS, clone_actor
from guided_rl.methods.bases.sac import SAC
from guided_rl.methods.dai.experts_dai import best_by_critic
from guided_rl.methods.hparams import defaults

SETUP = Setup(observation_size=4, action_space=Box(1), hidden=(16, 16), budget=1000)
SMALL = {"hidden": (16, 16), "batch": 16}
TASK = {
    "task": "InvertedPendulum-v5",
    "steps": 200,
    "seeds": 2,
    "evaluations": 2,
    "episodes": 2,
    "hidden": (16, 16),
    "batch": 16,
}


def floats(method) -> dict[str, jax.Array]:
    return {name: jnp.float32(value) for name, value in defaults(method.hparams).items()}


def panel() -> Guide:
    return Guide(jnp.array([[-0.5], [0.0], [0.5]]), lambda params, obs, key: params, name="three", panel=3)


def test_the_critic_picks_the_adviser_it_values_most():
    ctx = Context(floats(SAC), jnp.int32(0), panel(), setup=SETUP)
    agent = jax.jit(lambda key: SAC.init(key, ctx))(jax.random.key(0))
    obs = jax.random.normal(jax.random.key(1), (64, 4))
    advice = jnp.array([-0.5, 0.0, 0.5])
    pick = jax.jit(jax.vmap(lambda o: best_by_critic(agent, o, None, ctx)[0]))(obs)
    score = lambda o, a: jnp.min(sac.critic(SETUP).apply(agent.params["critic"], o, a[None]), axis=0)
    values = jax.jit(jax.vmap(lambda o: jax.vmap(lambda a: score(o, a))(advice)))(obs)
    np.testing.assert_array_equal(np.asarray(pick), np.asarray(advice)[np.asarray(values).argmax(1)])


def test_a_panel_advises_its_mean_where_one_action_is_asked_for():
    np.testing.assert_allclose(panel().action(jnp.zeros(4)), [0.0])


def test_cloning_recovers_a_linear_experts_actions():
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(2000, 4)).astype(np.float32)
    action = np.tanh(obs @ np.array([[0.5], [-0.5], [0.25], [0.0]], np.float32))
    layout = Layout.of(4, 1)
    row = lambda o, a: layout.pack({"obs": o, "action": a, "reward": 0.0, "terminated": 0.0, "next_obs": o})
    rows = jax.vmap(row)(jnp.asarray(obs), jnp.asarray(action))
    ctx = Context(floats(SAC), jnp.int32(0), None, setup=SETUP)

    @jax.jit
    def cloned(key):
        return clone_actor(SAC.init(key, ctx), key, ctx, rows)

    agent = cloned(jax.random.key(0))
    own = jax.vmap(lambda o: SAC.policies["policy"](agent, o, None, ctx))(jnp.asarray(obs))
    assert float(jnp.mean((own - action) ** 2)) < 1e-3
    assert all(float(jnp.abs(m).max()) == 0 for m in jax.tree.leaves(agent.optimizers["actor"].mu))


@pytest.mark.trains
def test_half_of_every_batch_is_demonstrations_and_none_at_ratio_zero():
    """The update sees exactly round(ratio · batch) rows whose marked reward only the dataset has."""

    def spy(agent, batch, key, ctx):
        return agent, {"marked": jnp.mean(batch["reward"] == 77.0)}

    method = dataclasses.replace(DEMOS, update=spy)
    layout = Layout.of(4, 1)
    offline = np.zeros((1, 50, layout.width), np.float32)
    offline[..., 5] = 77.0
    import guided_rl.methods as methods

    methods.METHODS["spy"] = method
    try:
        config = RunConfig(method="spy", grid={"offline_ratio": (0.0, 0.25, 0.5)}, **TASK, warmup=0.1)
        result = train(config, offline=offline)
    finally:
        del methods.METHODS["spy"]
    marked = result.history.training_means(result.config.interval)["marked"][-1]
    np.testing.assert_allclose(marked, np.repeat([0.0, 0.25, 0.5], 2), atol=1e-6)


@pytest.mark.trains
def test_bc_alone_plays_the_guide_and_learns_nothing():
    guide = Guide(jnp.float32(0.0), lambda params, obs, key: jnp.full(1, params), name="still")
    result = train(RunConfig(method="bc", **TASK), guide=guide)
    assert jax.tree.leaves(result.agents) == []
    assert BC.policies.keys() == {"policy"}
    assert np.isfinite(result.history.evaluation["episode_return"]).all()
