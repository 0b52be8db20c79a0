"""Behaviour cloning: it finds a policy that an MLP can be, and folds its standardisation away."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experts.clone import Cloning, clone
from guided_rl.data.replay import Layout
from guided_rl.guides.expert_weights import bc_action

LAYOUT = Layout.of(5, 2)
ROWS = 1500


@pytest.fixture(scope="module")
def rows():
    """Two experts, tanh of a linear map each; entries of very different scale, the last constant."""
    draw = np.random.default_rng(0)
    obs = draw.normal(size=(2, ROWS, 5)) * [1, 10, 0.1, 1, 0] + [0, 50, 0, -3, 7]
    weights = draw.normal(size=(2, 5, 2)) / np.array([1, 10, 0.1, 1, 1])[:, None]
    action = np.tanh(np.einsum("nro,noa->nra", obs - obs.mean(1, keepdims=True), weights))
    other = np.zeros((2, ROWS, LAYOUT.width - 7))
    return np.concatenate([obs, action, other], axis=-1).astype(np.float32)


@pytest.fixture(scope="module")
def cloned(rows):
    return clone(rows, LAYOUT, (32, 32), how=Cloning(batch=64, epochs=60))


def test_clones_do_what_their_own_expert_does(rows, cloned):
    layers, report = cloned
    columns = LAYOUT.unpack(jnp.asarray(rows))
    advise = jax.vmap(lambda one, obs: jax.vmap(lambda o: bc_action(one, o, None))(obs))
    error = np.mean((advise(layers, columns["obs"]) - columns["action"]) ** 2, axis=(1, 2))
    assert (error < 0.01).all()
    crossed = advise(layers, columns["obs"][::-1]) - columns["action"][::-1]
    assert (np.mean(crossed**2, axis=(1, 2)) > 0.1).all()
    held = advise(layers, columns["obs"][:, -150:]) - columns["action"][:, -150:]
    np.testing.assert_allclose(report["validation_error"], np.mean(held**2, axis=(1, 2)), rtol=1e-2)


def test_clones_are_plain_mlps_of_raw_observations(cloned):
    layers, _ = cloned
    assert [layer["kernel"].shape for layer in layers] == [(2, 5, 32), (2, 32, 32), (2, 32, 2)]
    assert all(set(layer) == {"kernel", "bias"} for layer in layers)


def test_what_never_varied_has_no_say(cloned):
    assert np.all(cloned[0][0]["kernel"][:, -1] == 0)


def test_it_stops_when_validation_no_longer_improves(rows):
    noise = np.random.default_rng(1).uniform(-1, 1, (2, ROWS, 2)).astype(np.float32)
    rows = np.concatenate([rows[..., :5], noise, rows[..., 7:]], axis=-1)
    _, report = clone(rows, LAYOUT, (32, 32), how=Cloning(batch=64, epochs=60, patience=3))
    assert (report["epochs"] < 20).all()


def test_a_few_rows_are_enough_to_run(rows):
    layers, _ = clone(rows[:, :40], LAYOUT, (8,), how=Cloning(epochs=2))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(layers))
