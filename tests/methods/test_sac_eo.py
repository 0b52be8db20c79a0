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
from guided_rl.data.observations import expert_observations
from guided_rl.data.replay import Layout
from guided_rl.envs.spaces import Box
from guided_rl.methods import METHODS, build
from guided_rl.methods.base import Agent, Context, Events, EveryEpisode, Method, OffPolicy, Setup
from guided_rl.methods.bases import sac
from guided_rl.methods.hparams import defaults
from guided_rl.methods.observations import dynamics, linear_temperature
from guided_rl.methods.observations.balanced_eo import pulls, weigh
from guided_rl.methods.observations.dynamics import Fitting
from guided_rl.methods.observations.imitation import (
    HPARAMS,
    Imitation,
    action_of,
    disagreement,
    imitated,
    imitation_loss,
)
from guided_rl.methods.observations.sac_eo import adaptive
from guided_rl.networks.distributions import sample_squashed
from guided_rl.runtime.errors import UserError
from guided_rl.training.plan import abstract_population
from guided_rl.training.run import Run

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


@pytest.mark.parametrize("method", ["sac-eo", "modified-bco", "balanced-eo"])
def test_models_see_raw_units_unless_asked(method):
    """As in the authors' code, whose normalisers are off by default."""
    ctx, dataset, recent = context(), told_apart()[0], {**pairs(3, 200), "terminated": jnp.zeros(200)}

    def scale(**options):
        built = build(method, {**SWITCHES, **options})
        start = built.init(jax.random.key(0), ctx, dataset)
        refit = jax.jit(
            lambda agent: built.events.every_episode.hook(
                agent, recent, jnp.int32(200), jax.random.key(1), ctx, dataset
            )
        )
        return refit(start).memory["normaliser"]

    raw, scaled = scale(), scale(normalise=True)
    assert all(np.ptp(raw[name]) == 0 for name in raw)
    rows = np.concatenate([recent["obs"], recent["action"]], axis=1)
    np.testing.assert_allclose(scaled["in_mean"], rows.mean(0), **CLOSE)
    np.testing.assert_allclose(scaled["in_std"], rows.std(0), **CLOSE)


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


@pytest.mark.parametrize("likelihood", ["mse", "gaussian"])
def test_model_losses(likelihood):
    agent, how = learner(), dataclasses.replace(HOW.fitting, likelihood=likelihood)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 8, OBS + ACTION)).astype(np.float32)
    y = rng.normal(size=(2, 8, OBS + 1)).astype(np.float32)
    expected = 0.0
    for m in range(2):
        p = jax.tree.map(lambda leaf, m=m: np.asarray(leaf[m], np.float64), agent.params["models"]["params"])
        hidden = np.maximum(x[m] @ p["Dense_0"]["kernel"] + p["Dense_0"]["bias"], 0)
        error = y[m] - (hidden @ p["Dense_1"]["kernel"] + p["Dense_1"]["bias"])
        if likelihood == "mse":
            expected += np.mean(np.sum(0.5 * error**2, -1))
        else:
            expected += np.mean(np.sum(0.5 * (error / np.exp(p["log_std"])) ** 2 + p["log_std"], -1))
    np.testing.assert_allclose(dynamics.model_loss(agent.params["models"], x, y, context(), how), expected, **CLOSE)


@pytest.mark.parametrize("normalise, left", [(True, 0.25), (False, 0.5)])
def test_models_learn_a_linear_system_from_the_rows_that_exist(normalise, left):
    rng, count = np.random.default_rng(0), 48
    rows = pairs(1, 64)
    mix = rng.normal(size=(ACTION, OBS)).astype(np.float32)
    rows["next_obs"] = rows["obs"] + 0.1 * rows["action"] @ mix
    garbage = {k: v.at[count:].set(1e6) for k, v in rows.items()}
    how = dataclasses.replace(HOW.fitting, epochs=400, normalise=normalise)
    start = dynamics.with_models(sac.init(jax.random.key(0), context()), jax.random.key(1), context(), how)
    fit = jax.jit(lambda agent, rows: dynamics.fit(agent, rows, jnp.int32(count), jax.random.key(2), context(), how))
    agent = fit(start, garbage)
    both = lambda x: jnp.stack([x[:count]] * 2)

    def error(agent):
        predicted = dynamics.predict(agent, both(rows["obs"]), both(rows["action"]), context(), how)
        return float(jnp.abs(predicted - rows["next_obs"][:count]).mean())

    assert error(agent) < left * error(start)
    jax.tree.map(np.testing.assert_array_equal, agent.params, fit(start, rows).params)


