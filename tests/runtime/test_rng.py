"""Our unrolled Threefry is JAX's, bit for bit, and its normals are normal."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from guided_rl.runtime import rng


def both(seed: int) -> tuple[jax.Array, jax.Array]:
    return jax.random.key(seed, impl=rng.KEYS), jax.random.key(seed, impl="threefry2x32")


def same_keys(ours: jax.Array, theirs: jax.Array) -> bool:
    return np.array_equal(jax.random.key_data(ours), jax.random.key_data(theirs))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), data=st.integers(0, 2**31 - 1))
def test_keys_are_those_of_jax(seed, data):
    ours, theirs = both(seed)
    assert same_keys(ours, theirs)
    assert same_keys(jax.random.fold_in(ours, data), jax.random.fold_in(theirs, data))
    assert same_keys(jax.random.split(ours), jax.random.split(theirs))
    assert same_keys(jax.random.split(ours, (3, 2)), jax.random.split(theirs, (3, 2)))


@pytest.mark.parametrize("shape", [(), (1,), (7,), (64,), (65,), (128, 6), (3, 5, 7)])
def test_numbers_are_those_of_jax(shape):
    ours, theirs = both(5)
    np.testing.assert_array_equal(jax.random.bits(ours, shape), jax.random.bits(theirs, shape))
    np.testing.assert_array_equal(jax.random.uniform(ours, shape), jax.random.uniform(theirs, shape))
    np.testing.assert_array_equal(
        jax.random.randint(ours, shape, 0, 12345), jax.random.randint(theirs, shape, 0, 12345)
    )
    np.testing.assert_array_equal(jax.random.bits(ours, shape, jnp.uint16), jax.random.bits(theirs, shape, jnp.uint16))


@pytest.mark.parametrize("shape", [(6,), (128, 6)])
def test_a_members_numbers_do_not_depend_on_the_crowd(shape):
    draw = lambda seed: rng.normal(jax.random.fold_in(jax.random.key(0, impl=rng.KEYS), seed), shape)
    crowd = jax.jit(jax.vmap(draw))(jnp.arange(9))
    np.testing.assert_array_equal(crowd[3], jax.jit(jax.vmap(draw))(jnp.arange(3, 4))[0])


@pytest.mark.parametrize("seed", range(3))
def test_normals_are_normal(seed):
    sample = np.asarray(rng.normal(jax.random.key(seed), (400_000,)), np.float64)
    assert np.isfinite(sample).all()
    assert stats.kstest(sample, "norm").pvalue > 1e-3
    moments = [np.mean(sample**k) for k in (1, 2, 3, 4)]
    errors = [np.std(sample**k) / np.sqrt(sample.size) for k in (1, 2, 3, 4)]
    assert np.all(np.abs(np.subtract(moments, (0, 1, 0, 3))) < 4 * np.array(errors))
    tail = np.mean(np.abs(sample) > 3.5)
    assert abs(tail - 2 * stats.norm.sf(3.5)) < 4 * np.sqrt(tail / sample.size)
    assert abs(np.corrcoef(sample[:-1], sample[1:])[0, 1]) < 4 / np.sqrt(sample.size)
