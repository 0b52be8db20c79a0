"""SAG, PIG, PAG and RG: off they are SAC, on they are the equations, here again in NumPy and float64."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided_rl.config import RunConfig, check
from guided_rl.methods import build
from guided_rl.methods.bases import sac
from guided_rl.methods.local_guides.learned_sag import LEARNED_SAG, cautious, learned
from guided_rl.methods.local_guides.local_guidance import guide_acts
from guided_rl.methods.local_guides.pag import pag
from guided_rl.methods.local_guides.pig import PIG, actor_gradient, guide_log_prob
from guided_rl.methods.local_guides.rg import RG, guided_reward
from guided_rl.methods.local_guides.sag import switched_target
from guided_rl.networks.distributions import log_density, sample_squashed
from guided_rl.runtime.errors import UserError
from tests.methods.local_guidance_setting import ADVICE, advised, context, pag_learner, population, trusted
from tests.methods.test_losses import CLOSE, learner, noise, q_values, seeds, squashed, transitions
from tests.training.small import assert_same


@functools.cache
def plain():
    return population(sac.SAC)


@pytest.mark.trains
@pytest.mark.parametrize(
    "method, off, trust",
    [
        ("pag", {}, 0.0),
        pytest.param("pag-text", {}, 0.0, marks=pytest.mark.slow),
        pytest.param("sag", {}, 0.0, marks=pytest.mark.slow),
        pytest.param("naive-sag", {}, 0.0, marks=pytest.mark.slow),
        pytest.param("pig", {"beta": 0.0}, 1.0, marks=pytest.mark.slow),
        pytest.param("rg", {"beta": 0.0}, 1.0, marks=pytest.mark.slow),
    ],
)
def test_guidance_off_is_sac_bit_for_bit(method, off, trust):
    """Whole runs under the table's settings: blocks, no warm-up, and time limits that are terminal."""
    params, obs, _ = population(build(method), trust, **off)
    assert_same({name: params[name] for name in plain()[0]}, plain()[0])
    assert_same(obs, plain()[1])


@pytest.mark.trains
def test_the_authors_code_keeps_what_pag_would_do_here_and_where_it_arrives():
    """Rows hold perturbed actions at s and s', and in the guide's region what was executed is the one at s."""
    rows = population(pag(), 1.0, phi=0.25, decay_interval=0.0)[2]
    advice = np.asarray(ADVICE[:2])
    for name in ("guided", "next_guided"):
        away = np.abs(rows[name] - advice)
        assert away.max() <= 0.25 + 1e-6 and away.std() > 0.01
    np.testing.assert_array_equal(rows["action"], rows["guided"])
    assert not np.array_equal(rows["guided"][:, 1:], rows["next_guided"][:, :-1]), "each is drawn at its own time"


@seeds
def test_sag_target(seed):
    agent, batch, (key, eps) = learner("sac", seed), transitions(seed), noise(seed)
    action, log_prob = squashed(agent.params["actor"], batch["next_obs"], eps)
    share = trusted(batch["next_obs"])
    q = lambda a: q_values(agent.targets["critic"], batch["next_obs"], a).min(0)
    own = q(action) - np.exp(float(agent.params["log_temperature"])) * log_prob
    value = share * q(advised()) + (1 - share) * own
    expected = batch["reward"] + 0.9 * (1 - np.asarray(batch["terminated"])) * value
    found = jax.jit(switched_target)(agent, batch, key, context(sac.SAC, gamma=0.9))
    np.testing.assert_allclose(found, expected, **CLOSE)
    assert 0 < share.mean() < 1


def numpy_log_density(params, obs, action) -> np.ndarray:
    """log N(artanh a; μ, σ²) - log(1 - a²), summed over action dimensions."""
    centre = np.arctanh(squashed(params, obs, np.zeros((16, 3)))[0])
    std = np.arctanh(squashed(params, obs, np.full((16, 3), 0.01))[0]) - centre
    std, u = std / 0.01, np.arctanh(np.clip(action, -0.999, 0.999))
    return np.sum(
        -((u - centre) ** 2) / (2 * std**2) - np.log(std * np.sqrt(2 * np.pi)) - np.log(1 - np.tanh(u) ** 2), -1
    )


