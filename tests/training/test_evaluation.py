"""What an evaluation plays."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.training.run import Run
from tests.training.small import small

pytestmark = pytest.mark.trains


def returns(act) -> np.ndarray:
    """Returns [points, ...] where the policy's action is `act(step)`, whatever was learned."""
    run = Run(small(seeds=2))
    policies = {"policy": lambda agent, obs, key, ctx: jnp.full(1, act(ctx.step))}
    run.method = dataclasses.replace(run.method, policies=policies)
    return run.execute(None, (), 1e9).history.evaluation["episode_return"]


def test_schedules_are_those_of_the_last_step_taken():
    """What begins with step 60 has not acted yet at the evaluation after 60 steps, and has at the next."""
    changing, constant = returns(lambda step: jnp.where(step < 60, 0.0, 1.0)), returns(lambda step: 0.0)
    np.testing.assert_array_equal(changing[0], constant[0])
    assert (changing[1:] < constant[1:]).all()