def test_imitation_recovers_the_experts_action_in_a_linear_system():
    """s' = s + B a with B known exactly: descending MSE(θ) finds the a that the expert took."""
    how = Imitation(Fitting((8,), normalise=False))
    mix = np.random.default_rng(0).normal(size=(ACTION, OBS)).astype(np.float32)
    taken = jnp.array([0.4, -0.3])
    expert = pairs(0, 32)
    expert["next_obs"] = expert["obs"] + taken @ mix
    agent = dynamics.with_models(sac.init(jax.random.key(0), context()), jax.random.key(1), context(), how.fitting)

    def exactly(agent, obs, action, ctx, fitting):
        return obs + action @ mix

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamics, "predict", exactly)

        def step(carry, key):
            params, moment = carry
            gradient = jax.grad(imitation_loss)(params, agent, expert, key, context(), how)
            moment = jax.tree.map(lambda m, g: 0.9 * m + g, moment, gradient)
            return (jax.tree.map(lambda p, m: p - 2e-3 * m, params, moment), moment), None

        start = agent.params["actor"]
        zero = jax.tree.map(jnp.zeros_like, start)
        (params, _), _ = jax.jit(lambda c, k: jax.lax.scan(step, c, k))(
            (start, zero), jax.random.split(jax.random.key(1), 3000)
        )
    mean, _ = sac.actor(SETUP).apply(params, expert["obs"])
    np.testing.assert_allclose(np.tanh(mean).mean(0), taken, atol=0.05)


def demonstrations(seed: int = 0, experts: int = 2, n: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.2, 0.2, (experts, n, WIDTH)).astype(np.float32)


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


@pytest.mark.trains
def test_a_seed_does_not_depend_on_the_crowd():
    """With networks of a usual size, whose drawing once waited for itself on two devices."""
    config = RunConfig(method="sac-eo", **{**TASK, "seeds": 3}, options=USUAL)
    crowd = train(config, offline=demonstrations())
    alone = train(dataclasses.replace(config, seeds=1, first_seed=2), offline=demonstrations())
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[2:], b), crowd.agents, alone.agents)


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


def test_linear_temperature_starts_at_its_floor_and_is_the_codes():
    agent = linear_temperature.start(learner(), context())
    assert float(jnp.exp(agent.params["log_temperature"])) == pytest.approx(1e-5, rel=1e-4)
    assert float(agent.params["linear_temperature"]) == pytest.approx(np.log(0.1), rel=1e-5)
    batch = {**pairs(), "terminated": jnp.zeros(PAIRS)}
    ctx = context(temperature_lr=3.0, target_entropy=5.0)
    after, _ = jax.jit(linear_temperature.update)(agent, batch, jax.random.key(0), ctx)
    assert float(after.params["linear_temperature"]) == pytest.approx(np.log(0.1) + 3.0, rel=1e-3)
    assert float(jnp.exp(after.params["log_temperature"])) == pytest.approx(np.log(0.1) + 3.0, rel=1e-3)


def test_expert_sets_are_refused_or_changed_as_asked():
    layout, rows = Layout.of(4, 1), demonstrations()
    with pytest.raises(UserError, match="halved"):
        expert_observations(rows[:, :39], layout, halves=True)
    with pytest.raises(UserError, match="empty"):
        expert_observations(rows[:, :0], layout)
    spoiled = rows.copy()
    spoiled[0, 3, 1] = np.nan
    with pytest.raises(UserError, match="NaN"):
        expert_observations(spoiled, layout)
    np.testing.assert_array_equal(expert_observations(rows, layout), rows)
    noisy = expert_observations(rows, layout, noise=0.5) - rows
    np.testing.assert_allclose(noisy[..., :4].std(axis=1), 0.5 * rows[..., :4].std(axis=1), rtol=0.5)
    np.testing.assert_array_equal(noisy[..., 4:7], 0)
    less = expert_observations(rows, layout, drop=0.5)
    assert np.ptp(less[..., 2:4], axis=1).max() == 0
    np.testing.assert_array_equal(less[..., :2], rows[..., :2])


