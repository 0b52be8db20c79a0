"""What learners rely on: masks, separate endings, clear refusals, reference returns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import guided_rl.envs.reference_returns as references
from guided_rl.data import rollout
from guided_rl.envs import TASKS, make
from guided_rl.runtime.errors import UserError


@pytest.fixture(scope="module", params=["native"])
def env(request):
    return make("InvertedPendulum-v5", request.param)


def population(env, n=5):
    return jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), n))


def test_an_inactive_simulation_rests(env):
    state = population(env)
    active = jnp.array([True, False, True, False, False])
    after = jax.jit(jax.vmap(env.step))(state, jnp.ones((5, 1)), active)
    moved = np.any(np.asarray(after.pipeline_state.raw != state.pipeline_state.raw), axis=1)
    np.testing.assert_array_equal(moved, active)
    np.testing.assert_array_equal(after.info["step"], active.astype(int))


def test_done_stays_set_while_resting(env):
    state = jax.jit(env.init)(np.float32([0, 0.5]), np.zeros(2, np.float32))
    step = jax.jit(env.step)
    fallen = step(state, jnp.zeros(1))
    assert float(fallen.done) == 1.0
    assert float(step(fallen, jnp.ones(1), False).done) == 1.0


def test_reset_where_touches_only_the_masked(env):
    state = jax.jit(jax.vmap(env.step))(population(env), jnp.ones((5, 1)))
    mask = jnp.array([False, True, False, False, True])
    after = jax.jit(jax.vmap(env.reset_where))(mask, state, jax.random.split(jax.random.key(1), 5))
    for leaf, before in zip(jax.tree.leaves(after), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(np.asarray(leaf)[~mask], np.asarray(before)[~mask])
    np.testing.assert_array_equal(np.asarray(after.info["step"])[mask], 0)
    assert np.any(np.asarray(after.obs)[mask] != np.asarray(state.obs)[mask])


def test_init_starts_where_it_is_told(env):
    state = jax.jit(env.init)(np.float32([0.25, -0.125]), np.float32([0.5, -1]))
    np.testing.assert_array_equal(state.obs, np.float32([0.25, -0.125, 0.5, -1]))


@pytest.mark.parametrize(
    "name, physics, hint",
    [
        ("Hoper-v5", "auto", "Hopper-v5"),
        ("halfcheetah-v5", "native", "HalfCheetah-v5"),
        ("Hopper-v5", "natve", "native"),
        ("brax:hoper", "auto", "hopper"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(name, physics, hint):
    with pytest.raises(UserError, match=hint):
        make(name, physics)


@pytest.mark.parametrize("name", TASKS)
def test_references_name_their_source(name):
    reference = references.REFERENCES[name]
    assert reference.random.source
    assert reference.random.stderr > 0 or reference.random.mean == 0  # a maze's random policy never succeeds


def test_random_reference_can_be_measured_again():
    returns = rollout.measure_random(make("Hopper-v5", "native"), episodes=300, seed=5)
    reference = references.REFERENCES["Hopper-v5"].random
    error = np.hypot(returns.std(ddof=1) / np.sqrt(300), reference.stderr)
    assert abs(returns.mean() - reference.mean) < 4 * error


def test_zero_action_reference_can_be_measured_again():
    """Standing still, the hopper falls later than it does at random."""
    returns = rollout.measure_zero(make("Hopper-v5", "native"), episodes=100, seed=5)
    reference = references.REFERENCES["Hopper-v5"]
    error = np.hypot(returns.std(ddof=1) / np.sqrt(100), reference.zero.stderr)
    assert abs(returns.mean() - reference.zero.mean) < 4 * error
    assert reference.floor is reference.zero


@pytest.mark.parametrize("name", TASKS)
def test_every_floor_is_the_better_of_random_and_zero_action_beyond_noise(name):
    reference = references.REFERENCES[name]
    assert reference.zero is not None or reference.random.mean == 0  # a maze's: nobody succeeds
    if reference.zero is not None:
        gap = reference.zero.mean - reference.random.mean
        clear = gap > 3 * np.hypot(reference.zero.stderr, reference.random.stderr)
        assert reference.floor is (reference.zero if clear else reference.random)


def test_standing_still_beats_chance_on_all_gymnasium_bodies():
    for body in ("HalfCheetah", "Hopper", "Walker2d", "Ant", "Humanoid"):
        assert references.REFERENCES[f"{body}-v5"].floor is references.REFERENCES[f"{body}-v5"].zero


def test_normalised_scale(monkeypatch):
    random = references.Return(-10.0, 1.0, "test")
    known = references.Reference(random, expert=references.Return(90.0, 1.0, "test"))
    monkeypatch.setitem(references.REFERENCES, "Known", known)
    monkeypatch.setitem(references.REFERENCES, "Unknown expert", references.Reference(random))
    np.testing.assert_allclose(references.normalised("Known", [-10.0, 40.0, 90.0]), [0, 50, 100])
    zero, expert = references.Return(50.0, 1.0, "test"), references.Return(90.0, 1.0, "test")
    still = references.Reference(random, expert, zero=zero)
    monkeypatch.setitem(references.REFERENCES, "Standing still pays", still)
    np.testing.assert_allclose(references.normalised("Standing still pays", [50.0, 70.0, 90.0]), [0, 50, 100])
    poor = references.Reference(random, random, zero=zero)
    monkeypatch.setitem(references.REFERENCES, "Poor expert", poor)
    with pytest.raises(UserError, match="no more than a policy without learning"):
        references.normalised("Poor expert", 1.0)
    with pytest.raises(UserError, match="no expert return"):
        references.normalised("Unknown expert", 1.0)
    with pytest.raises(UserError, match="HalfCheetah-v5"):
        references.normalised("HalfCheeta-v5", 1.0)
