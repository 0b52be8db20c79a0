"""A planning problem whose reward is known by experts alone: where they showed it, and where it must be trusted.

After Huang, Wu, Precup and Cai 2018, "Learning Safe Policies with Expert Guidance" (arXiv 1805.08313), of which the
introduction was read: the reward is linear in known features; the experts act in one decision process, the learner in
another, with a feature that the first one never shows.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from guided_rl.planning.mdp import MDP, exact_occupancy, exact_q
from guided_rl.runtime.errors import unknown_name

CLOSE = 1e-7


@dataclass(frozen=True, eq=False)
class RewardProblem:
    """Two decision processes over the same features, what is known of the reward, and experts.

    Attributes:
      train: where the experts acted. test: where the learner will.
      gamma: discount of both.
      low, high: the box W of weights [features]; a feature whose bounds are equal is anchored.
      names: of the features.
      unseen: number of the feature that `train` never shows.
      truth: w*, by which the test is judged; its unseen weight is the worst that W allows.
      noisy: share of random actions of the expert `noisy`.
      minds: weights [experts, features] of those that disagree, the experts `two`; None where there are none.
    """

    train: MDP
    test: MDP
    gamma: float
    low: np.ndarray
    high: np.ndarray
    names: tuple[str, ...]
    unseen: int
    truth: np.ndarray
    noisy: float = 0.2
    minds: np.ndarray | None = None

    @functools.cached_property
    def experts(self) -> Mapping[str, np.ndarray]:
        """Policies in the training process, [experts, states, actions], by name: `exact`, `noisy`, `two`."""
        best = optimal_actions(self.train, self.truth, self.gamma)
        exact = best / best.sum(-1, keepdims=True)
        found = {"exact": exact[None], "noisy": ((1 - self.noisy) * exact + self.noisy / exact.shape[1])[None]}
        if self.minds is not None:
            both = [optimal_actions(self.train, mind, self.gamma) for mind in self.minds]
            found["two"] = np.stack([actions / actions.sum(-1, keepdims=True) for actions in both])
        return found

    def policies(self, experts: str) -> np.ndarray:
        """The experts of that name.

        Raises:
          UserError: the problem has none such.
        """
        if experts not in self.experts:
            raise unknown_name("kind of experts of this task", experts, self.experts)
        return self.experts[experts]

    @functools.cache  # noqa: B019 - problems are few, and live as long as their tasks
    def expert_counts(self, experts: str) -> np.ndarray:
        """μ_E, discounted feature counts of each of the experts, [experts, features]."""
        visits = [exact_occupancy(self.train, policy, self.gamma).sum(-1) for policy in self.policies(experts)]
        return np.stack([v @ self.train.features for v in visits])

    @functools.cached_property
    def informed(self) -> np.ndarray:
        """Which actions an expert who knew w* would take in the test process, [states, actions]."""
        return optimal_actions(self.test, self.truth, self.gamma)


def optimal_actions(mdp: MDP, weights: np.ndarray, gamma: float) -> np.ndarray:
    """1 for every action that is best for the reward w · φ, ties included, [states, actions]."""
    q = exact_q(mdp, mdp.features @ weights, gamma)
    return (q >= q.max(-1, keepdims=True) - CLOSE).astype(float)
