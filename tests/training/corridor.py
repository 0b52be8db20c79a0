"""A world of one number for tests, named `{__file__}:corridor`, and who walks it."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from guided_rl.envs.jax_env import JaxTask

LENGTH = 10
WALKED = 2.5  # what `forwards` returns: 0.1 … 0.5, back to 0, 0.1 … 0.4


def corridor() -> JaxTask:
    """x moves by a tenth of the action and is the reward. Passing 0.45 is success, and leads back to 0."""
    return JaxTask(
        name="corridor",
        twin="none",
        action_size=1,
        start=lambda key: jnp.zeros(1),
        advance=lambda x, action: jnp.where(x > 0.45, 0.0, x + 0.1 * action),
        observe=lambda x: x,
        reward=lambda before, action, after: (after[0], {"success": (after[0] > 0.45).astype(jnp.float32)}),
        terminated=lambda x: jnp.bool_(False),
        episode_length=LENGTH,
    )


def forwards(obs: jax.Array) -> jax.Array:
    """Always 1, so that 0.45 is passed in the fifth step."""
    return jnp.ones(1)
