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
from guided_rl.envs import make
from guided_rl.envs.spaces import Box
from guided_rl.guides.base import Guide
from guided_rl.methods import build
from guided_rl.methods.base import Agent, Context, Setup
from guided_rl.methods.bases import sac
from guided_rl.methods.hparams import defaults
from guided_rl.methods.local_guides.learned_sag import LEARNED_SAG, cautious, learned
from guided_rl.methods.local_guides.local_guidance import HEAD_STREAM, decayed, guide_acts
from guided_rl.methods.local_guides.pag import pag
from guided_rl.methods.local_guides.pig import PIG, actor_gradient, guide_log_prob
from guided_rl.methods.local_guides.rg import RG, guided_reward
from guided_rl.methods.local_guides.sag import switched_target
from guided_rl.networks.distributions import log_density, sample_squashed
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.rng import normal
from guided_rl.training.population import Trainer
from guided_rl.training.sharding import SPLIT, place, population_mesh
from guided_rl.training.state import INPUTS, Inputs, Loop
from tests.methods.test_losses import CLOSE, SETUP, learner, noise, q_values, seeds, squashed, transitions
from tests.training.small import assert_same

STEPS, LOOP = 96, Loop(8, 96, 0, 0, block=8, timeout_is_terminal=True, execution="map")
ADVICE = jnp.array([0.5, -0.25, 0.999])


def guide(trust: float | None = None, size: int = 3) -> Guide:
    """Advises ADVICE; λ(s) = 1 where s_0 > 0, or the given constant."""
    confidence = lambda params, obs: (obs[0] > 0).astype(jnp.float32) if trust is None else jnp.float32(trust)
    return Guide((), lambda params, obs, key: ADVICE[:size], confidence, name="constant")


def context(method, progress: float = 0.0, trust: float | None = None, **hp: float) -> Context:
    values = {k: jnp.float32(v) for k, v in {**defaults(method.hparams), **hp}.items()}
    return Context(values, jnp.int32(round(progress * SETUP.budget)), guide(trust), setup=SETUP)


def trusted(obs) -> np.ndarray:
    return (np.asarray(obs)[:, 0] > 0).astype(np.float64)


def advised() -> np.ndarray:
    return np.tile(np.asarray(ADVICE, np.float64), (16, 1))


def pag_learner(seed: int, name: str = "pag", **switches) -> tuple[Agent, object]:
    """SAC's shaken learner with a perturbation head whose biases are not zero."""
    method = build(name, switches)
    fresh = method.init(jax.random.key(seed), context(method))
    rng = np.random.default_rng(seed + 100)
    shake = lambda x: x + jnp.asarray(rng.normal(0, 0.3, x.shape), jnp.float32)
    base = learner("sac", seed)
    head = {name: jax.tree.map(shake, fresh.params[name]) for name in fresh.params.keys() - base.params.keys()}
    return fresh.replace(params={**base.params, **head}, targets=base.targets), method


def population(method, trust: float | None = None, **hp: float):
    """Two learners after a whole run on PointFall, collecting and learning by turns."""
    env, setup, mesh = make("PointFall"), Setup(6, Box(2), (8, 8), STEPS), population_mesh(1)
    trainer = Trainer(env, method, setup, LOOP)
    values = {k: jnp.full(2, v, jnp.float32) for k, v in {**defaults(method.hparams), **hp}.items()}
    inputs = place(
        Inputs(values, None if trust is None else jax.vmap(guide(trust, 2).of)(jnp.arange(2)), jnp.ones(2, bool)),
        mesh,
        INPUTS,
    )
    start = trainer.init(mesh)(place(jnp.arange(2), mesh, SPLIT), inputs)
    trained, totals = trainer.chunk(mesh, STEPS)(start, inputs)
    assert int(totals.updates) == STEPS
    rows = trainer.layout.unpack(trained.replay)
    return jax.device_get((trained.members.agent.params, trained.members.env.obs, rows))


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


def update_of(method, agent, batch, key, ctx):
    return jax.jit(method.update)(agent, batch, key, ctx)


@pytest.mark.slow
def test_the_two_forms_of_pag_are_one_while_beta_is_zero():
    """Learners and rows of a whole run, of a deterministic guide, in which δ has not acted yet."""
    code, text = (population(build(name), decay_interval=1.0, trust=0.5) for name in ("pag", "pag-text"))
    for name in ("actor", "critic", "log_temperature"):
        assert_same(code[0][name], text[0][name])
    np.testing.assert_array_equal(code[2]["action"], text[2]["action"])


