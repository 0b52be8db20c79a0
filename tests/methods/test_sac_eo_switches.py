"""SAC-EO's switches: what they change, and which values are refused."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.config import RunConfig
from guided_rl.data.observations import expert_observations
from guided_rl.data.replay import Layout
from guided_rl.methods import build
from guided_rl.methods.base import Agent
from guided_rl.methods.bases import sac
from guided_rl.methods.observations import linear_temperature
from guided_rl.methods.observations.imitation import (
    action_of,
    disagreement,
    imitated,
    imitation_loss,
)
from guided_rl.runtime.errors import UserError
from guided_rl.training.plan import abstract_population
from guided_rl.training.run import Run
from tests.methods.sac_eo_setting import (
    ACTION,
    CLOSE,
    HOW,
    OBS,
    PAIRS,
    SWITCHES,
    TASK,
    context,
    demonstrations,
    forward,
    learner,
    pairs,
    refitted,
    told_apart,
)


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