@pytest.mark.parametrize(
    "options, hint",
    [
        ({"weight": "adaptve"}, "adaptive"),
        ({"models": 3}, "2"),
        ({"drop": 1.0}, "drop"),
        ({"noise": -1.0}, "noise"),
        ({"expert_drawn": "epoch"}, "unknown expert_drawn 'epoch'; did you mean episode"),
        ({"collect": "samples"}, "unknown collect 'samples'; did you mean sample"),
        ({"standardise": "los"}, "unknown standardise 'los'; did you mean loss"),
        ({"delta": "sampl", "likelihood": "gaussian"}, "unknown delta 'sampl'; did you mean sample"),
        ({"delta": "sample"}, "delta=sample compares samples, which likelihood=mse has none of"),
        ({"normalise_policy": True}, "normalise_policy scales as the models do"),
        ({"normalise_policy": "yes"}, "give true or false"),
    ],
)
def test_switches_that_make_no_sense_are_refused(options, hint):
    with pytest.raises(UserError, match=hint):
        build("sac-eo", options)


@pytest.mark.parametrize("options, hparams", [({}, {"beta": -1.0}), ({"weight": "fixed"}, {"epsilon": 1.5})])
def test_weights_out_of_range_are_refused(options, hparams):
    with pytest.raises(UserError, match="outside"):
        Run(RunConfig(method="sac-eo", **TASK, hparams=hparams, options=options), None, demonstrations())


def told_apart() -> tuple[jax.Array, np.ndarray]:
    """An expert set [rows, width] of 40 pairs, whose ‖s'‖², each far from the others', all but are the errors."""
    expert = {**pairs(4, 40), "terminated": jnp.zeros(40)}
    expert["next_obs"] *= 1e3 * jnp.arange(1, 41)[:, None]
    return jax.vmap(Layout.of(OBS, ACTION).pack)(expert), np.sum(
        np.asarray(expert["next_obs"], np.float64) ** 2, axis=-1
    )


@pytest.mark.parametrize("drawn, known", [("whole", True), ("episode", True), ("update", False)])
def test_expert_pairs_are_drawn_as_often_as_asked(drawn, known):
    """By the imitation error of six updates in each of two episodes, no two batches of pairs having the same."""
    ctx, (dataset, errors) = context(), told_apart()
    method = build("sac-eo", {**SWITCHES, "expert_batch": 8, "expert_drawn": drawn})
    recent = {**pairs(3, 200), "terminated": jnp.zeros(200)}
    refit = jax.jit(lambda agent, key: refitted(method, agent, recent, key, ctx, dataset))
    learn = lambda agent, batch, key: method.update(agent, batch, key, ctx)[1]["imitation"]
    learn = jax.jit(jax.vmap(learn, in_axes=(None, None, 0)))
    agent, batch = method.init(jax.random.key(0), ctx, dataset), {**pairs(2), "terminated": jnp.zeros(PAIRS)}
    assert method.loop.expert_batch == (0 if known else 8)
    if not known:
        drawn_now = jax.tree.map(lambda x: x[:8], pairs(7, 40))
        found = learn(agent, {**batch, "expert": drawn_now}, jax.random.split(jax.random.key(0), 2))
        assert np.all(found < 1e3), "the pairs are the batch's"
        return
    found = [learn(refit(agent, jax.random.key(k)), batch, jax.random.split(jax.random.key(k), 6)) for k in (1, 2)]
    np.testing.assert_allclose(found, np.mean(found, axis=1, keepdims=True) * np.ones(6), rtol=1e-2)
    if drawn == "whole":
        np.testing.assert_allclose(found, errors.mean(), rtol=1e-2)
    else:
        assert abs(found[0][0] / found[1][0] - 1) > 0.05


