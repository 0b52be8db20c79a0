"""Reward-robust planning as one linear programme: the reference that iterative planners are held against.

Ours, from the maximin of arXiv 1805.08313. "w · μ_E ≥ max_π w · μ(π) - ε" is linear in w and the value V of the
training process, and so the worst reward for the best policy is the solution of

    minimise p_te · V_te   over w ∈ W, V_tr, V_te
    subject to V_k ≥ Φ_k w + γ P_a V_k  for both processes k and every action a
               p_tr · V_tr ≤ w · μ_E + ε  for every expert E

The multipliers of the test process's constraints are the maximin policy's occupancy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from scipy import sparse

from guided_rl.planning.mdp import MDP
from guided_rl.planning.problem import RewardProblem
from guided_rl.runtime.errors import UserError


@dataclass(frozen=True)
class Maximin:
    """The best worst case.

    Attributes:
      value: max_π min_w w · μ(π). weights: w at which it is attained, [features].
      occupancy: of the maximin policy in the test process, [states, actions].
    """

    value: float
    weights: np.ndarray
    occupancy: np.ndarray


def maximin(problem: RewardProblem, experts: str, epsilon: float) -> Maximin:
    """The robust policy for the weights with which every expert is within ε of optimal.

    Raises:
      UserError: there are no such weights; the least ε is named.
    """
    refuse_empty(problem, experts, epsilon)
    train, test = (_bellman(mdp, problem.gamma) for mdp in (problem.train, problem.test))
    features, states, states_test = len(problem.low), train[1].shape[1], test[1].shape[1]
    counts = problem.expert_counts(experts)
    experts_rows = sparse.hstack([*_short_of(problem, counts), _zeros(counts, states_test)])
    rows = sparse.vstack(
        [
            sparse.hstack([train[0], train[1], _zeros(train[0], states_test)]),
            sparse.hstack([test[0], _zeros(test[0], states), test[1]]),
            experts_rows,
        ]
    ).tocsr()
    bound = np.concatenate([np.zeros(rows.shape[0] - len(counts)), np.full(len(counts), epsilon)])
    cost = np.concatenate([np.zeros(features + states), problem.test.start])
    found = _solve(cost, rows, bound, problem, states + states_test)
    first = train[0].shape[0]
    duals = -found.ineqlin.marginals[first : first + test[0].shape[0]]
    return Maximin(float(found.fun), found.x[:features], duals.reshape(-1, states_test).T)


def least_epsilon(problem: RewardProblem, experts: str) -> float:
    """The smallest ε at which some weights of W make every expert of these nearly optimal."""
    weights, values = _bellman(problem.train, problem.gamma)
    counts, features = problem.expert_counts(experts), len(problem.low)
    states = values.shape[1]
    rows = sparse.vstack(
        [
            sparse.hstack([weights, values, _zeros(weights, 1)]),
            sparse.hstack([*_short_of(problem, counts), sparse.csr_matrix(-np.ones((len(counts), 1)))]),
        ]
    ).tocsr()
    cost = np.concatenate([np.zeros(features + states), [1.0]])
    found = _solve(cost, rows, np.zeros(rows.shape[0]), problem, states, last=(0.0, None))
    return float(found.fun)


def worst_case(problem: RewardProblem, experts: str, epsilon: float, counts: np.ndarray) -> float:
    """min_w w · counts over the weights with which every expert is within ε of optimal; `counts` [features]."""
    weights, values = _bellman(problem.train, problem.gamma)
    own, states = problem.expert_counts(experts), values.shape[1]
    rows = sparse.vstack(
        [
            sparse.hstack([weights, values]),
            sparse.hstack(_short_of(problem, own)),
        ]
    ).tocsr()
    bound = np.concatenate([np.zeros(weights.shape[0]), np.full(len(own), epsilon)])
    return float(_solve(np.concatenate([counts, np.zeros(states)]), rows, bound, problem, states).fun)


def refuse_empty(problem: RewardProblem, experts: str, epsilon: float) -> None:
    """Refuse an ε at which no reward explains the experts.

    Raises:
      UserError: the least ε that has one.
    """
    least = least_epsilon(problem, experts)
    if epsilon < least - 1e-7:
        raise UserError(
            f"no reward explains the experts {experts!r} at epsilon={epsilon:g}, so that the consistent set is empty; "
            f"give epsilon of at least {np.ceil(least * 1e4) / 1e4:g}"
        )


def _bellman(mdp: MDP, gamma: float) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Φ w + γ P_a V - V ≤ 0 for every action: its columns of w and of V, actions one after another."""
    states, actions, branches = mdp.following.shape
    of_values = []
    for action in range(actions):
        places = np.repeat(np.arange(states), branches), mdp.following[:, action].ravel()
        moves = sparse.coo_matrix((mdp.probability[:, action].ravel(), places), shape=(states, states))
        of_values.append(gamma * moves - sparse.eye(states))
    return sparse.csr_matrix(np.tile(mdp.features, (actions, 1))), sparse.vstack(of_values).tocsr()


def _short_of(problem: RewardProblem, counts: np.ndarray) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """p_tr · V_tr - w · μ_E of every expert: its columns of w and of V_tr."""
    return sparse.csr_matrix(-counts), sparse.csr_matrix(np.tile(problem.train.start, (len(counts), 1)))


def _zeros(like: np.ndarray, columns: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((like.shape[0], columns))


def _solve(cost, rows, bound, problem: RewardProblem, free: int, last: tuple[float, float | None] | None = None):
    """The programme with w in its box and the other variables free, but for the last where it has bounds.

    By interior points with crossover, which took seconds where the simplex took minutes, at some 900 states.
    """
    bounds = [*zip(problem.low, problem.high, strict=True), *((None, None) for _ in range(free))]
    bounds += [last] if last is not None else []
    found = scipy.optimize.linprog(cost, A_ub=rows, b_ub=bound, bounds=bounds, method="highs-ipm")
    if not found.success:
        raise UserError(f"the linear programme could not be solved ({found.message}); give another epsilon or task")
    return found
