"""Worlds whose whole physics is a few lines of JAX: the same shape as a MuJoCo `Task`, no engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.envs.base import Metrics, State, begun, fail_without_action, stepped
from guided_rl.envs.spaces import Box
from guided_rl.physics.base import select

World = Any


@dataclass(frozen=True, eq=False)
class JaxTask:
    """One world, independent of learners; a `World` is any pytree of arrays.

    Attributes:
      name: the task's public name.
      twin: where it comes from.
      action_size: actions are [action_size] in [-1, 1].
      start: `rng -> World`, the reset distribution.
      advance: `(World, action) -> World`, one control step.
      observe: `World -> obs [observation]`.
      reward: `(before, action, after) -> (reward, terms)`.
      terminated: `World -> bool`, true when the episode ends in failure.
      episode_length: control steps until truncation.
      dt: seconds per control step.
    """

    name: str
    twin: str
    action_size: int
    start: Callable[[jax.Array], World]
    advance: Callable[[World, jax.Array], World]
    observe: Callable[[World], jax.Array]
    reward: Callable[[World, jax.Array, World], tuple[jax.Array, Metrics]]
    terminated: Callable[[World], jax.Array]
    episode_length: int = 1000
    dt: float = 1.0


class JaxEnv:
    """A `JaxTask` behind the suite's `Env` interface; no physics engine takes part."""

    backend = "jax"

    def __init__(self, task: JaxTask):
        self.task = task
        self.name, self.action_size, self.episode_length = task.name, task.action_size, task.episode_length
        self.dt, self.action_space = task.dt, Box(task.action_size)
        self.observation_size = jax.eval_shape(self.reset, jax.random.key(0)).obs.shape[-1]

    @property
    def unwrapped(self) -> JaxEnv:
        return self

    def reset(self, rng: jax.Array) -> State:
        """A fresh episode from the task's reset distribution."""
        return self.init(self.task.start(rng))

    def init(self, world: World) -> State:
        """A fresh episode from a given world."""
        return begun(self.task, world, jnp.zeros(self.action_size))

    def step(self, state: State, action: jax.Array, active: jax.Array | bool = True) -> State:
        """One control step; where not `active` the world rests and `done` stays set."""
        before, action = state.pipeline_state, jnp.clip(action, -1.0, 1.0)
        after = select(jnp.asarray(active), self.task.advance(before, action), before)
        return fail_without_action(stepped(self.task, state, action, after, active), action, active)

    def reset_where(self, mask: jax.Array, state: State, rng: jax.Array) -> State:
        """`state` with a freshly drawn start where `mask`; the last reward and metrics are kept."""
        fresh = self.reset(rng)
        fresh = fresh.replace(reward=state.reward, metrics=state.metrics, info={**state.info, **fresh.info})
        return select(mask, fresh, state)