def test_kept_pairs_are_shared_out_anew_in_every_update():
    how, agent = dataclasses.replace(HOW, drawn="whole"), Agent({}, {}, {}, {"expert": pairs(1, 40)})
    orders = [imitated(agent, {}, jax.random.key(k), how) for k in (0, 1)]
    assert not np.array_equal(orders[0]["obs"][:20], orders[1]["obs"][:20])
    together = lambda expert: np.concatenate([expert["obs"], expert["next_obs"]], axis=1)
    rank = lambda rows: rows[np.argsort(rows[:, 0])]
    for order in orders:
        np.testing.assert_array_equal(rank(together(order)), rank(together(pairs(1, 40))))


@pytest.mark.parametrize("standardise", ["nothing", "loss", "both"])
def test_errors_are_standardised_where_asked(standardise):
    """By σ of s' over the expert set as it was when learning was set up, with 1 for an entry that never varies."""
    expert, key = pairs(4, 40), jax.random.key(5)
    expert["next_obs"] *= jnp.array([0.1, 1.0, 10.0, 0.0])
    whole = {**expert, "terminated": jnp.zeros(40)}
    ctx, dataset = context(), jax.vmap(Layout.of(OBS, ACTION).pack)(whole)
    start = build("sac-eo", {**SWITCHES, "standardise": standardise}).init(jax.random.key(0), ctx, dataset)
    assert ("expert_std" in start.memory) == (standardise != "nothing")
    agent, how = learner(), dataclasses.replace(HOW, standardise=standardise)
    agent = agent.replace(memory={**start.memory, **agent.memory})
    scale = np.std(np.asarray(expert["next_obs"], np.float64), axis=0)
    scale[3] = 1.0
    action = np.asarray(action_of(agent.params["actor"], expert["obs"], key, ctx), np.float64)
    obs, follows = (np.asarray(expert[k], np.float64) for k in ("obs", "next_obs"))
    one, other = (forward(agent, m, obs, action) for m in (0, 1))
    errors = np.concatenate([follows[:20] - one[:20], follows[20:] - other[20:]])
    in_loss, in_delta = (1.0 if standardise == "nothing" else scale), (scale if standardise == "both" else 1.0)
    loss = imitation_loss(agent.params["actor"], agent, expert, key, ctx, how)
    np.testing.assert_allclose(loss, np.mean(np.sum((errors / in_loss) ** 2, -1)), **CLOSE)
    delta = disagreement(agent, expert["obs"], key, ctx, how)
    np.testing.assert_allclose(delta, np.sqrt(np.sum(((one - other) / in_delta) ** 2, -1)), **CLOSE)


def test_delta_of_samples_has_the_models_noise_in_it():
    """Of models that agree, δ² is χ²-like about 2 Σ σ², where means have none, with numbers of its own per model."""
    agent, obs, ctx = learner(), pairs(0, 4000)["obs"], context()
    same = jax.tree.map(lambda x: jnp.stack([x[0], x[0]]), agent.params["models"])
    agent = agent.replace(params={**agent.params, "models": same})
    how = dataclasses.replace(HOW, fitting=dataclasses.replace(HOW.fitting, likelihood="gaussian"))
    log_std = np.clip(np.asarray(same["params"]["log_std"][0], np.float64), -5, 2)
    sigma = np.exp(log_std)[:OBS] * np.asarray(agent.memory["normaliser"]["out_std"])[:OBS]
    assert float(disagreement(agent, obs, jax.random.key(1), ctx, how).max()) == 0.0
    delta = disagreement(agent, obs, jax.random.key(1), ctx, dataclasses.replace(how, sampled=True))
    np.testing.assert_allclose(np.mean(np.float64(delta) ** 2), 2 * np.sum(sigma**2), rtol=0.1)