@seeds
def test_pig_speaks_through_the_actors_gradient(seed):
    """E_s[λ log π(a_g|s)] in NumPy, and ∇L_π = ∇L_SAC - β_k ∇ of it, three halvings into the decay."""
    agent, batch, key = learner("sac", seed), transitions(seed), jax.random.key(seed)
    expected = np.mean(trusted(batch["obs"]) * numpy_log_density(agent.params["actor"], batch["obs"], advised()))
    ctx = context(PIG, progress=0.075, beta=2.0, delta=0.5)
    gradient, metrics = jax.jit(actor_gradient)(agent, batch, key, ctx)
    np.testing.assert_allclose(metrics["guide_log_prob"], expected, rtol=2e-3)
    pull = jax.grad(guide_log_prob)(agent.params["actor"], agent, batch, key, ctx)
    own = sac.actor_gradient(agent, batch, key, ctx)[0]
    beta = 2.0 * 0.5**3
    expected = jax.tree.map(lambda g, h: g - beta * h, own, pull)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), gradient, expected)


@seeds
def test_rg_reward(seed):
    agent, batch = learner("sac", seed), transitions(seed)
    distance = np.sum((np.asarray(batch["action"], np.float64) - advised()) ** 2, -1)
    expected = np.asarray(batch["reward"]) - 0.25 * trusted(batch["obs"]) * distance
    ctx = context(RG, progress=0.05, beta=1.0, delta=0.5)
    np.testing.assert_allclose(guided_reward(agent, batch, jax.random.key(0), ctx), expected, **CLOSE)


@pytest.mark.parametrize("name", ["sag", "pag", "pag-text"])
def test_who_acts_is_lambda(name):
    method = build(name)
    agent, key = (learner("sac", 0) if name == "sag" else pag_learner(0, name)[0]), jax.random.key(2)
    inside, outside = jnp.ones(5), -jnp.ones(5)
    ctx = context(method)
    np.testing.assert_allclose(method.act(agent, inside, key, ctx).action, ADVICE, rtol=1e-6)
    np.testing.assert_allclose(method.policies["switched"](agent, inside, key, ctx).action, ADVICE, rtol=1e-6)
    own = sac.act(agent, outside, key, ctx).action
    np.testing.assert_array_equal(method.act(agent, outside, key, ctx).action, own)
    mode = sac.mode(agent, outside, key, ctx)
    np.testing.assert_array_equal(method.policies["switched"](agent, outside, key, ctx).action, mode)
    np.testing.assert_array_equal(method.policies["policy"](agent, inside, key, ctx), sac.mode(agent, inside, key, ctx))


def test_between_nought_and_one_the_guide_acts_that_often():
    keys = jax.random.split(jax.random.key(0), 4000)
    share = float(jnp.mean(jax.vmap(lambda k: guide_acts(jnp.float32(0.3), k))(keys)))
    assert share == pytest.approx(0.3, abs=0.03)


@settings(max_examples=20)
@given(mean=st.floats(-2, 2), log_std=st.floats(-3, 1), seed=st.integers(0, 99))
def test_log_density_is_that_of_the_sample(mean, log_std, seed):
    action, log_prob = sample_squashed(jnp.full(2, mean), jnp.full(2, log_std), jax.random.key(seed))
    if float(jnp.abs(action).max()) < 0.99:
        found = log_density(jnp.full(2, mean), jnp.full(2, log_std), action)
        np.testing.assert_allclose(found, log_prob, rtol=1e-2, atol=1e-2)


def test_learned_trust_compares_under_caution_and_holds_at_first():
    agent, obs = learner("sac", 1), jnp.linspace(-1, 1, 5)
    assert float(learned(agent, obs, context(LEARNED_SAG, progress=0.01))) == 0.5
    np.testing.assert_allclose(cautious(jnp.array([1.0, 3.0]), 0.5), 1.0)
    own = sac.mode(agent, obs, None, context(LEARNED_SAG))
    for caution in (0.0, 0.5, 2.0):
        scores = [
            (q.mean(0) - caution * np.abs(q[0] - q[1]))[0]
            for q in (q_values(agent.params["critic"], obs[None], a[None]) for a in (ADVICE, own))
        ]
        found = learned(agent, obs, context(LEARNED_SAG, progress=0.5, caution=caution))
        assert float(found) == float(scores[0] > scores[1])


@pytest.mark.parametrize(
    "method, hparams, sentence",
    [
        ("pag", {"phi": 0.0}, "phi=0.0 is outside"),
        ("pag", {"delta": 0.0}, "delta=0.0 is outside"),
        ("pag", {"delta": 1.5}, "delta=1.5 is outside"),
        ("pig", {"beta": -1.0}, "beta=-1.0 is outside"),
    ],
)
def test_values_that_make_no_sense_are_refused(method, hparams, sentence):
    with pytest.raises(UserError, match=sentence):
        check(RunConfig(method=method, hparams=hparams), build(method))


def test_unknown_targets_are_refused_by_name():
    with pytest.raises(UserError, match="did you mean theta"):
        build("sag", {"target": "teta"})
    with pytest.raises(UserError, match="kept, theta"):
        build("pag", {"target": "sag"})
