"""SAC-EO: its weight, its imitation term and models against NumPy, its limits, and what it must not read."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optax.tree import norm

from guided_rl.api import train
from guided_rl.config import RunConfig
from guided_rl.data.replay import Layout
from guided_rl.methods import METHODS, build
from guided_rl.methods.base import Events, EveryEpisode, OffPolicy
from guided_rl.methods.bases import sac
from guided_rl.methods.observations.balanced_eo import pulls, weigh
from guided_rl.methods.observations.imitation import (
    HPARAMS,
    action_of,
    disagreement,
    imitation_loss,
)
from guided_rl.methods.observations.sac_eo import adaptive
from guided_rl.networks.distributions import sample_squashed
from tests.methods.sac_eo_setting import (
    ACTION,
    CLOSE,
    HOW,
    OBS,
    PAIRS,
    SETUP,
    SWITCHES,
    TASK,
    USUAL,
    context,
    demonstrations,
    forward,
    learner,
    pairs,
    positive,
    refitted,
)


@settings(max_examples=50)
@given(positive, positive, st.floats(0.125, 1e3, width=32))
def test_epsilon_is_the_papers_and_falls_with_beta_and_disagreement(beta, delta, more):
    epsilon = lambda b, d: float(adaptive(None, jnp.float32(d), context(beta=b)))
    assert epsilon(beta, delta) == pytest.approx(1 / (1 + beta * delta), rel=1e-5)
    assert epsilon(0.0, delta) == epsilon(beta, 0.0) == 1.0
    assert epsilon(beta + more, delta) <= epsilon(beta, delta) >= epsilon(beta, delta + more)


def test_disagreement_and_imitation_are_the_papers_equations():
    agent, expert, key = learner(), pairs(), jax.random.key(5)
    action = np.asarray(action_of(agent.params["actor"], expert["obs"], key, context()), np.float64)
    obs, follows = (np.asarray(expert[k], np.float64) for k in ("obs", "next_obs"))
    one, other = (forward(agent, m, obs, action) for m in (0, 1))
    delta = disagreement(agent, expert["obs"], key, context(), HOW)
    np.testing.assert_allclose(delta, np.sqrt(np.sum((one - other) ** 2, -1)), **CLOSE)
    half = PAIRS // 2
    errors = np.concatenate([follows[:half] - one[:half], follows[half:] - other[half:]])
    loss = imitation_loss(agent.params["actor"], agent, expert, key, context(), HOW)
    np.testing.assert_allclose(loss, np.mean(np.sum(errors**2, -1)), **CLOSE)
    alone = imitation_loss(agent.params["actor"], agent, expert, key, context(), dataclasses.replace(HOW, models=1))
    np.testing.assert_allclose(alone, 0.5 * np.mean(np.sum((follows - one) ** 2, -1)), **CLOSE)
    partly = dataclasses.replace(HOW, drop=0.5)
    loss = imitation_loss(agent.params["actor"], agent, expert, key, context(), partly)
    np.testing.assert_allclose(loss, np.mean(np.sum(errors[:, :2] ** 2, -1)), **CLOSE)


def test_imitation_through_one_model_pulls_half_as_hard_as_through_two_alike():
    """The authors' code has ½‖e‖² for each model that pairs pass through, so that one model counts half."""
    agent, expert, key = learner(), pairs(), jax.random.key(5)
    same = jax.tree.map(lambda x: jnp.stack([x[0], x[0]]), agent.params["models"])
    agent = agent.replace(params={**agent.params, "models": same})
    pull = lambda how: jax.grad(imitation_loss)(agent.params["actor"], agent, expert, key, context(), how)
    two, one = pull(HOW), pull(dataclasses.replace(HOW, models=1))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, 2 * b, **CLOSE), two, one)


def test_models_that_agree_trust_the_expert_fully():
    agent = learner()
    same = jax.tree.map(lambda x: jnp.stack([x[0], x[0]]), agent.params["models"])
    agent = agent.replace(params={**agent.params, "models": same})
    delta = disagreement(agent, pairs()["obs"], jax.random.key(0), context(), HOW)
    assert float(jnp.max(delta)) == 0.0
    assert float(adaptive(agent, jnp.max(delta), context())) == 1.0


