"""Policies of brax and Stable-Baselines3 as guides.

`sb3_sac.zip` and `sb3_td3.zip` were saved by Stable-Baselines3 for InvertedPendulum-v5
(16×16, untrained, seed 1), their settings cut to what is read; what its `predict` answered,
on the scale [-1, 1], stands below.
"""

import inspect
import io
import json
import pickle
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax.io import model
from brax.training.acme import running_statistics, specs
from brax.training.agents.ppo import checkpoint as ppo_checkpoint
from brax.training.agents.ppo import networks as ppo
from brax.training.agents.sac import checkpoint as sac_checkpoint
from brax.training.agents.sac import networks as sac
from brax.training.networks import ACTIVATION

from guided_rl.envs import make
from guided_rl.guides import find_guide
from guided_rl.guides.brax import ASSUMED
from guided_rl.runtime.errors import UserError

HERE = Path(__file__).parent
OBS = np.linspace(-0.5, 0.5, 12, dtype=np.float32).reshape(3, 4)
PREDICTED = np.array([[0.06221803], [0.02648425], [-0.02632785]])
CHECKPOINTS = {"sac": sac_checkpoint, "ppo": ppo_checkpoint}
NETWORKS = {
    "sac": (sac.make_sac_networks, sac.make_inference_fn, "hidden_layer_sizes"),
    "ppo": (ppo.make_ppo_networks, ppo.make_inference_fn, "policy_hidden_layer_sizes"),
}


@pytest.fixture(scope="module")
def env():
    return make("InvertedPendulum-v5", "native")


def untrained(algorithm):
    """Networks, parameters with shifted observation statistics, and brax's own deterministic policy."""
    factory, inference, sizes = NETWORKS[algorithm]
    networks = factory(4, 1, preprocess_observations_fn=running_statistics.normalize, **{sizes: (8, 8, 8)})
    statistics = running_statistics.init_state(specs.Array((4,), jnp.dtype("float32")))
    statistics = statistics.replace(mean=jnp.arange(4.0), std=jnp.full(4, 2.0))
    params = (statistics, networks.policy_network.init(jax.random.key(0)))
    if algorithm == "ppo":
        params = (*params, networks.value_network.init(jax.random.key(1)))
    return params, inference(networks)(params, deterministic=True), {sizes: (8, 8, 8)}


@pytest.mark.parametrize("algorithm", NETWORKS)
def test_saved_brax_parameters_advise_as_brax_does(env, tmp_path, algorithm):
    params, policy, _ = untrained(algorithm)
    model.save_params(tmp_path / "policy", params)
    guide = find_guide(f"brax:{tmp_path / 'policy'}", env)
    expected, _ = policy(OBS, jax.random.key(0))
    np.testing.assert_allclose(jax.vmap(guide.action)(OBS), expected, rtol=1e-5)
    assert not np.array_equal(guide.action(OBS[0], jax.random.key(0)), guide.action(OBS[0], jax.random.key(1)))


@pytest.mark.parametrize("algorithm", NETWORKS)
def test_brax_checkpoint_folders_are_read(env, tmp_path, algorithm):
    params, policy, sizes = untrained(algorithm)
    factory = lambda *args, **kwargs: NETWORKS[algorithm][0](*args, **{**sizes, **kwargs})
    config = CHECKPOINTS[algorithm].network_config(4, 1, True, factory)
    config.network_factory_kwargs = sizes
    CHECKPOINTS[algorithm].save(tmp_path, 5, params, config)
    guide = find_guide(f"brax:{tmp_path / '000000000005'}", env)
    expected, _ = policy(OBS, jax.random.key(0))
    np.testing.assert_allclose(jax.vmap(guide.action)(OBS), expected, rtol=1e-5)


def test_what_is_no_brax_policy_gets_one_sentence(env, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"nothing")
    model.save_params(tmp_path / "policy", untrained("sac")[0])
    for named, place, sentence in (
        ("folder", env, "no SAC or PPO network configuration"),
        ("file", env, "cannot be read"),
        ("none", env, "there is no brax policy"),
        ("policy", make("Hopper-v5", "native"), "4 observation entries"),
    ):
        with pytest.raises(UserError, match=sentence) as caught:
            find_guide(f"brax:{tmp_path / named}", place)
        assert "\n" not in str(caught.value)