def test_actor_and_critics_see_observations_scaled_if_asked():
    """What they do and learn is what they would on scaled observations, while models and errors stay as they were."""
    plain, scaled = (build("sac-eo", {**SWITCHES, "normalise": True, "normalise_policy": on}) for on in (False, True))
    ctx, key, batch = context(), jax.random.key(2), {**pairs(2), "terminated": jnp.zeros(PAIRS), "expert": pairs(4)}
    agent = plain.init(jax.random.key(0), ctx, told_apart()[0])
    scale = learner().memory["normaliser"]
    agent = agent.replace(memory={**agent.memory, "normaliser": scale, "epsilon": jnp.float32(0)})
    see = lambda obs: (obs - scale["in_mean"][:OBS]) / scale["in_std"][:OBS]
    for hook in (
        lambda m, obs: m.act(agent, obs, key, ctx).action,
        lambda m, obs: m.policies["policy"](agent, obs, key, ctx),
    ):
        np.testing.assert_array_equal(hook(scaled, batch["obs"][0]), hook(plain, see(batch["obs"][0])))
    ours = {**batch, "obs": see(batch["obs"]), "next_obs": see(batch["next_obs"])}
    found, expected = (jax.jit(m.update)(agent, b, key, ctx)[0] for m, b in ((scaled, batch), (plain, ours)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **CLOSE), found.params, expected.params)
    how, expert = dataclasses.replace(HOW, scaled=True), batch["expert"]
    action = np.asarray(action_of(agent.params["actor"], see(expert["obs"]), key, ctx), np.float64)
    obs, follows = (np.asarray(expert[k], np.float64) for k in ("obs", "next_obs"))
    one, other = (forward(agent, m, obs, action) for m in (0, 1))
    delta = disagreement(agent, expert["obs"], key, ctx, how)
    np.testing.assert_allclose(delta, np.sqrt(np.sum((one - other) ** 2, -1)), **CLOSE)
    errors = np.concatenate([(follows - one)[: PAIRS // 2], (follows - other)[PAIRS // 2 :]])
    loss = imitation_loss(agent.params["actor"], agent, expert, key, ctx, how)
    np.testing.assert_allclose(loss, np.mean(np.sum(errors**2, -1)), **CLOSE)


@pytest.mark.parametrize("collect", ["mean", "sample"])
def test_data_are_collected_as_asked_once_learning_has_begun(collect):
    method, ctx, obs = build("sac-eo", {**SWITCHES, "collect": collect}), context(), pairs()["obs"][0]
    keys = jax.random.split(jax.random.key(0), 20)
    executed = lambda agent: np.asarray(jax.vmap(lambda k: method.act(agent, obs, k, ctx).action)(keys))
    dataset = told_apart()[0]
    agent = method.init(jax.random.key(0), ctx, dataset)
    first = executed(agent)
    np.testing.assert_array_equal(first, jax.vmap(lambda k: sac.act(agent, obs, k, ctx).action)(keys))
    recent = {**pairs(3, 200), "terminated": jnp.zeros(200)}
    later = executed(jax.jit(lambda a: refitted(method, a, recent, keys[0], ctx, dataset))(agent))
    mean = method.policies["policy"](agent, obs, keys[0], ctx)
    np.testing.assert_array_equal(later, first if collect == "sample" else jnp.broadcast_to(mean, later.shape))


SHAPES = {
    "whole, standardised": {"expert_drawn": "whole", "standardise": "both"},
    "episode by its mean": {"expert_drawn": "episode", "collect": "mean"},
    "scaled": {"normalise": True, "normalise_policy": True, "collect": "mean"},
    "δ of samples": {"likelihood": "gaussian", "delta": "sample"},
}


@pytest.mark.parametrize("options", [*SHAPES.values()], ids=[*SHAPES])
def test_switches_fit_into_the_loop(options):
    """Traced, not compiled: what a learner remembers keeps its shapes, and nothing is asked for that is not there."""
    config = RunConfig(method="sac-eo", **TASK, options={**SWITCHES, **options})
    run = Run(config, None, demonstrations())
    population = abstract_population(run, run.plan.width)
    inputs = jax.eval_shape(lambda: run.inputs(np.zeros(run.plan.width, int)))
    trained = jax.eval_shape(run._jitted("chunk"), population, inputs)[0]
    assert jax.tree.map(lambda x: x.shape, trained) == jax.tree.map(lambda x: x.shape, population)
    jax.eval_shape(run._jitted("evaluate"), population.members.seed, trained.members.agent, inputs, trained.step)


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