def test_the_actor_loss_leaves_the_models_alone():
    agent = learner()

    def loss(models):
        frozen = agent.replace(params={**agent.params, "models": models})
        return imitation_loss(agent.params["actor"], frozen, pairs(), jax.random.key(0), context(), HOW)

    gradient = jax.grad(loss)(agent.params["models"])
    assert max(float(jnp.abs(g).max()) for g in jax.tree.leaves(gradient)) == 0.0


def own_start(monkeypatch) -> None:
    monkeypatch.setitem(METHODS, "own-start-sac", dataclasses.replace(sac.SAC, loop=OffPolicy(random_warmup=False)))


@pytest.mark.trains
def test_epsilon_zero_is_sac_bit_for_bit(monkeypatch):
    own_start(monkeypatch)
    plain = train(RunConfig(method="own-start-sac", **TASK, hparams={"actor_lr": 1e-3}))
    hparams = {"epsilon": 0.0, "actor_lr": 1e-3, "temperature_lr": 3e-4, "initial_temperature": 1.0}
    options = {"weight": "fixed", **SWITCHES}
    off = train(RunConfig(method="sac-eo", **TASK, hparams=hparams, options=options), offline=demonstrations())
    assert off.history.training["updates"].sum() > 0
    for name, leaf in plain.agents.params.items():
        jax.tree.map(np.testing.assert_array_equal, leaf, off.agents.params[name])
    np.testing.assert_array_equal(plain.history.evaluation["episode_return"], off.history.evaluation["episode_return"])


@pytest.mark.slow
@pytest.mark.trains
def test_beta_zero_is_modified_bco_bit_for_bit():
    eo = train(RunConfig(method="sac-eo", **TASK, hparams={"beta": 0.0}, options=SWITCHES), offline=demonstrations())
    bco = train(RunConfig(method="modified-bco", **TASK, options=SWITCHES), offline=demonstrations())
    for name in ("actor", "models"):
        jax.tree.map(np.testing.assert_array_equal, eo.agents.params[name], bco.agents.params[name])
    assert "critic" not in bco.agents.params
    initial = HPARAMS["initial_temperature"].default
    assert np.exp(eo.agents.params["log_temperature"]) == pytest.approx(initial), "α rests"
    jax.tree.map(np.testing.assert_array_equal, eo.agents.params["critic"], eo.agents.targets["critic"])
    assert bco.history.training["updates"].sum() > 0


@pytest.mark.trains
@pytest.mark.parametrize(
    "method",
    ["sac-eo", *(pytest.param(name, marks=pytest.mark.slow) for name in ("balanced-eo", "modified-bco", "gaifo-sac"))],
)
def test_expert_actions_and_rewards_are_never_read(method):
    options = {} if method == "gaifo-sac" else SWITCHES
    config = RunConfig(method=method, **TASK, options=options)
    rows = demonstrations()
    poisoned = rows.copy()
    poisoned[..., 4:7] = np.nan  # action, reward, terminated
    known, blind = train(config, offline=rows), train(config, offline=poisoned)
    assert known.history.training["updates"].sum() > 0
    assert (blind.died_at < 0).all()
    jax.tree.map(np.testing.assert_array_equal, known.agents.params, blind.agents.params)
    if method != "sac-eo":
        return
    moved = train(config, offline=rows + 0.1)
    changed = jax.tree.map(lambda a, b: bool(np.any(a != b)), known.agents.params, moved.agents.params)
    assert any(jax.tree.leaves(changed["actor"])), "the observations must matter"


@pytest.mark.slow
@pytest.mark.trains
def test_a_seed_does_not_depend_on_the_crowd():
    """With networks of a usual size, whose drawing once waited for itself on two devices."""
    config = RunConfig(method="sac-eo", **{**TASK, "seeds": 3}, options=USUAL)
    crowd = train(config, offline=demonstrations())
    alone = train(dataclasses.replace(config, seeds=1, first_seed=2), offline=demonstrations())
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[2:], b), crowd.agents, alone.agents)