def test_the_activation_that_a_brax_file_cannot_say_is_assumed_aloud_or_given(env, tmp_path, capsys):
    """google/brax#519: a policy with tanh layers must not play as one with swish unseen."""
    networks = ppo.make_ppo_networks(
        4,
        1,
        policy_hidden_layer_sizes=(8, 8),
        activation=ACTIVATION["tanh"],
        preprocess_observations_fn=running_statistics.normalize,
    )
    params = untrained("ppo")[0][0], networks.policy_network.init(jax.random.key(0)), {}
    model.save_params(tmp_path / "tanh", params)
    expected, _ = ppo.make_inference_fn(networks)(params, deterministic=True)(OBS, jax.random.key(0))
    assumed = find_guide(f"brax:{tmp_path / 'tanh'}", env)
    assert "does not say its activation" in capsys.readouterr().err and "assumed" in assumed.name
    assert np.abs(jax.vmap(assumed.action)(OBS) - expected).max() > 1e-3
    given = find_guide(f"brax:{tmp_path / 'tanh'},activation=tanh", env)
    np.testing.assert_allclose(jax.vmap(given.action)(OBS), expected, rtol=1e-5)
    with pytest.raises(UserError, match=r"unknown activation.*tanh"):
        find_guide(f"brax:{tmp_path / 'tanh'},activation=tahn", env)
    for name, (factory, *_) in NETWORKS.items():
        assert inspect.signature(factory).parameters["activation"].default is ACTIVATION[ASSUMED[name]]


def test_brax_policies_that_would_play_otherwise_are_named(env, tmp_path):
    size = lambda n: specs.Array((n,), jnp.dtype("float32"))
    how = {"preprocess_observations_fn": running_statistics.normalize}
    several = {"state": size(4), "privileged_state": size(9)}
    normed = sac.make_sac_networks(4, 1, hidden_layer_sizes=(8, 8), policy_network_layer_norm=True, **how)
    two = ppo.make_ppo_networks(4, 2, policy_hidden_layer_sizes=(8,), **how)
    named = ppo.make_ppo_networks({"state": (4,), "privileged_state": (9,)}, 1, value_obs_key="privileged_state", **how)
    plain = ppo.make_ppo_networks(4, 1, policy_hidden_layer_sizes=(8,), distribution_type="normal", **how)
    cases = {
        "takes observations by name \\(privileged_state, state\\)": (named, several, 3),
        "layers other than plain ones": (normed, size(4), 2),
        "2 action entries, but InvertedPendulum-v5 has 1": (two, size(4), 3),
        "layers other than plain": (plain, size(4), 3),
    }
    for sentence, (networks, spec, parts) in cases.items():
        params = running_statistics.init_state(spec), networks.policy_network.init(jax.random.key(0)), {}
        model.save_params(tmp_path / "policy", params[:parts])
        with pytest.raises(UserError, match=sentence) as caught:
            find_guide(f"brax:{tmp_path / 'policy'}", env)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["sac", "td3"])
def test_sb3_models_advise_as_sb3_does(env, algorithm):
    guide = find_guide(f"sb3:{HERE / f'sb3_{algorithm}.zip'}", env)
    np.testing.assert_allclose(jax.vmap(guide.action)(OBS), PREDICTED, atol=1e-6)
    drawn = guide.action(OBS[0], jax.random.key(0))
    assert (float(drawn[0]) == float(guide.action(OBS[0])[0])) == (algorithm == "td3")


def sb3_with(tmp_path, settings=None, weights=None):
    """The shipped SAC model with other settings or weights."""
    with zipfile.ZipFile(HERE / "sb3_sac.zip") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if settings is not None:
        parts["data"] = json.dumps(settings).encode()
    if weights is not None:
        parts["policy.pth"] = weights
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return f"sb3:{tmp_path / 'model.zip'}"


def state_dict(value):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(value))
    return buffer.getvalue()


class Harmful:
    def __reduce__(self):
        return Path.touch, (Path("harm"),)


def test_what_is_no_sb3_model_gets_one_sentence(env, tmp_path):
    tanh = {"policy_kwargs": {"activation_fn": "<class 'torch.nn.modules.activation.Tanh'>"}}
    cases = {
        "only ReLU": {"settings": tanh},
        "state-dependent": {"settings": {"use_sde": True}},
        "cannot be read": {"weights": b"PK"},
        "no SAC, TD3 or DDPG actor": {"weights": state_dict({})},
        "which no network's weights need": {"weights": state_dict(Harmful())},
    }
    for sentence, change in cases.items():
        with pytest.raises(UserError, match=sentence) as caught:
            find_guide(sb3_with(tmp_path, **change), env)
        assert "\n" not in str(caught.value)
    assert not Path("harm").exists()
    with pytest.raises(UserError, match="4 observation and 1 action entries"):
        find_guide(f"sb3:{HERE / 'sb3_sac.zip'}", make("Hopper-v5", "native"))
