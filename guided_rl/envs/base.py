"""Environments as pure functions, in the shape of `brax.envs.base.Env`.

A `Task` is data: a simulation and four pure functions. `MujocoEnv` turns one into
`reset(rng) -> State` and `step(state, action) -> State` over either physics engine.
Methods act on one environment; `jax.vmap` makes many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from flax import struct

from guided_rl.envs.spaces import Box, Space
from guided_rl.physics.base import Data, Engine, Simulation, select
from guided_rl.runtime.errors import UserError

Metrics = dict[str, jax.Array]


class State(struct.PyTreeNode):
    """What an environment carries, with the field names brax uses.

    `done` is 1.0 when the episode ends for any reason; `info["truncation"]` is 1.0 when it
    ended by the time limit alone, and then `obs` is the true final observation, from which
    a learner bootstraps. `info["step"]` counts the control steps of this episode.
    """

    pipeline_state: Any
    obs: jax.Array
    reward: jax.Array
    done: jax.Array
    metrics: Metrics
    info: dict[str, jax.Array]


class Env(Protocol):
    """What the learner needs of an environment."""

    name: str
    observation_size: int
    action_size: int
    episode_length: int

    @property
    def action_space(self) -> Space: ...

    @property
    def backend(self) -> str: ...

    def __hash__(self) -> int: ...

    def reset(self, rng: jax.Array) -> State: ...

    def step(self, state: State, action: jax.Array, active: jax.Array | bool = True) -> State: ...

    def reset_where(self, mask: jax.Array, state: State, rng: jax.Array) -> State: ...


@dataclass(frozen=True, eq=False)
class Task:
    """One MuJoCo task, independent of engine and learner.

    Attributes:
      name: the task's public name.
      twin: where it comes from and is compared with, such as `gymnasium:Hopper-v5`.
      simulation: model, frame skip and the fields that the functions below read.
      start: `rng -> (qpos [nq], qvel [nv])`, the reset distribution.
      observe: `Data -> obs [observation]`.
      reward: `(before, ctrl [nu], after) -> (reward, terms)`, ctrl in the model's units.
      terminated: `Data -> bool`, true when the episode ends in failure.
      episode_length: control steps until truncation.
    """

    name: str
    twin: str
    simulation: Simulation
    start: Callable[[jax.Array], tuple[jax.Array, jax.Array]]
    observe: Callable[[Data], jax.Array]
    reward: Callable[[Data, jax.Array, Data], tuple[jax.Array, Metrics]]
    terminated: Callable[[Data], jax.Array]
    episode_length: int = 1000


class MujocoEnv:
    """A `Task` on an `Engine`. Actions are in [-1, 1], scaled to the model's range."""

    def __init__(self, task: Task, engine: Engine):
        self.task, self.engine = task, engine
        self.name, self.episode_length = task.name, task.episode_length
        self._centre, self._half = control_range(task.simulation.model, task.name)
        self.action_size = task.simulation.model.nu
        self.action_space = Box(self.action_size)
        self.observation_size = jax.eval_shape(self.reset, jax.random.key(0)).obs.shape[-1]

    @property
    def unwrapped(self) -> MujocoEnv:
        return self

    @property
    def backend(self) -> str:
        return self.engine.name

    @property
    def dt(self) -> float:
        """Seconds per control step."""
        return self.task.simulation.model.opt.timestep * self.task.simulation.frame_skip

    def reset(self, rng: jax.Array) -> State:
        """A fresh episode from the task's reset distribution."""
        return begun(self.task, self.engine.init(*self.task.start(rng), settle=True), jnp.zeros(self.action_size))

    def init(self, qpos: jax.Array, qvel: jax.Array) -> State:
        """A fresh episode from exactly this start, `qpos` [nq] and `qvel` [nv]."""
        return begun(self.task, self.engine.init(qpos, qvel), jnp.zeros(self.action_size))

    def step(self, state: State, action: jax.Array, active: jax.Array | bool = True) -> State:
        """One control step; where not `active` the physics rests and `done` stays set."""
        ctrl = self.ctrl(action)
        after = self.engine.step(state.pipeline_state, ctrl, active)
        return stepped(self.task, state, ctrl, after, active)

    def reset_where(self, mask: jax.Array, state: State, rng: jax.Array) -> State:
        """`state` with a freshly drawn start where `mask`; the last reward is kept."""
        qpos, qvel = self.task.start(rng)
        data = self.engine.reset_where(mask, state.pipeline_state, qpos, qvel)
        return state.replace(
            pipeline_state=data,
            obs=jnp.where(mask, self.task.observe(data), state.obs),
            done=jnp.where(mask, 0.0, state.done),
            info={
                **state.info,
                "truncation": jnp.where(mask, 0.0, state.info["truncation"]),
                "step": jnp.where(mask, 0, state.info["step"]),
            },
        )

    def ctrl(self, action: jax.Array) -> jax.Array:
        """Model controls for an action in [-1, 1]."""
        return jnp.clip(action, -1.0, 1.0) * self._half + self._centre