@pytest.mark.slow
@pytest.mark.trains
def test_beta_is_a_grid_in_one_compile():
    config = RunConfig(method="sac-eo", **TASK, grid={"beta": (0.0, 10.0, 1000.0)}, options=SWITCHES)
    result = train(config, offline=demonstrations())
    epsilon, delta = (result.agents.memory[name].reshape(3, 2) for name in ("epsilon", "delta_max"))
    np.testing.assert_allclose(epsilon, 1 / (1 + np.array([[0.0], [10.0], [1000.0]]) * delta), rtol=1e-5)


SHORT = """
import dataclasses
from guided_rl.envs.gymnasium_mujoco import inverted_pendulum
def task():
    return dataclasses.replace(inverted_pendulum(), name="short", episode_length=50)
"""


@pytest.mark.slow
@pytest.mark.trains
def test_models_are_refitted_once_an_episode(tmp_path, monkeypatch):
    """Learning starts at step 60; after that once in every 50 steps, and once where learning starts."""
    (tmp_path / "short.py").write_text(SHORT)
    nothing = {"fits": jnp.float32(0), "steps": jnp.zeros(8), "seen": jnp.zeros(8)}
    init = lambda key, ctx, dataset: sac.init(key, ctx).replace(memory=nothing)

    def refit(agent, recent, count, key, ctx, dataset):
        number = agent.memory["fits"].astype(int)
        steps = agent.memory["steps"].at[number].set(ctx.step)
        seen = agent.memory["seen"].at[number].set(recent["obs"].shape[0] * 1000 + count)
        return agent.replace(memory={"fits": agent.memory["fits"] + 1, "steps": steps, "seen": seen})

    spy = dataclasses.replace(sac.SAC, name="spy", init=init, events=Events(every_episode=EveryEpisode(refit, 100)))
    monkeypatch.setitem(METHODS, "spy", spy)
    result = train(RunConfig(method="spy", **{**TASK, "task": f"{tmp_path}/short.py:task"}))
    np.testing.assert_array_equal(result.agents.memory["fits"], 4)
    memory = result.agents.memory
    np.testing.assert_array_equal(memory["steps"][0][:4], [61, 101, 151, 201])
    np.testing.assert_array_equal(memory["seen"][0][:4], [100_061, 100_100, 100_100, 100_100])


def test_sampling_is_the_actors():
    agent, key = learner(), jax.random.key(9)
    mean, log_std = sac.actor(SETUP).apply(agent.params["actor"], pairs()["obs"])
    expected, _ = sample_squashed(mean, log_std, key)
    np.testing.assert_array_equal(action_of(agent.params["actor"], pairs()["obs"], key, context()), expected)


def test_the_balanced_weight_never_lets_imitation_pull_harder_than_reward():
    """ε ‖∇MSE‖ ≤ (1 - ε) ‖∇J_SAC‖ on the batches that it was weighed on, however loud the critic."""
    ctx = context()
    layout = Layout.of(OBS, ACTION)
    expert = {**pairs(4, 40), "terminated": jnp.zeros(40)}
    dataset = jax.vmap(layout.pack)(expert)
    recent, key = {**pairs(3, 200), "terminated": jnp.zeros(200)}, jax.random.key(1)
    method, quiet = build("balanced-eo", SWITCHES), learner()

    @jax.jit
    def weighed(agent):
        delta_max = jnp.max(disagreement(agent, expert["obs"], key, ctx, HOW))
        count = jnp.int32(200)
        epsilon = weigh(agent, delta_max, ctx, HOW, recent=recent, count=count, expert=expert, key=key)
        reward, imitation = pulls(agent, ctx, HOW, recent=recent, count=count, expert=expert, key=key)
        return epsilon, norm(reward), norm(imitation)

    previous = 0.0
    for loudness in (0.2, 1.0, 5.0):
        louder = jax.tree.map(lambda x, loudness=loudness: loudness * x, quiet.params["critic"])
        epsilon, reward, imitation = map(float, weighed(quiet.replace(params={**quiet.params, "critic": louder})))
        assert 0 < epsilon < 1
        assert epsilon * imitation <= (1 - epsilon) * reward * (1 + 1e-3)
        assert epsilon > previous, "a stronger reward leaves room for imitation"
        previous = epsilon
    refit = jax.jit(lambda agent: refitted(method, agent, recent, key, ctx, dataset))
    assert 0 < float(refit(method.init(jax.random.key(0), ctx, dataset)).memory["epsilon"]) < 1
