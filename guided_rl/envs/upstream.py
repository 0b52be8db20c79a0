"""The environments that our tasks are transcribed from, behind one small interface."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium
import mujoco
import numpy as np

from guided_rl.envs import TASKS


@dataclass(frozen=True)
class UpstreamStep:
    """One step of a twin; `terms` are the parts of the reward that it reports."""

    observation: np.ndarray
    reward: float
    terminated: bool
    truncated: bool
    terms: dict[str, float]


class Twin(Protocol):
    """`model` and `data` are the twin's own MuJoCo objects; actions are in its own units."""

    model: mujoco.MjModel
    data: mujoco.MjData
    low: np.ndarray
    high: np.ndarray
    observation_size: int
    episode_length: int
    dt: float

    def start(self, seed: int | None = None) -> np.ndarray:
        """A fresh episode as the twin draws it; its observation."""
        ...

    def restart(self) -> np.ndarray:
        """A fresh episode from a start that float32 holds exactly; its observation."""
        ...

    def step(self, control: np.ndarray) -> UpstreamStep: ...


def twin_of(name: str) -> Twin:
    """The twin of task `name`, as `Task.twin` names it."""
    package, _, twin = _twin_name(name).partition(":")
    return GymnasiumTwin(twin) if package == "gymnasium" else SuiteTwin(twin)


@functools.lru_cache
def _twin_name(name: str) -> str:
    return TASKS[name]().twin


class GymnasiumTwin:
    """A Gymnasium MuJoCo environment."""

    def __init__(self, name: str):
        self._env: Any
        with _quiet():
            self._env = gymnasium.make(name)
        inner: Any = self._env.unwrapped
        self.model, self.data, self.dt = inner.model, inner.data, inner.dt
        self.low, self.high = self._env.action_space.low, self._env.action_space.high
        self.observation_size = self._env.observation_space.shape[0]
        self.episode_length = self._env.spec.max_episode_steps

    def start(self, seed: int | None = None) -> np.ndarray:
        return self._env.reset(seed=seed)[0]

    def restart(self) -> np.ndarray:
        self._env.reset()
        qpos, qvel = (np.float64(np.float32(x)) for x in (self.data.qpos, self.data.qvel))
        mujoco.mj_resetData(self.model, self.data)
        self._env.unwrapped.set_state(qpos, qvel)
        return self._env.unwrapped._get_obs()

    def step(self, control: np.ndarray) -> UpstreamStep:
        observation, reward, terminated, truncated, info = self._env.step(control)
        terms = {name: value for name, value in info.items() if name.startswith("reward_")}
        return UpstreamStep(observation, reward, terminated, truncated, terms)


class SuiteTwin:
    """A task of the DeepMind Control Suite."""

    def __init__(self, name: str):
        from dm_control import suite  # loads a renderer, which nothing else here needs

        domain, _, task = name.partition("-")
        self._env = suite.load(domain, task, task_kwargs={"random": np.random.RandomState(0)})
        self.model, self.data = self._env.physics.model.ptr, self._env.physics.data.ptr
        spec = self._env.action_spec()
        self.low, self.high = spec.minimum, spec.maximum
        self.observation_size = len(_flat(self._env.reset().observation))
        self.episode_length, self.dt = round(self._env._step_limit), self._env.control_timestep()

    def start(self, seed: int | None = None) -> np.ndarray:
        if seed is not None:
            self._env.task._random = np.random.RandomState(seed)
        return _flat(self._env.reset().observation)

    def restart(self) -> np.ndarray:
        self._env.reset()
        qpos, qvel = (np.float64(np.float32(x)) for x in (self.data.qpos, self.data.qvel))
        with self._env.physics.reset_context():
            self.data.qpos[:], self.data.qvel[:] = qpos, qvel
        return _flat(self._env.task.get_observation(self._env.physics))

    def step(self, control: np.ndarray) -> UpstreamStep:
        after = self._env.step(control)
        return UpstreamStep(_flat(after.observation), after.reward, after.discount == 0, after.last(), {})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """MuJoCo's notes on attributes of the twin's XML are not for our users to mend."""
    handler = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(handler)


def _flat(observation: dict) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in observation.values()])
