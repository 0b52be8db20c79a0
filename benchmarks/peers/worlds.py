"""Environments by name: Gymnasium's, and `suite:<domain>-<task>` of dm_control as a Gymnasium environment."""

from __future__ import annotations

import gymnasium as gym
import numpy as np

PREFIX = "suite:"


class Suite(gym.Env):
    """dm_control's task with its observations in a row, in float32, and actions in its own bounds."""

    def __init__(self, domain: str, task: str):
        from dm_control import suite

        self.env = suite.load(domain, task)
        actions = self.env.action_spec()
        size = sum(int(np.prod(spec.shape)) for spec in self.env.observation_spec().values())
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = gym.spaces.Box(actions.minimum.astype(np.float32), actions.maximum.astype(np.float32))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.env.task.random.seed(seed)
        return self._row(self.env.reset()), {}

    def step(self, action):
        after = self.env.step(action)
        return self._row(after), after.reward, False, after.last(), {}

    def _row(self, step) -> np.ndarray:
        return np.concatenate([np.ravel(value) for value in step.observation.values()]).astype(np.float32)


def make(name: str) -> gym.Env:
    """The environment `name`."""
    return Suite(*name.removeprefix(PREFIX).split("-")) if name.startswith(PREFIX) else gym.make(name)
