"""Any brax environment, named `brax:<name>`, behind this suite's `Env` interface.

Episode length, truncation and the step count are kept here, so that a truncated step is
told apart from a failure and leaves the true final observation, as in `MujocoEnv`.

The other way round needs no adapter: any environment of ours works behind brax's own wrappers
(`brax.envs.training.wrap`), and brax's agents take it with `wrap_env_fn=brax.envs.training.wrap`.
But the agents of the pinned brax 0.14 do not start under JAX 0.10, on brax's own environments neither:
they call `jax.device_put_replicated`, which JAX removed. `tests/envs/test_brax.py` puts it back and trains one.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

import guided_rl.physics.mjx  # noqa: F401  brax imports MJX, which this module does without its printing
from guided_rl.envs.base import State, fail_where
from guided_rl.envs.spaces import Box
from guided_rl.physics.base import select
from guided_rl.runtime.errors import unknown_name
from guided_rl.runtime.optional import BRAX


class BraxEnv:
    """The brax environment `name`, 1,000 steps an episode, actions in [-1, 1] as brax has them.

    Args:
      name: as in `brax.envs`, such as `halfcheetah`.
      options: passed to the brax environment, such as `backend="spring"`.

    Raises:
      UserError: brax is not installed, or has no environment of that name; the nearest ones are in the sentence.
    """

    episode_length = 1000

    def __init__(self, name: str, **options: Any):
        BRAX.require()
        from brax import envs

        if name not in envs._envs:
            raise unknown_name("brax environment", name, envs._envs)
        self.name, self._env = f"brax:{name}", envs.get_environment(name, **options)
        self.observation_size = int(self._env.observation_size)
        self.action_size = int(self._env.action_size)
        self.action_space = Box(self.action_size)

    @property
    def unwrapped(self) -> BraxEnv:
        return self

    @property
    def backend(self) -> str:
        return self._env.backend

    @property
    def dt(self) -> float:
        """Seconds per control step."""
        return float(self._env.dt)

    def reset(self, rng: jax.Array) -> State:
        """A fresh episode from the environment's own reset distribution."""
        start = self._env.reset(rng)
        info = {**start.info, "truncation": jnp.float32(0), "step": jnp.int32(0)}
        zero = jnp.float32(0)
        return State(start.pipeline_state, start.obs, zero, zero, start.metrics, info)

    def step(self, state: State, action: jax.Array, active: jax.Array | bool = True) -> State:
        """One control step; where not `active` everything stays as it was."""
        after = self._env.step(state, jnp.clip(action, -1.0, 1.0))
        terminated = after.done > 0
        step = state.info["step"] + 1
        timeout = (step >= self.episode_length) & ~terminated
        after = after.replace(
            done=(terminated | timeout).astype(jnp.float32),
            info={**after.info, "truncation": timeout.astype(jnp.float32), "step": step},
        )
        return select(jnp.asarray(active), fail_where(~jnp.isfinite(action).all(), after), state)

    def reset_where(self, mask: jax.Array, state: State, rng: jax.Array) -> State:
        """`state` with a freshly drawn start where `mask`; the last reward and metrics are kept."""
        fresh = self.reset(rng).replace(reward=state.reward, metrics=state.metrics)
        return select(mask, fresh, state)
