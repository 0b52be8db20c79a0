"""TD3+BC and GORL-style: losses against CORL's in NumPy, the guide's gradient, and what off and shuffled mean."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.api import make_run, train
from guided_rl.data.replay import Layout
from guided_rl.methods.base import Agent, Context, optimizer
from guided_rl.methods.bases import td3_bc
from guided_rl.methods.hparams import defaults
from guided_rl.methods.sample_weights import gorl
from guided_rl.methods.sample_weights.guide_network import guide_inputs, influence, init_guide, weights
from guided_rl.methods.sample_weights.watch import SOURCES, rank_share
from guided_rl.runtime.errors import UserError
from tests.methods.test_losses import ACTION, BATCH, CLOSE, OBS, SETUP, learner, mlp, q_values, transitions
from tests.training.small import assert_same, learned, small

seeds = pytest.mark.parametrize("seed", range(3))


def context(step: int = 0, **hp: float) -> Context:
    values = {**defaults(gorl.HPARAMS), **hp}
    return Context({k: jnp.float32(v) for k, v in values.items()}, jnp.int32(step), None, setup=SETUP)


def scaled_learner(seed: int) -> Agent:
    rng = np.random.default_rng(seed)
    scale = {"obs_mean": jnp.asarray(rng.normal(size=OBS)), "obs_scale": jnp.asarray(rng.uniform(0.5, 2, OBS))}
    return learner("td3", seed).replace(memory=jax.tree.map(lambda x: x.astype(jnp.float32), scale))


def policy(params, obs) -> np.ndarray:
    return np.tanh(mlp(params["params"]["MLP_0"], np.asarray(obs, np.float64)))


@seeds
def test_the_actors_loss_is_corls(seed):
    """CORL: lmbda = alpha / q.abs().mean().detach(); -lmbda * q.mean() + F.mse_loss(pi, action), ours times α."""
    agent, batch, alpha = scaled_learner(seed), transitions(seed), 2.5
    ctx = context(kappa=1 / alpha)
    even = {**batch, "weight": td3_bc.even(batch)}
    ours, _ = td3_bc.actor_loss(agent.params["actor"], agent, even, jax.random.key(0), ctx)
    pi = policy(agent.params["actor"], batch["obs"])
    q = q_values(agent.params["critic"], batch["obs"], pi)[0]
    corl = -alpha / np.abs(q).mean() * q.mean() + ((pi - np.asarray(batch["action"])) ** 2).mean()
    np.testing.assert_allclose(alpha * float(ours), corl, **CLOSE)


@seeds
def test_the_critics_learn_from_scaled_states_and_smoothed_targets(seed):
    """CORL: the twins' mean squared errors added, targets from the clipped noisy target action on (s - m) / d."""
    agent, batch, ctx = scaled_learner(seed), transitions(seed), context(1, target_noise=0.0, gamma=0.9)
    _, metrics = td3_bc.TD3_BC.update(agent, batch, jax.random.key(0), ctx)
    mean, scale = (np.asarray(agent.memory[name], np.float64) for name in ("obs_mean", "obs_scale"))
    obs, following = ((np.asarray(batch[name], np.float64) - mean) / scale for name in ("obs", "next_obs"))
    q = q_values(agent.targets["critic"], following, policy(agent.targets["actor"], following)).min(0)
    y = np.asarray(batch["reward"]) + 0.9 * (1 - np.asarray(batch["terminated"])) * q
    errors = q_values(agent.params["critic"], obs, batch["action"]) - y
    np.testing.assert_allclose(metrics["critic_loss"], sum(np.mean(e**2) for e in errors), **CLOSE)


def test_the_scale_is_the_datasets():
    rows = np.random.default_rng(0).normal(3.0, 2.0, (50, Layout.of(OBS, ACTION).width)).astype(np.float32)
    agent = td3_bc.init(jax.random.key(0), context(), jnp.asarray(rows))
    np.testing.assert_allclose(agent.memory["obs_mean"], rows[:, :OBS].mean(0), rtol=1e-5)
    np.testing.assert_allclose(agent.memory["obs_scale"], rows[:, :OBS].std(0) + 1e-3, rtol=1e-5)


