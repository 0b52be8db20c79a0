"""Finite Markov decision processes, planned in and measured exactly: value iteration and occupancies, in JAX."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

TOLERANCE, MOST = 1e-6, 5_000


class MDP(NamedTuple):
    """A decision process without its reward; NumPy arrays or JAX's.

    Attributes:
      following: the states that each action may lead to, [states, actions, branches].
      probability: of each of them, of the same shape.
      features: φ(s), [states, features]; the reward of a state is w · φ(s). Where an episode is over they are 0.
      start: the distribution of first states, [states].
    """

    following: np.ndarray
    probability: np.ndarray
    features: np.ndarray
    start: np.ndarray


def q_values(mdp: MDP, reward: jax.Array, gamma: float) -> jax.Array:
    """Q*(s, a) = r(s) + γ E[max_a' Q*(s', a')], [states, actions], by value iteration to a change of `TOLERANCE`."""

    def backup(value: jax.Array) -> jax.Array:
        return reward[:, None] + gamma * jnp.sum(mdp.probability * value[mdp.following], axis=-1)

    def body(carry):
        value, _, count = carry
        after = jnp.max(backup(value), axis=-1)
        return after, jnp.max(jnp.abs(after - value)), count + 1

    goes_on = lambda carry: (carry[1] > TOLERANCE) & (carry[2] < MOST)
    value = jax.lax.while_loop(goes_on, body, (reward, jnp.float32(jnp.inf), 0))[0]
    return backup(value)


def greedy(q: jax.Array) -> jax.Array:
    """The policy of the first best action, [states, actions]."""
    return jax.nn.one_hot(jnp.argmax(q, axis=-1), q.shape[-1])


def occupancy(mdp: MDP, policy: jax.Array, gamma: float) -> jax.Array:
    """μ(s, a) = Σ_t γ^t P(s_t = s, a_t = a), [states, actions], of a policy [states, actions]."""
    states = len(mdp.start)
    branches = (policy[..., None] * mdp.probability).reshape(states, -1)
    return visits(mdp.following.reshape(states, -1), branches, mdp.start, gamma)[:, None] * policy


def greedy_occupancy(mdp: MDP, q: jax.Array, gamma: float) -> jax.Array:
    """The same of the policy of the first best action; only the branches of that action are followed."""
    best = jnp.argmax(q, axis=-1)[:, None, None]
    taken = lambda table: jnp.take_along_axis(jnp.asarray(table), best, axis=1)[:, 0]
    return visits(taken(mdp.following), taken(mdp.probability), mdp.start, gamma)[:, None] * greedy(q)


def visits(following: ArrayLike, probability: ArrayLike, start: np.ndarray, gamma: float) -> jax.Array:
    """Σ_t γ^t P(s_t = s), [states], of a chain whose branches lead to `following` [states, branches]."""
    first, weight = jnp.asarray(start, jnp.float32), gamma * jnp.asarray(probability, jnp.float32)

    def body(carry):
        found, _, count = carry
        after = first.at[following].add(weight * found[:, None])
        return after, jnp.max(jnp.abs(after - found)), count + 1

    goes_on = lambda carry: (carry[1] > TOLERANCE) & (carry[2] < MOST)
    return jax.lax.while_loop(goes_on, body, (first, jnp.float32(jnp.inf), 0))[0]


def exact_occupancy(mdp: MDP, policy: np.ndarray, gamma: float) -> np.ndarray:
    """The same in float64, by a linear system."""
    states = len(mdp.start)
    moves = np.zeros((states, states))
    np.add.at(moves, (np.arange(states)[:, None, None], mdp.following), policy[..., None] * mdp.probability)
    visits = np.linalg.solve(np.eye(states) - gamma * moves.T, mdp.start)
    return visits[:, None] * policy


def exact_q(mdp: MDP, reward: np.ndarray, gamma: float) -> np.ndarray:
    """Q* in float64, by policy iteration."""
    policy = np.zeros(mdp.following.shape[:2])
    policy[:, 0] = 1.0
    states = len(reward)
    for _ in range(MOST):
        moves = np.zeros((states, states))
        np.add.at(moves, (np.arange(states)[:, None, None], mdp.following), policy[..., None] * mdp.probability)
        value = np.linalg.solve(np.eye(states) - gamma * moves, reward)
        q = reward[:, None] + gamma * np.sum(mdp.probability * value[mdp.following], axis=-1)
        kept = np.take_along_axis(q, policy.argmax(1)[:, None], 1)[:, 0]
        better = np.where(q.max(1) > kept + 1e-12, q.argmax(1), policy.argmax(1))
        if (better == policy.argmax(1)).all():
            return q
        policy = np.eye(q.shape[1])[better]
    return q