def control_range(model: mujoco.MjModel, task: str) -> tuple[np.ndarray, np.ndarray]:
    """Centre and half width [nu] of the controls that actions in [-1, 1] are scaled to.

    Raises:
      UserError: the model has no actuator, or one without a finite range, to which no action could be scaled.
    """
    if not model.nu:
        raise UserError(f"the model of {task} has no actuator, so that no action can move it; add one with a ctrlrange")
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = np.asarray(model.actuator_ctrlrange, np.float32).T
        centre, half = (high + low) / 2, (high - low) / 2
    dead = np.flatnonzero(~(np.isfinite(centre) & np.isfinite(half) & (half > 0)))
    if dead.size:
        named = [repr(model.actuator(i).name) if model.actuator(i).name else f"number {i}" for i in dead]
        raise UserError(
            f"the model of {task} gives no range of controls, to which actions in [-1, 1] could be scaled, for its "
            f'actuator {", ".join(named)}; write a finite one, such as ctrlrange="-1 1"'
        )
    return centre, half


def refuse_too_many(env: Env, simulations: int) -> None:
    """Refuse more simulations on a device than the engine can step in one call.

    Raises:
      UserError: they are too many.
    """
    most = env.engine.most_at_once if isinstance(env, MujocoEnv) else simulations
    if simulations > most:
        raise UserError(
            f"{env.backend} on a CPU can hang where it steps more than {most} simulations of {env.name} at once on a "
            f"device, and this run would step {simulations}; use --physics native, or fewer seeds or --episodes"
        )


def begun(task: Any, world: Any, control: jax.Array) -> State:
    """A fresh episode of `task` in `world`; `control` is any of the task's, for its shape."""
    zero = jnp.float32(0)
    terms = jax.eval_shape(lambda: task.reward(world, control, world)[1])
    metrics = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), terms)
    return State(world, task.observe(world), zero, zero, metrics, {"truncation": zero, "step": jnp.int32(0)})


def stepped(task: Any, state: State, control: jax.Array, after: Any, active: jax.Array | bool) -> State:
    """`state` once `control` has led to the world `after`: what is observed, earned and ended.

    `task` has `observe`, `reward`, `terminated` and `episode_length`, as `Task` has them.
    """
    reward, terms = task.reward(state.pipeline_state, control, after)
    terminated = task.terminated(after)
    step = state.info["step"] + jnp.int32(active)
    # Brax's EpisodeWrapper counts `steps` and truncates by itself; ending twice would look like failure.
    limited = "steps" not in state.info
    timeout = (step >= task.episode_length) & ~terminated & limited
    return state.replace(
        pipeline_state=after,
        obs=task.observe(after),
        reward=reward,
        done=(terminated | timeout).astype(jnp.float32),
        metrics={**state.metrics, **terms},
        info={**state.info, "truncation": timeout.astype(jnp.float32), "step": step},
    )


def fail_where(lost: jax.Array, state: State) -> State:
    """`state`, failed where the action was `lost`, one that the world would take for some other: its reward is NaN."""
    return state.replace(reward=jnp.where(lost, jnp.nan, state.reward))


def restore_where(mask: jax.Array | bool, state: State, stored: State) -> State:
    """`state` put back to `stored`, a state of the same environment, where `mask`; vmap it for many.

    World, observation, clock, and whether the episode has ended are the stored ones, so that the same actions lead to
    the same steps, bit for bit, and the time limit comes when it would have come. As in `reset_where`, the last reward
    and metrics are kept. Leaves of `stored` may be NumPy arrays, such as those read from a file.
    """
    return select(jnp.asarray(mask), stored.replace(reward=state.reward, metrics=state.metrics), state)


def uniform_start(model: mujoco.MjModel, noise: float, velocity: str = "uniform"):
    """Gymnasium's usual reset: qpos0 + U(±noise); qvel U(±noise), or noise · N(0, 1)."""
    qpos0 = np.asarray(model.qpos0, np.float32)

    def start(rng: jax.Array) -> tuple[Any, jax.Array]:
        position, speed = jax.random.split(rng)
        qpos = qpos0 + jax.random.uniform(position, (model.nq,), minval=-noise, maxval=noise)
        if velocity == "normal":
            return qpos, noise * jax.random.normal(speed, (model.nv,))
        return qpos, jax.random.uniform(speed, (model.nv,), minval=-noise, maxval=noise)

    return start