@seeds
def test_the_influence_of_a_row_on_a_linear_actor_is_its_gradients_product_with_the_experts(seed):
    """π(s) = s W, a linear value: ∂L_guide/∂B_i = -η/n ⟨g_e, g_i⟩ with g_i = 2κ/m s_i ⊗ (π(s_i) - a_i), in float64."""
    with jax.enable_x64(True):
        rng = np.random.default_rng(seed)
        n, m, kappa, rate = 12, ACTION, 0.4, 0.05
        W, value = rng.normal(size=(OBS, m)), rng.normal(size=m)
        s, a, s_e, a_e = (rng.normal(size=shape) for shape in ((n, OBS), (n, m), (7, OBS), (7, m)))
        weight = rng.uniform(0.5, 1.5, n)
        terms = lambda p: (-(s @ p) @ value, kappa * jnp.mean((s @ p - a) ** 2, -1))
        expert_loss = lambda p: jnp.mean((s_e @ p - a_e) ** 2)
        found, loss = influence(jnp.asarray(W), terms, expert_loss, jnp.asarray(weight), rate)
        g = 2 * kappa / m * s[:, :, None] * (s @ W - a)[:, None, :]
        virtual = W - rate * (np.mean(-s[:, :, None] * value, 0) + np.mean(weight[:, None, None] * g, 0))
        g_e = 2 / (7 * m) * s_e.T @ (s_e @ virtual - a_e)
        np.testing.assert_allclose(found, -rate / n * np.tensordot(g, g_e, 2), atol=1e-6, rtol=1e-6)
        np.testing.assert_allclose(loss, np.mean((s_e @ virtual - a_e) ** 2), rtol=1e-6)


@seeds
def test_the_influence_is_the_derivative_through_the_virtual_step(seed):
    agent, batch, expert, ctx = scaled_learner(seed), transitions(seed), transitions(seed + 10), context()
    terms = lambda p: td3_bc.terms(p, agent, batch, ctx)
    expert_loss = lambda p: jnp.mean(td3_bc.squared_error(p, expert, ctx))
    actor, rate = agent.params["actor"], jnp.float32(0.5)

    def after(weight):
        loss = lambda p: jnp.mean(terms(p)[0] + weight * terms(p)[1])
        return expert_loss(jax.tree.map(lambda p, g: p - rate * g, actor, jax.grad(loss)(actor)))

    weight = jnp.linspace(0.2, 1.8, BATCH)
    found, _ = influence(actor, terms, expert_loss, weight, rate)
    np.testing.assert_allclose(found, jax.grad(after)(weight), rtol=1e-3, atol=1e-6)


def test_a_guide_begins_at_one_and_learns_to_favour_rows_like_the_experts():
    """Half of the rows have the expert's action, half its opposite: after some steps of w the former weigh more."""
    agent, batch, ctx = scaled_learner(0), transitions(0), context(guide_lr=3e-3)
    wanted = jnp.tanh(batch["obs"][:, :ACTION])
    good = jnp.arange(BATCH) % 2 == 0
    batch = {**batch, "action": jnp.where(good[:, None], wanted, -wanted)}
    expert = {**batch, "action": wanted}
    guide = init_guide(jax.random.key(1), SETUP, OBS + ACTION)
    x = guide_inputs("state-action", batch, (None, None))
    assert (weights(SETUP, guide, x) == 1.0).all()
    agent = agent.replace(
        params={**agent.params, "guide": guide}, optimizers={**agent.optimizers, "guide": optimizer(guide)}
    )
    step = jax.jit(lambda agent: gorl.guide_step(agent, batch, expert, ctx, "state-action")[0])
    for _ in range(100):
        agent = step(agent)
    found = weights(SETUP, agent.params["guide"], x)
    assert found[good].mean() > found[~good].mean() + 0.3
    assert rank_share(found[good], found[~good]) > 0.6


def test_relative_weights_have_mean_one_and_learn_from_differences_alone():
    """Where every row pulls alike nothing is learned; else the row that pulls more gains what the others lose."""
    x = jnp.float32(np.eye(4, 2) * 3)
    guide = jax.tree.map(lambda value: value + 0.1, init_guide(jax.random.key(0), SETUP, 2))
    found = weights(SETUP, guide, x, relative=True)
    assert float(found.mean()) == pytest.approx(1.0) and float(found.std()) > 1e-3
    loss = lambda pull: jax.grad(lambda g: jnp.mean(pull * weights(SETUP, g, x, relative=True)))(guide)
    alike = jax.tree.leaves(loss(jnp.full(4, -2.0)))
    np.testing.assert_allclose(np.concatenate([np.ravel(g) for g in alike]), 0.0, atol=1e-6)
    one_more = jax.tree.leaves(loss(jnp.float32([-3.0, -1.0, -1.0, -1.0])))
    assert max(float(jnp.abs(g).max()) for g in one_more) > 1e-3


def test_the_area_under_the_curve_counts_ties_half():
    assert float(rank_share(jnp.array([1.0, 3.0]), jnp.array([0.0, 2.0]))) == 0.75
    assert float(rank_share(jnp.ones(3), jnp.ones(4))) == 0.5


def rows(count: int = 60) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.2, 0.2, (2, count, Layout.of(4, 1).width)).astype(np.float32)


TAIL = {"rows": 20, "batch": 8}


