"""Off2On: moments and ratios against NumPy, rows drawn by weight, and from an ensemble offline to online."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.api import train
from guided_rl.envs import make
from guided_rl.envs.spaces import Box
from guided_rl.guides import find_guide
from guided_rl.guides.base import Guide
from guided_rl.guides.offline_agents import propose
from guided_rl.methods import build
from guided_rl.methods.base import Agent, Setup, descend, optimizer
from guided_rl.methods.bases import cql
from guided_rl.methods.offline_to_online.off2on import (
    actor_loss,
    balanced,
    critic_loss,
    critic_target,
    priority,
    ratio,
    ratio_init,
    ratio_loss,
    resample,
)
from guided_rl.results.agents import keep_agents
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.rng import normal
from tests.methods.off2on_setting import (
    CLOSE,
    MEMBERS,
    SETUP,
    context,
    drawn,
    ensemble,
    member,
    moments,
    seeds,
    shaken,
    twin_minima,
)
from tests.methods.offline_agents import SETUP as SMALL
from tests.methods.offline_agents import ensemble_guide, offline_guide
from tests.methods.test_losses import mlp, q_values, transitions
from tests.training.small import assert_same, small


@seeds
def test_the_ensembles_losses_are_the_papers(seed):
    agent, batch, key, ctx = ensemble(seed), transitions(seed), jax.random.key(seed), context(gamma=0.9)
    temperature = np.exp(float(agent.params["log_temperature"]))
    action, log_prob = drawn(agent.params["actor"], batch["next_obs"], key)
    value = twin_minima(agent.targets["critic"], batch["next_obs"], action) - temperature * log_prob
    target = np.asarray(batch["reward"]) + 0.9 * (1 - np.asarray(batch["terminated"])) * value
    np.testing.assert_allclose(critic_target(agent, batch, key, ctx), target, **CLOSE)
    data = np.stack(
        [q_values(member(agent.params["critic"], n), batch["obs"], batch["action"]) for n in range(MEMBERS)]
    )
    loss, _ = critic_loss(agent.params["critic"], jnp.float32(target), batch, ctx)
    np.testing.assert_allclose(loss, 0.5 * np.mean((data - target[:, None]) ** 2, -1).sum(), **CLOSE)
    action, log_prob = drawn(agent.params["actor"], batch["obs"], key)
    q = twin_minima(agent.params["critic"], batch["obs"], action).mean(0)
    loss, _ = actor_loss(agent.params["actor"], agent, batch, key, ctx)
    np.testing.assert_allclose(loss, np.mean(temperature * log_prob - q), **CLOSE)
    np.testing.assert_allclose(
        cql.mode(agent, batch["obs"], None, ctx), np.tanh(moments(agent.params["actor"], batch["obs"])[0]), **CLOSE
    )


def test_the_ratios_loss_is_the_papers_and_starts_from_one():
    offline, online, params = transitions(0), transitions(1), ratio_init(jax.random.key(0), SETUP)
    np.testing.assert_allclose(ratio(SETUP, params, offline), 1.0, atol=0.05)
    agent = shaken(Agent({"ratio": params}, {}, {}), 0)
    pairs = [np.concatenate([rows["obs"], rows["action"]], -1).astype(np.float64) for rows in (offline, online)]
    off, on = (np.maximum(mlp(agent.params["ratio"]["params"], x)[:, 0], 0) for x in pairs)
    assert (on > 0).any()
    expected = np.mean(-np.log(2 / (off + 1))) - np.mean(np.log(2 * on / (on + 1) + 1e-10))
    loss, _ = ratio_loss(agent.params["ratio"], offline, online, context())
    np.testing.assert_allclose(loss, expected, **CLOSE)


def test_the_ratio_of_two_normals_is_found():
    """N(1, 1) against N(0, 1) in the state: w = exp(s - 1/2); the action is the same noise in both."""
    setup = Setup(1, Box(1), (32, 32))
    ctx = context(setup)

    def rows(key: jax.Array, mean: float) -> dict[str, jax.Array]:
        obs, action = normal(key, (2, 256, 1))
        return {"obs": obs + mean, "action": action}

    def step(agent: Agent, key: jax.Array) -> tuple[Agent, None]:
        pair = [rows(k, mean) for k, mean in zip(jax.random.split(key), (0.0, 1.0), strict=True)]
        return descend(agent, "ratio", lambda p: ratio_loss(p, *pair, ctx), jnp.float32(3e-3))[0], None

    params = ratio_init(jax.random.key(0), setup)
    agent = Agent({"ratio": params}, {}, {"ratio": optimizer(params)})
    agent = jax.jit(lambda a: jax.lax.scan(step, a, jax.random.split(jax.random.key(1), 3_000))[0])(agent)
    s = np.linspace(-1, 2, 7)
    found = ratio(setup, agent.params["ratio"], {"obs": jnp.float32(s)[:, None], "action": jnp.zeros((7, 1))})
    np.testing.assert_allclose(found, np.exp(s - 0.5), rtol=0.35, atol=0.15)


def test_priorities_are_tempered_normalised_and_clipped():
    w, offline = np.array([0.0, 1e-20, 1.0, 32.0, 1e30]), np.array([0.0, 1.0, 32.0])
    found = priority(jnp.float32(w), jnp.float32(offline), jnp.float32(5.0))
    np.testing.assert_allclose(found, np.clip(w**0.2 / np.mean(offline**0.2), 1e-3, 1e3), rtol=1e-4)
    assert float(priority(jnp.float32(2.0), jnp.zeros(3), jnp.float32(5.0))) == 1e3


def test_rows_are_drawn_in_proportion_to_their_weights():
    weights, size = np.array([5.0, 0.0, 1.0, 3.0, 1.0, 0.0]), 8
    draw = jax.jit(jax.vmap(lambda key: resample(jnp.float32(weights), size, key)))
    counts = np.bincount(np.ravel(draw(jax.random.split(jax.random.key(0), 2_000))), minlength=6)
    np.testing.assert_allclose(counts / counts.sum(), weights / weights.sum(), atol=0.01)
    assert not counts[[1, 5]].any()
    many = np.bincount(resample(jnp.float32(weights), 10_000, jax.random.key(1)), minlength=6)
    np.testing.assert_allclose(many, 1_000 * weights, atol=1)  # one from every equal part


def test_offline_and_online_rows_are_drawn_by_number_and_ratio():
    """w is 1 below s = 0 and 32 above: priorities 1 and 2, so 900 offline and 100 online rows count 900 and 200."""
    setup = Setup(1, Box(1), (1,), capacity=100)
    kernel = lambda *rows: jnp.array(rows, jnp.float32)
    layers = {
        "Dense_0": {"kernel": kernel([1.0], [0.0]), "bias": kernel(0.0)},
        "Dense_1": {"kernel": kernel([31.0]), "bias": kernel(1.0)},
    }
    agent = Agent({"ratio": {"params": layers}}, {}, {}, {"offline_rows": jnp.float32(900)})
    rows = lambda s, n: {"obs": jnp.full((n, 1), s), "action": jnp.zeros((n, 1))}
    ctx = context(setup, step=5_000, priority_temperature=5.0)
    draw = lambda key: balanced(agent, rows(-1.0, 30), rows(1.0, 20), 50, key, ctx)
    found, told = jax.vmap(draw)(jax.random.split(jax.random.key(0), 200))
    np.testing.assert_allclose(told["offline_share"].mean(), 900 / 1_100, atol=0.01)
    np.testing.assert_allclose((found["obs"] < 0).mean(), told["offline_share"].mean(), atol=1e-6)


def table() -> np.ndarray:
    """Offline rows of InvertedPendulum's shape."""
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 0.3, (1, 300, 4 + 1 + 2 + 4)).astype(np.float32)
    rows[..., 4], rows[..., 6] = np.clip(rows[..., 4], -1, 1), 0.0
    return rows


