"""dm_control's reward shaping against dm_control's own, over its whole range of arguments."""

import numpy as np
import pytest
from dm_control.utils import rewards
from hypothesis import given, settings
from hypothesis import strategies as st

from guided_rl.envs.dm_control_suite import SIGMOIDS, tolerance

numbers = st.floats(-20, 20, width=32)
normal = st.floats(-20, 20, width=32, allow_subnormal=False)  # XLA takes the others for 0


@pytest.mark.parametrize("sigmoid", sorted(SIGMOIDS))
@settings(max_examples=40, deadline=None)
@given(x=numbers, low=numbers, width=st.floats(0, 10, width=32), margin=st.floats(0.125, 10, width=32), edge=numbers)
def test_tolerance_is_dm_controls(sigmoid, x, low, width, margin, edge):
    at_margin = 0.05 + 0.9 * (edge + 20) / 40
    low, high = np.float32(low), np.float32(low) + np.float32(width)
    theirs = rewards.tolerance(np.float64(x), (low, high), margin, sigmoid, at_margin)
    np.testing.assert_allclose(tolerance(np.float32(x), low, high, margin, sigmoid, at_margin), theirs, atol=2e-5)


@given(x=normal, bound=normal)
def test_without_a_margin_it_is_inside_or_out(x, bound):
    low, high = min(bound, 0.0), max(bound, 0.0)
    assert float(tolerance(np.float32(x), low, high)) == rewards.tolerance(x, (low, high))