@pytest.mark.trains
def test_without_a_learning_rate_the_guide_changes_nothing():
    """The base learns from the rows that are not the expert's."""
    off = train(small(method="gorl-style", options=TAIL, hparams={"guide_lr": 0.0}), offline=rows())
    plain = train(small(method="td3-bc"), offline=rows()[:, :40])
    assert learned(plain)
    assert_same({part: off.agents.memory[part] for part in plain.agents.memory}, plain.agents.memory)
    assert_same({part: off.agents.params[part] for part in plain.agents.params}, plain.agents.params)
    assert_same(off.history.evaluation, plain.history.evaluation)
    watched = off.history.training["weight_older"].sum(0) / off.history.training["updates"].sum()
    np.testing.assert_allclose(watched, 2 * 100 / 180, rtol=1e-6)  # a weight of 1, watched twice in 180 updates


@pytest.mark.slow
@pytest.mark.trains
def test_the_guide_on_iql_changes_nothing_either_and_learns_where_it_may():
    """Without a rate IQL's own agents, but for rounding; with one, weights that differ from 1."""
    steps = {"steps": 80, "evaluations": 1}
    off, on = (
        train(small(method="gorl-style-iql", options=TAIL, hparams={"guide_lr": rate}, **steps), offline=rows())
        for rate in (0.0, 1e-2)
    )
    plain = train(small(method="iql-offline", **steps), offline=rows()[:, :40])
    for part in plain.agents.params:
        close = functools.partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-4)
        jax.tree.map(close, off.agents.params[part], plain.agents.params[part])
    deviation = on.history.training["weight_deviation"] / on.history.training["updates"][:, None]
    assert (deviation > 1e-5).all()
    assert not off.history.training["weight_deviation"].any()


def test_no_batch_has_an_experts_row_and_every_experts_batch_only_them():
    marked = rows()
    marked[:, :40, 0], marked[:, 40:, 0] = 0.0, 1.0
    run = make_run(small(method="gorl-style", options=TAIL), offline=marked)
    from guided_rl.training.loops.offline import sample

    own, expert = sample(run.trainer, jax.random.key(0), jnp.int32(1), jnp.asarray(marked), jnp.int32(5))
    assert own.shape[0] == 16 and not own[:, 0].any()
    assert expert.shape[0] == 8 and expert[:, 0].all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"inputs": "loses"}, "losses"),
        ({"rows": 0}, "rows=0 of gorl-style is no whole number"),
        ({"rows": 60}, "the last 60 are taken for the expert's"),
    ],
)
def test_what_cannot_run_is_said(options, sentence):
    with pytest.raises(UserError, match=sentence):
        make_run(small(method="gorl-style", options=options), offline=rows())


@pytest.mark.parametrize("kappa", [0.0, -1.0])
def test_a_constraint_without_weight_is_refused(kappa):
    with pytest.raises(UserError, match=f"kappa={kappa} is outside"):
        make_run(small(method="td3-bc", hparams={"kappa": kappa}), offline=rows())


@pytest.mark.parametrize("named", ["random:200", "random:200+150"])
def test_a_dataset_without_the_experts_rows_is_refused(named):
    with pytest.raises(UserError, match=r"learns from 200 expert rows.*write random:200\+200"):
        make_run(small(method="gorl-style", task="Hopper-v5", dataset=named))


def test_weights_are_dealt_out_within_the_batch_when_shuffled():
    """Where all weigh 1 dealing them out changes nothing; where they differ, the actor learns otherwise."""
    agent, batch = scaled_learner(0), {**transitions(0), "expert": transitions(1)}
    guide = init_guide(jax.random.key(1), SETUP, 2)
    uneven = jax.tree.map(lambda x: x + 0.5 * jax.random.normal(jax.random.key(2), x.shape), guide)
    rows = jnp.zeros((4, Layout.of(OBS, ACTION).width))

    def losses(guide, shuffled: bool):
        probes = dict.fromkeys(SOURCES, rows)
        known = {"params": {**agent.params, "guide": guide}, "memory": {**agent.memory, "probes": probes}}
        whole = agent.replace(**known, optimizers={**agent.optimizers, "guide": optimizer(guide)})
        learn = functools.partial(gorl.update, kind="losses", shuffled=shuffled, relative=False)
        _, metrics = learn(whole, batch, jax.random.key(3), context(2, guide_lr=0.0))
        return metrics["actor_loss"], metrics["weight"]

    plain, dealt = losses(guide, False), losses(guide, True)
    np.testing.assert_allclose(plain[0], dealt[0], rtol=1e-6)
    plain, dealt = losses(uneven, False), losses(uneven, True)
    assert abs(plain[0] - dealt[0]) > 1e-3
    assert plain[1] == dealt[1]
