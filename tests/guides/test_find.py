"""Guides by name, path, function and value, and what is said about those that are none."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.envs import make
from guided_rl.guides import Guide, find_guide
from guided_rl.guides.expert_weights import write_weights
from guided_rl.runtime.errors import UserError

OWN = f"{Path(__file__).parent / 'advisers.py'}:"
TASK = "InvertedPendulum-v5"


@pytest.fixture(scope="module")
def env():
    return make(TASK, "native")


def layers(out, seed=0, experts=2, obs=4):
    draw = np.random.default_rng(seed).normal
    sizes = [(obs, 8), (8, out)]
    return [{"kernel": draw(size=(experts, *s)), "bias": draw(size=(experts, s[1]))} for s in sizes]


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / f"{TASK}.npz"
    policies = {"bc@50": layers(1), "bc@100": layers(1, 1), "sac@50": layers(2, 2), "sac@100": layers(2, 3, experts=3)}
    write_weights(path, policies, {"task": TASK, "observation_size": 4, "action_size": 1})
    return path


@pytest.fixture
def shipped(weights, monkeypatch):
    monkeypatch.setenv("GUIDED_RL_EXPERTS", str(weights.parent))
    return weights


def test_a_bare_name_is_the_tasks_best_experts(env, shipped):
    guide, best = find_guide("bc", env), find_guide("bc@100", env)
    assert (guide.name, guide.size) == ("bc@100", 2)
    obs = jnp.arange(4.0)
    np.testing.assert_array_equal(guide.of(1).action(obs), best.of(1).action(obs))
    assert find_guide("sac", env).size == 3


def test_learner_k_hears_expert_k_mod_n(env, shipped):
    guide, obs = find_guide("bc@50", env), jnp.arange(4.0)
    np.testing.assert_array_equal(guide.of(5).action(obs), guide.of(1).action(obs))
    assert not np.array_equal(guide.of(0).action(obs), guide.of(1).action(obs))


def test_a_clone_is_the_mlp_in_the_file(env, weights):
    obs, expected = np.linspace(-1, 1, 4), layers(1)
    hidden = np.maximum(obs @ expected[0]["kernel"][1] + expected[0]["bias"][1], 0)
    action = np.tanh(hidden @ expected[1]["kernel"][1] + expected[1]["bias"][1])
    guide = find_guide(f"{weights}#bc@50", env).of(1)
    np.testing.assert_allclose(guide.action(jnp.asarray(obs)), action, rtol=1e-5)


def test_sac_samples_with_a_key_and_bc_does_not(env, shipped):
    obs, keys = jnp.ones(4) * 0.1, jax.random.split(jax.random.key(0), 2)
    sac, bc = find_guide("sac@50", env).of(0), find_guide("bc@50", env).of(0)
    assert not np.array_equal(sac.action(obs, keys[0]), sac.action(obs, keys[1]))
    np.testing.assert_array_equal(bc.action(obs, keys[0]), bc.action(obs))


def test_a_panel_speaks_with_all_its_voices(env, shipped):
    panel, obs = find_guide("bc@50+sac@100", env), jnp.arange(4.0)
    assert (panel.panel, panel.size) == (2, 6)
    one = panel.of(5)
    voices = [find_guide("bc@50", env).of(5).action(obs), find_guide("sac@100", env).of(5).action(obs)]
    np.testing.assert_allclose(one.actions(obs), voices, rtol=1e-6)
    np.testing.assert_allclose(one.action(obs), np.mean(voices, axis=0), rtol=1e-6)
    assert one.confidence(obs) == 1
    assert find_guide("bc", env).of(0).actions(obs).shape == (1, 1)


def test_a_panel_of_experts_and_functions_is_vmapped_over_learners(env, shipped):
    panel = find_guide(f"bc@50+{OWN}plain", env)
    advise = lambda seed: panel.of(seed).actions(jnp.ones(4), jax.random.key(0))
    each = jax.vmap(advise)(jnp.arange(3))
    assert each.shape == (3, 2, 1)
    np.testing.assert_allclose(each[2], each[0], rtol=1e-6)


@pytest.mark.parametrize("name", ["plain", "noisy"])
def test_own_functions_are_guides(env, name):
    guide = find_guide(OWN + name, env)
    assert guide.action(jnp.ones(4), jax.random.key(1)).shape == (1,)
    assert guide.action(jnp.ones(4)).shape == (1,)


def test_own_guide_values_keep_their_experts(env):
    guide = find_guide(OWN + "value", env)
    assert guide.size == 2
    np.testing.assert_allclose(guide.of(1).action(jnp.ones(4)), np.tanh(0.2), rtol=1e-6)
    assert find_guide(guide, env) is guide


@pytest.mark.parametrize(
    "named, sentence",
    [
        (None, "needs a guide"),
        ("bd", "did you mean bc"),
        ("bc@60", "did you mean bc@50"),
        ("teacher", "unknown guide"),
        (OWN + "whole_observation", r"advises shape \(4,\), but an action of InvertedPendulum-v5 is \(1,\)"),
        (OWN + "too_far", r"advises .*, outside \[-1, 1\]"),
        (OWN + "nothing", "NaN or infinity"),
        (OWN + "three", "takes 3 arguments"),
        (OWN + "broken", "ValueError: no idea"),
        (OWN + "number", "is a int"),
        (OWN + "plane", "did you mean plain"),
        (OWN + "overconfident", r"confidence .* leaves \[0, 1\]"),
        ("nowhere.py:guide", "no file nowhere.py"),
        ("nowhere.npz#bc@50", "cannot read the expert weights nowhere.npz"),
        ("brax:nowhere", "nowhere"),
        ("sb3:nowhere.zip", "nowhere.zip"),
    ],
)
def test_what_is_no_guide_gets_one_sentence(env, shipped, named, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        find_guide(named, env)
    assert "\n" not in str(caught.value)


def test_a_value_is_tried_as_well(env):
    with pytest.raises(UserError, match="advises shape"):
        find_guide(Guide((), lambda params, obs, key: obs), env)


def test_without_experts_the_sentence_says_where_it_looked(env, tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_RL_EXPERTS", str(tmp_path))
    with pytest.raises(UserError, match=f"{tmp_path}.*make experts TASK={TASK}"):
        find_guide("bc", env)
