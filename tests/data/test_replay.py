"""Replay rows: packed and named again, scalars without an axis and vectors with one, however short."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.data.replay import Layout

SHAPES = {"obs": (3,), "action": (1,), "reward": (), "terminated": (), "next_obs": (3,)}


@pytest.mark.parametrize("extra, shapes", [({}, {}), ({"guided": 1, "cost": 0, "pair": 2}, {"guided": 1, "pair": 2})])
def test_rows_come_back_in_the_shapes_they_had(extra, shapes):
    """A vector of one entry stays one, as the guide's action on the cart-pole must."""
    expected = {**SHAPES, **{name: (shapes[name],) if name in shapes else () for name in extra}}
    layout, generator = Layout.of(3, 1, extra), np.random.default_rng(0)
    rows = {name: jnp.asarray(generator.normal(size=shape), jnp.float32) for name, shape in expected.items()}
    packed = jnp.stack([layout.pack(rows)] * 2)
    assert packed.shape == (2, layout.width) == (2, sum(int(np.prod(shape)) for shape in expected.values()))
    for name, column in layout.unpack(packed).items():
        assert column.shape == (2, *expected[name])
        np.testing.assert_array_equal(column[1], rows[name])


def test_without_columns_of_its_own_every_layout_of_a_task_is_the_same():
    assert Layout.of(3, 1) == Layout.of(3, 1, {})
    assert Layout.of(3, 1) != Layout.of(3, 1, {"cost": 0}) != Layout.of(3, 1, {"cost": 1})
