"""PAG: its perturbation's loss, what its switch says, its decay, and who acts."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided_rl.envs.spaces import Box
from guided_rl.methods import build
from guided_rl.methods.base import Context, Setup
from guided_rl.methods.local_guides.local_guidance import HEAD_STREAM, decayed
from guided_rl.methods.local_guides.pag import pag
from guided_rl.methods.local_guides.pig import PIG
from guided_rl.runtime.rng import normal
from tests.methods.local_guidance_setting import ADVICE, advised, context, pag_learner, population, trusted
from tests.methods.test_losses import CLOSE, q_values, squashed, transitions
from tests.training.small import assert_same


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