def test_an_ensemble_advises_by_its_averaged_moments_and_goes_on_online():
    guide, ctx = ensemble_guide(2), context(SMALL)
    obs = jnp.float32(np.random.default_rng(1).normal(size=4))
    agent = Agent(guide.params, {}, {})
    np.testing.assert_allclose(guide.action(obs), cql.mode(agent, obs, None, ctx), rtol=1e-5)
    key = jax.random.key(3)
    np.testing.assert_allclose(guide.action(obs, key), cql.act(agent, obs, key, ctx).action, rtol=1e-5)
    init = jax.jit(build("off2on", {"members": 2}).init)
    started = init(jax.random.key(0), ctx.replace(guide=guide), jnp.asarray(table()[0]))
    for name in ("actor", "critic"):
        assert_same(started.params[name], guide.params[name])
    assert_same(started.targets["critic"], guide.params["critic"])
    assert float(started.params["log_temperature"]) == 0.0
    assert float(started.memory["offline_rows"]) == 300


@pytest.mark.trains
@pytest.mark.slow
def test_an_ensemble_trained_offline_is_kept_and_learns_online(tmp_path):
    config = small(method="cql-offline", seeds=2, warmup=None, options={"members": 2, "actions": 2})
    result = train(config, offline=table())
    assert result.history.training["updates"].sum() > 0
    path = keep_agents(result, tmp_path / "agents.npz", 300)
    guide = find_guide(f"offline:{path}", make("InvertedPendulum-v5", "native"))
    for seed in range(2):
        for name in ("actor", "critic"):
            assert_same(guide.of(seed).params[name], member(result.agents.params[name], seed))
    online = train(small(method="off2on", seeds=2, guide=f"offline:{path}", options={"members": 2}), offline=table())
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(online.agents))
    means = online.history.training_means(online.config.interval)
    assert means["ratio_online"][-1].min() > 0
    assert 0 < means["offline_share"][-1].mean() < 1
    moved = online.agents.params["actor"]["params"]["MLP_0"]["Dense_0"]["kernel"]
    assert not np.array_equal(moved[0], result.agents.params["actor"]["params"]["MLP_0"]["Dense_0"]["kernel"][0])


