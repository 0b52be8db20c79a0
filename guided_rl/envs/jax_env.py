"""Worlds whose whole physics is a few lines of JAX: the same shape as a MuJoCo `Task`, no engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.envs.base import Metrics, State, begun, fail_where, stepped
from guided_rl.envs.spaces import Box, Discrete, Space
from guided_rl.physics.base import select

World = Any


@dataclass(frozen=True, eq=False)
class JaxTask:
    """One world, independent of learners; a `World` is any pytree of arrays.

    Attributes:
      name: the task's public name.
      twin: where it comes from.
      action_size: actions are [action_size] in [-1, 1], or one of so many where `discrete`.
      start: `rng -> World`, the reset distribution.
      advance: `(World, action) -> World`, one control step.
      observe: `World -> obs [observation]`.
      reward: `(before, action, after) -> (reward, terms)`.
      terminated: `World -> bool`, true when the episode ends in failure.
      episode_length: control steps until truncation.
      dt: seconds per control step.
      discrete: actions are int32 scalars, 0 to action_size - 1.
      demonstrated_in: the task with the same worlds in which its expert's traces are made, where the expert has
        actions that this one lacks; empty for the task itself.
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
    discrete: bool = False
    demonstrated_in: str = ""

    @property
    def action_space(self) -> Space:
        return Discrete(self.action_size) if self.discrete else Box(self.action_size)

    @property
    def action_like(self) -> jax.ShapeDtypeStruct:
        """Shape and type of one action."""
        return jax.ShapeDtypeStruct(() if self.discrete else (self.action_size,), self.action_space.dtype)


class JaxEnv:
    """A `JaxTask` behind the suite's `Env` interface; no physics engine takes part."""

    backend = "jax"

    def __init__(self, task: JaxTask):
        self.task = task
        self.name, self.action_size, self.episode_length = task.name, task.action_size, task.episode_length
        self.dt, self.action_space = task.dt, task.action_space
        self.observation_size = jax.eval_shape(self.reset, jax.random.key(0)).obs.shape[-1]

    @property
    def unwrapped(self) -> JaxEnv:
        return self

    def reset(self, rng: jax.Array) -> State:
        """A fresh episode from the task's reset distribution."""
        return self.init(self.task.start(rng))

    def init(self, world: World) -> State:
        """A fresh episode from a given world."""
        like = self.task.action_like
        return begun(self.task, world, jnp.zeros(like.shape, like.dtype))

    def step(self, state: State, action: jax.Array, active: jax.Array | bool = True) -> State:
        """One control step; where not `active` the world rests and `done` stays set."""
        before, taken = state.pipeline_state, self._within(action)
        after = select(jnp.asarray(active), self.task.advance(before, taken), before)
        lost = action != taken if self.task.discrete else ~jnp.isfinite(action).all()
        return fail_where(jnp.asarray(active) & lost, stepped(self.task, state, taken, after, active))

    def _within(self, action: jax.Array) -> jax.Array:
        """The action of the space that is nearest to `action`."""
        if self.task.discrete:
            return jnp.clip(action, 0, self.action_size - 1).astype(jnp.int32)
        return jnp.clip(action, -1.0, 1.0)

    def reset_where(self, mask: jax.Array, state: State, rng: jax.Array) -> State:
        """`state` with a freshly drawn start where `mask`; the last reward and metrics are kept."""
        fresh = self.reset(rng)
        fresh = fresh.replace(reward=state.reward, metrics=state.metrics, info={**state.info, **fresh.info})
        return select(mask, fresh, state)
