"""What a run has measured so far: fixed-shape arrays that travel with its checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from guided_rl.training.evaluation import Episodes
from guided_rl.training.outcomes import OF_METHODS, OF_TASKS, shares
from guided_rl.training.state import Totals

# Where each member has its own number of updates: how many, by which other metrics are divided, and their steps.
GROUPS, GROUP_STEPS = "groups", "group_steps"
EPISODE = ("episode_return", "length", "failed")
SUMS = ("episodes", "episode_return", "failures")


@dataclass(frozen=True)
class Measured:
    """Names of what a run measures besides return, length and failure.

    Attributes:
      metrics: what the updates report. outcomes: of training. evaluated: outcomes of evaluations.
    """

    metrics: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    evaluated: Sequence[str] = ()


@dataclass
class History:
    """Measurements of one population, NaN where there is none yet.

    Attributes:
      evaluation: `episode_return`, `length`, `failed` and the outcomes, each [points, population, protocol, episode].
      training: sums over each interval, each [points, population]; `updates` is [points].
    """

    evaluation: dict[str, np.ndarray]
    training: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def empty(cls, points: int, population: int, protocols: int, episodes: int, measured: Measured) -> History:
        shape = (points, population, protocols, episodes)
        names = (*SUMS, *measured.metrics, *measured.outcomes)
        training: dict[str, np.ndarray] = {name: np.zeros((points, population), np.float32) for name in names}
        training["updates"] = np.zeros(points, np.float32)
        evaluation = {n: np.full(shape, np.nan, np.float32) for n in (*EPISODE, *measured.evaluated)}
        return cls(evaluation, training)

    def add(self, point: int, totals: Totals) -> None:
        """Add one chunk's sums to interval `point`."""
        sums = {
            "episodes": totals.episodes,
            "episode_return": totals.episode_return,
            "failures": totals.failures,
            "updates": totals.updates,
            **totals.metrics,
            **totals.outcomes,
        }
        for name, value in sums.items():
            self.training[name][point] += np.asarray(value)

    def record(self, point: int, episodes: Episodes) -> None:
        """Keep one evaluation's outcomes."""
        for name, array in self.evaluation.items():
            array[point] = np.asarray(getattr(episodes, name) if name in EPISODE else episodes.outcomes[name])

    def mean_returns(self, point: int, protocols: Sequence[str], alive: np.ndarray) -> dict[str, float]:
        """Each protocol's mean return over healthy members (`alive`, [population]); empty if all failed."""
        returns = self.evaluation["episode_return"][point][alive]
        return {name: float(returns[:, i].mean()) for i, name in enumerate(protocols)} if returns.size else {}

    def training_means(self, interval: int) -> dict[str, np.ndarray]:
        """Per interval and member [points, population]: mean return, losses and shares, counts as they are.

        Args:
          interval: environment steps between two points.
        """
        sums = self.training
        counted = {name: value for name, value in sums.items() if name in (*OF_TASKS, *OF_METHODS)}
        counted = shares(counted, sums.get(GROUP_STEPS, interval))
        updates = sums.get(GROUPS, sums["updates"][:, None])
        with np.errstate(invalid="ignore", divide="ignore"):
            means = {
                name: value / updates
                for name, value in sums.items()
                if name not in (*SUMS, *counted, "updates", GROUPS)
            }
            means["training_return"] = sums["episode_return"] / sums["episodes"]
        counts = {name: sums[name] for name in ("episodes", "failures", GROUPS) if name in sums}
        return {**means, **counted, **counts}

    def evaluation_outcomes(self) -> dict[str, np.ndarray]:
        """Per evaluation episode [points, population, protocol, episode]: the outcomes, shares per step."""
        named = {name: value for name, value in self.evaluation.items() if name not in EPISODE}
        return shares(named, self.evaluation["length"])

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
