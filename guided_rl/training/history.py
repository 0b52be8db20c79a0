"""What a run has measured so far: fixed-shape arrays that travel with its checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from guided_rl.training.evaluation import Episodes
from guided_rl.training.state import Totals


@dataclass
class History:
    """Measurements of one population, NaN where there is none yet.

    Attributes:
      evaluation: `episode_return`, `length`, `failed`, each [points, population, protocol, episode].
      training: sums over each interval, each [points, population]; `updates` is [points].
    """

    evaluation: dict[str, np.ndarray]
    training: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def empty(cls, points: int, population: int, protocols: int, episodes: int, metrics: tuple[str, ...]) -> History:
        shape = (points, population, protocols, episodes)
        names = ("episodes", "episode_return", "failures", *metrics)
        training = {name: np.zeros((points, population), np.float32) for name in names}
        training["updates"] = np.zeros(points, np.float32)
        evaluation = {n: np.full(shape, np.nan, np.float32) for n in ("episode_return", "length", "failed")}
        return cls(evaluation, training)

    def add(self, point: int, totals: Totals) -> None:
        """Add one chunk's sums to interval `point`."""
        sums = {
            "episodes": totals.episodes,
            "episode_return": totals.episode_return,
            "failures": totals.failures,
            "updates": totals.updates,
            **totals.metrics,
        }
        for name, value in sums.items():
            self.training[name][point] += np.asarray(value)

    def record(self, point: int, episodes: Episodes) -> None:
        """Keep one evaluation's outcomes."""
        for name, array in self.evaluation.items():
            array[point] = np.asarray(getattr(episodes, name))

    def mean_returns(self, point: int, protocols: Sequence[str], alive: np.ndarray) -> dict[str, float]:
        """Each protocol's mean return over healthy members (`alive`, [population]); empty if all failed."""
        returns = self.evaluation["episode_return"][point][alive]
        return {name: float(returns[:, i].mean()) for i, name in enumerate(protocols)} if returns.size else {}

    def training_means(self) -> dict[str, np.ndarray]:
        """Per interval and member [points, population]: mean return and losses, counts as they are."""
        sums = self.training
        with np.errstate(invalid="ignore", divide="ignore"):
            means = {
                name: value / sums["updates"][:, None]
                for name, value in sums.items()
                if name not in ("episodes", "episode_return", "failures", "updates")
            }
            means["training_return"] = sums["episode_return"] / sums["episodes"]
        return {**means, "episodes": sums["episodes"], "failures": sums["failures"]}

    def of_first(self, count: int) -> History:
        """The same arrays, of the first `count` members."""
        first = lambda values: {k: v if v.ndim == 1 else v[:, :count] for k, v in values.items()}
        return History(first(self.evaluation), first(self.training))

    def tree(self) -> dict[str, dict[str, np.ndarray]]:
        """As a pytree, for checkpoints."""
        return {"evaluation": self.evaluation, "training": self.training}

    @classmethod
    def of(cls, tree: dict[str, dict[str, np.ndarray]]) -> History:
        return cls(
            {k: np.array(v) for k, v in tree["evaluation"].items()},
            {k: np.array(v) for k, v in tree["training"].items()},
        )