def test_agents_of_another_kind_or_number_are_refused_before_training():
    start = lambda guide, **changes: train(small(seeds=1, **changes), guide=guide, offline=table())
    with pytest.raises(UserError, match="members=5 CQL agents, but the guide 'offline' brings an ensemble of 2"):
        start(ensemble_guide(2), method="off2on")
    with pytest.raises(UserError, match="layers of other widths"):
        start(ensemble_guide(2), method="off2on", options={"members": 2}, hidden=(8, 8))
    with pytest.raises(UserError, match="cql-offline --dataset DATA"):
        start(None, method="off2on")
    with pytest.raises(UserError, match="of another kind than this method's; give the agents of --method iql-offline"):
        start(ensemble_guide(2), method="awac")
    with pytest.raises(UserError, match="brings no ensemble of CQL agents"):
        start(offline_guide(2), method="off2on")
    with pytest.raises(UserError, match="brings no ensemble of CQL agents"):
        start(Guide((), propose, name="own", source="x"), method="off2on")


@pytest.mark.parametrize(
    ("method", "options", "sentence"),
    [
        ("cql-offline", {"members": 0}, "members=0 of cql-offline is no whole number"),
        ("cql-offline", {"actions": 2.5}, "actions=2.5 of cql-offline is no whole number"),
        ("off2on", {"members": "five"}, "members=five of off2on is no whole number"),
        ("off2on", {"candidates": True}, "candidates=True of off2on is no whole number"),
        ("off2on", {"member": 2}, "did you mean members"),
    ],
)
def test_options_that_make_no_sense_are_refused(method, options, sentence):
    with pytest.raises(UserError, match=sentence):
        build(method, options)


@pytest.mark.parametrize(
    ("method", "name", "value"), [("off2on", "priority_temperature", 0.0), ("cql-offline", "cql_alpha", -1.0)]
)
def test_settings_outside_their_range_are_refused(method, name, value):
    with pytest.raises(UserError, match=f"{name}={value} is outside"):
        train(small(method=method, hparams={name: value}))