@pytest.mark.parametrize(
    "name, switches", [("pag-text", {}), ("pag-text", {"sees_advice": False}), ("pag", {})], ids=str
)
def test_pag_perturbation_loss(name, switches):
    """L_ξ as reported by the update, with critics that were just updated: learning rates are 0 here."""
    agent, method = pag_learner(3, name, **switches)
    batch, key = transitions(3), jax.random.key(5)
    literal = name == "pag"
    kept = np.random.default_rng(0).uniform(-1, 1, (16, 3))
    if literal:
        batch |= {"guided": jnp.asarray(kept, jnp.float32), "next_guided": jnp.asarray(-kept, jnp.float32)}
    still = {"critic_lr": 0.0, "actor_lr": 0.0, "temperature_lr": 0.0, "tau": 0.0}
    ctx = context(method, progress=0.05, phi=0.5, delta=0.8, **still)
    _, metrics = update_of(method, agent, batch, key, ctx)
    guided = kept if literal else advised()
    seen = (
        np.concatenate([batch["obs"], guided], -1) if method_sees_advice(name, switches) else np.asarray(batch["obs"])
    )
    eps = np.asarray(normal(jax.random.fold_in(key, HEAD_STREAM), (16, 3)), np.float64)
    u, log_prob = squashed(agent.params["perturbation"], seen, eps)
    width = 0.5 if literal else 0.5 * (1 - 0.8**2)
    action = np.clip(guided + width * u, -0.999, 0.999)
    q = q_values(agent.params["critic"], batch["obs"], action).min(0)
    temperature = np.exp(float(agent.params["log_perturbation_temperature"]))
    expected = np.mean(temperature * log_prob - trusted(batch["obs"]) * q)
    np.testing.assert_allclose(metrics["perturbation_loss"], expected, **CLOSE)
    np.testing.assert_allclose(metrics["reach"], 0.5 * (1 - 0.8**2), rtol=1e-5)


def method_sees_advice(name: str, switches: dict) -> bool:
    return name == "pag-text" and switches.get("sees_advice", True)


@pytest.mark.parametrize(
    "name, target",
    [("pag-text", "sag"), ("pag-text", "pag"), ("pag-text", "theta"), ("pag", "theta"), ("pag", "kept")],
)
def test_pag_bootstraps_from_what_its_switch_says(name, target):
    """The critic's loss of the update, against y of each variant."""
    agent, method = pag_learner(4, name, target=target)
    batch, key = transitions(4), jax.random.key(6)
    kept = np.random.default_rng(1).uniform(-1, 1, (16, 3))
    if name == "pag":
        batch |= {"guided": jnp.zeros((16, 3)), "next_guided": jnp.asarray(kept, jnp.float32)}
    ctx = context(method, progress=0.1, phi=0.5, delta=0.8, gamma=0.9)
    _, metrics = update_of(method, agent, batch, key, ctx)
    target_key = jax.random.split(key)[0]
    eps = np.asarray(normal(target_key, (16, 3)), np.float64)
    action, log_prob = squashed(agent.params["actor"], batch["next_obs"], eps)
    seen = np.concatenate([batch["next_obs"], advised()], -1)
    shifted = lambda: advised() + 0.5 * (1 - 0.8**4) * squashed(agent.params["perturbation"], seen, 0 * eps)[0]
    guided = {"sag": advised, "pag": shifted, "theta": advised, "kept": lambda: kept}[target]()
    share = 0.0 if target == "theta" else trusted(batch["next_obs"])
    q = lambda a: q_values(agent.targets["critic"], batch["next_obs"], a).min(0)
    own = q(action) - np.exp(float(agent.params["log_temperature"])) * log_prob
    value = share * q(np.clip(guided, -0.999, 0.999)) + (1 - share) * own
    y = batch["reward"] + 0.9 * (1 - np.asarray(batch["terminated"])) * value
    errors = q_values(agent.params["critic"], batch["obs"], batch["action"]) - np.asarray(y)
    np.testing.assert_allclose(metrics["critic_loss"], 0.5 * np.sum(np.mean(errors**2, -1)), **CLOSE)


@pytest.mark.parametrize(("delta", "reached"), [(0.5, 0.998), (0.7, 0.96), (0.8, 0.866), (0.9, 0.613)])
def test_the_decay_is_the_papers(delta, reached):
    """β_PAG over 2M steps in intervals of 50k: 0 at first, 1 - δ next, and the specification's value by 500k."""
    setup = Setup(1, Box(1), budget=2_000_000)
    beta = lambda step: (
        1.0
        - float(
            decayed(
                Context(
                    {"delta": jnp.float32(delta), "decay_interval": jnp.float32(0.025)},
                    jnp.int32(step),
                    None,
                    setup=setup,
                )
            )
        )
    )
    assert [beta(0), beta(49_999)] == [0.0, 0.0]
    assert [beta(50_000), beta(99_999)] == pytest.approx([1 - delta] * 2, abs=1e-6)
    assert beta(450_000) == pytest.approx(reached, abs=2e-3)
    assert beta(1_999_999) == pytest.approx(1 - delta**39, abs=1e-5)


def test_without_an_interval_the_perturbation_is_whole_from_the_start():
    ctx = context(pag(), decay_interval=0.0)
    assert float(decayed(ctx)) == 0.0
    assert float(decayed(context(PIG, decay_interval=0.0, delta=1.0))) == 1.0


@settings(max_examples=25)
@given(progress=st.floats(0, 1), phi=st.floats(0.01, 2), delta=st.floats(0.01, 1), seed=st.integers(0, 9))
def test_what_pag_executes_stays_within_reach_of_the_guide(progress, phi, delta, seed):
    method = pag()
    ctx = context(method, progress=progress, trust=1.0, phi=phi, delta=delta)
    agent, key = pag_agent(), jax.random.key(seed)
    executed = method.act(agent, jnp.ones(5), key, ctx).action
    width = phi * (1 - delta ** np.floor(round(progress * 1000) / 25))
    assert np.all(np.abs(executed - ADVICE) <= width + 1e-5)
    assert np.all(np.abs(executed) <= 0.999 + 1e-6)


@functools.cache
def pag_agent():
    return pag_learner(0)[0]


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
