"""Demonstrations: equal rows per expert, whole transitions, kept by recipe and checked on reading."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.data.replay import Layout
from guided_rl.datasets import demonstrations
from guided_rl.datasets.demonstrations import collect, play
from guided_rl.envs import make
from guided_rl.guides import Guide
from guided_rl.runtime.errors import UserError

# One pendulum falls at once, one is balanced by a linear controller.
GAINS = jnp.array([[0.0, 0.0, 0.0, 0.0], [0.3, 3.0, 0.3, 0.5]])
BALANCE = Guide(GAINS, lambda gain, obs, key: jnp.tanh(gain @ obs)[None], name="balance", size=2, source="gains")
EPISODES = 2


@pytest.fixture(scope="module")
def env():
    return make("InvertedPendulum-v5", "native")


@pytest.fixture(scope="module")
def rows(env):
    return play(BALANCE, env, EPISODES, seed=0)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_RL_CACHE", str(tmp_path))
    return tmp_path / "demonstrations"


def test_every_expert_gives_as_many_rows(env, rows):
    assert rows.shape == (2, EPISODES * env.episode_length, Layout.of(4, 1).width)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()


def test_rows_are_what_the_expert_did(env, rows):
    columns = Layout.of(4, 1).unpack(rows)
    expected = np.tanh(np.einsum("nro,no->nr", columns["obs"], GAINS))
    np.testing.assert_allclose(columns["action"][..., 0], expected, atol=1e-6)


def test_an_early_end_is_followed_by_a_fresh_episode(env, rows):
    columns = Layout.of(4, 1).unpack(rows.reshape(2, EPISODES, env.episode_length, -1))
    ended = columns["terminated"][:, :, :-1] > 0
    assert ended[0].sum() > 20, "the first falls again and again"
    follows = np.all(columns["next_obs"][:, :, :-1] == columns["obs"][:, :, 1:], axis=-1)
    np.testing.assert_array_equal(follows, ~ended)
    assert np.abs(columns["obs"][:, :, 1:][ended]).max() <= 0.011, "fresh starts"


def test_they_are_made_once(env, cache, monkeypatch):
    first = collect(BALANCE, env, 1)
    monkeypatch.setattr(demonstrations, "play", lambda *arguments: pytest.fail("made twice"))
    np.testing.assert_array_equal(collect(BALANCE, env, 1), first)
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("change", [{"episodes": 2}, {"seed": 1}, {"guide": BALANCE.replace(source="others")}])
def test_another_recipe_is_another_file(env, cache, change, monkeypatch):
    monkeypatch.setattr(demonstrations, "play", lambda guide, env, episodes, seed: np.zeros((1, episodes, 3)))
    recipe = {"guide": BALANCE, "env": env, "episodes": 1, "seed": 0}
    collect(**recipe)
    collect(**{**recipe, **change})
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("damage", [lambda b: b[:100], lambda b: b[:-900] + bytes(800) + b[-100:], lambda b: b""])
def test_an_altered_file_is_made_again(env, cache, damage):
    first = collect(BALANCE, env, 1)
    (path,) = cache.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="truncated or altered"):
        again = collect(BALANCE, env, 1)
    np.testing.assert_array_equal(again, first)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collect(BALANCE, env, 1)


def test_an_unwritable_cache_only_costs_time(env, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GUIDED_RL_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="not kept"):
        assert collect(BALANCE, env, 1).shape[0] == 2


def test_guides_of_unknown_source_are_played_anew(env, cache):
    collect(BALANCE.replace(source=None), env, 1)
    assert not cache.exists()


@pytest.mark.parametrize("episodes", [0, -3, 1001])
def test_a_senseless_number_of_episodes_is_refused(env, episodes):
    with pytest.raises(UserError, match="from 1 to 1000"):
        collect(BALANCE, env, episodes)
