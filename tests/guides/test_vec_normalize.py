"""Stable-Baselines3 models with statistics beside them: applied where they can be read, else named."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
import types
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest

from guided_rl.envs import make
from guided_rl.guides import find_guide
from guided_rl.runtime.errors import UserError

MODEL = Path(__file__).parent / "sb3_sac.zip"
OBS = np.linspace(-0.5, 0.5, 12, dtype=np.float32).reshape(3, 4)
MEAN, VARIANCE = np.array([0.1, -0.2, 0.3, 0.0]), np.array([4.0, 0.25, 1e-4, 1.0])
EPSILON, BOUND = 1e-8, 1.5


@pytest.fixture(scope="module")
def env():
    return make("InvertedPendulum-v5", "native")


def pickled(protocol: int = 4, **changes) -> bytes:
    """A wrapper as SB3 pickles it, from classes of the same names that nobody can import afterwards."""
    module = types.ModuleType("pretended_sb3")
    made = {}
    for name in ("VecNormalize", "RunningMeanStd"):
        made[name] = type(name, (), {"__module__": module.__name__})
        setattr(module, name, made[name])
    moments = made["RunningMeanStd"]()
    vars(moments).update(mean=MEAN, var=np.asfortranarray(VARIANCE), count=np.float64(7))
    moments = changes.pop("obs_rms", moments)
    wrapper = made["VecNormalize"]()
    vars(wrapper).update(obs_rms=moments, norm_obs=True, clip_obs=BOUND, epsilon=np.float64(EPSILON), venv=None)
    vars(wrapper).update(changes)
    sys.modules[module.__name__] = module
    try:
        return pickle.dumps(wrapper, protocol)
    finally:
        del sys.modules[module.__name__]


def beside(folder: Path, where: str, content: bytes, model: str = "IP.zip") -> str:
    shutil.copy(MODEL, folder / model)
    (folder / where).parent.mkdir(parents=True, exist_ok=True)
    (folder / where).write_bytes(content)
    return f"sb3:{folder / model}"


def actions(named: str, env) -> np.ndarray:
    return np.asarray(jax.vmap(find_guide(named, env).action)(OBS))


def normalised(env) -> np.ndarray:
    """What the model does on observations that NumPy normalised as SB3 says."""
    scaled = np.clip((OBS - MEAN) / np.sqrt(VARIANCE + EPSILON), -BOUND, BOUND)
    return np.asarray(jax.vmap(find_guide(f"sb3:{MODEL}", env).action)(scaled.astype(np.float32)))


@pytest.mark.parametrize(
    ("model", "where"),
    [
        ("IP.zip", "IP/vecnormalize.pkl"),
        ("IP.zip", "vec_normalize.pkl"),
        ("best_model.zip", "IP/vecnormalize.pkl"),
        ("rl_model_1000_steps.zip", "rl_model_vecnormalize_1000_steps.pkl"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_statistics_beside_the_model_are_applied(env, tmp_path, capsys, model, where, protocol):
    named = beside(tmp_path, where, pickled(protocol), model)
    np.testing.assert_allclose(actions(named, env), normalised(env), atol=1e-5)
    assert "statistics that lie beside it" in capsys.readouterr().err
    plain = actions(f"{named},vecnormalize=none", env)
    np.testing.assert_array_equal(plain, actions(f"sb3:{MODEL}", env))
    assert np.abs(plain - normalised(env)).max() > 1e-3


def test_a_wrapper_that_leaves_observations_alone_changes_nothing(env, tmp_path):
    named = beside(tmp_path, "vecnormalize.pkl", pickled(norm_obs=False))
    np.testing.assert_array_equal(actions(named, env), actions(f"sb3:{MODEL}", env))


class Harmful:
    def __reduce__(self):
        return Path.touch, (Path("harm"),)


@pytest.mark.parametrize(
    "content",
    [
        b"nothing",
        pickle.dumps({"obs_rms": "mean and variance"}),
        pickle.dumps(None),
        pickle.dumps(Harmful()),
        pickled(obs_rms={"state": 1}),
        pickled(obs_rms=Harmful()),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_and_runs_nothing(env, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    named = beside(tmp_path, "IP/vecnormalize.pkl", content)
    with pytest.raises(UserError, match=r"IP/vecnormalize\.pkl cannot be read.*vecnormalize=none") as caught:
        find_guide(named, env)
    assert "\n" not in str(caught.value) and not Path("harm").exists()
    assert actions(f"{named},vecnormalize=none", env).shape == (3, 1)


def test_statistics_of_other_steps_or_lost_ones_are_refused(env, tmp_path):
    named = beside(tmp_path, "rl_model_vecnormalize_500_steps.pkl", pickled(), "rl_model_1000_steps.zip")
    with pytest.raises(UserError, match=r"cannot be told.*500_steps"):
        find_guide(named, env)
    (tmp_path / "rl_model_vecnormalize_500_steps.pkl").unlink()
    (tmp_path / "config.yml").write_text("- - normalize\n  - true\n")
    with pytest.raises(UserError, match=r"config\.yml says"):
        find_guide(named, env)
    (tmp_path / "config.yml").write_text("- - normalize\n  - false\n")
    assert actions(named, env).shape == (3, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"actor.latent_pi.1.weight": np.ones(16), "actor.latent_pi.1.bias": np.ones(16)}, "latent_pi.1.weight"),
        ({"actor.features_extractor.linear.weight": np.ones((4, 4))}, "features_extractor.linear"),
        ({"actor.latent_pi.2.running_mean": np.ones(16)}, "running_mean"),
        ({"actor.mu.bias": np.array([1e300])}, "NaN or infinity in float32"),
    ],
)
def test_layers_that_are_not_understood_are_named(env, tmp_path, monkeypatch, change, words):
    from guided_rl.guides import sb3

    read = sb3.read_state_dict
    monkeypatch.setattr(sb3, "read_state_dict", lambda content: read(content) | change)
    with pytest.raises(UserError, match=words):
        find_guide(f"sb3:{MODEL}", env)


def test_another_extractor_of_features_is_refused(env, tmp_path):
    with zipfile.ZipFile(MODEL) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    settings = json.loads(parts["data"])
    settings["policy_kwargs"] = {"features_extractor_class": "<class 'mine.Scaled'>"}
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        for name, content in (parts | {"data": json.dumps(settings).encode()}).items():
            archive.writestr(name, content)
    with pytest.raises(UserError, match=r"mine\.Scaled"):
        find_guide(f"sb3:{tmp_path / 'm.zip'}", env)
