"""The forward models of SAC-EO and modified-BCO: units, losses, and what they learn."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.methods import build
from guided_rl.methods.bases import sac
from guided_rl.methods.observations import dynamics
from guided_rl.methods.observations.dynamics import Fitting
from guided_rl.methods.observations.imitation import (
    Imitation,
    imitation_loss,
)
from tests.methods.sac_eo_setting import ACTION, CLOSE, HOW, OBS, SETUP, SWITCHES, context, learner, pairs, told_apart


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
