"""DQN's parts: deep Q-learning from replay with a target network, for discrete actions.

Mnih et al. 2015, "Human-level control through deep reinforcement learning" (Nature 518), algorithm 1; double targets
after van Hasselt et al. 2016 (arXiv 1509.06461), equation 4. Functions of arrays alone, for one learner.
"""

from __future__ import annotations

from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax


def epsilon(progress: jax.Array, first: jax.Array, last: jax.Array, share: jax.Array) -> jax.Array:
    """ε falls linearly from `first` to `last` over the first `share` of the budget, and stays there.

    `progress` is the share of the budget that is spent, in [0, 1].
    """
    fallen = jnp.clip(progress / jnp.maximum(share, jnp.finfo(jnp.float32).tiny), 0.0, 1.0)
    return first + fallen * (last - first)


def epsilon_greedy(q: jax.Array, epsilon: jax.Array, key: jax.Array) -> jax.Array:
    """An action drawn evenly with probability ε, else argmax_a Q(s, a); `q` [actions] -> int32 scalar."""
    whether, which = jax.random.split(key)
    even = jax.random.randint(which, (), 0, q.shape[-1])
    return jnp.where(jax.random.uniform(whether) < epsilon, even, greedy(q))


def greedy(q: jax.Array) -> jax.Array:
    """argmax_a Q(s, a), the first of equals; `q` [..., actions] -> int32 [...]."""
    return jnp.argmax(q, axis=-1).astype(jnp.int32)


def q_of(q: jax.Array, action: jax.Array) -> jax.Array:
    """Q(s, a) of the actions taken [...], out of `q` [..., actions]."""
    return jnp.take_along_axis(q, action.astype(jnp.int32)[..., None], axis=-1)[..., 0]


def td_target(
    reward: jax.Array, terminated: jax.Array, next_q: jax.Array, gamma: jax.Array, chooser: jax.Array | None = None
) -> jax.Array:
    """y = r + γ (1 - d) Q̄(s', argmax_a' Q̄(s', a')), [batch].

    Args:
      next_q: Q̄(s', ·) of the target network, [batch, actions].
      chooser: whose argmax is taken instead, Q(s', ·) of the learning network in double DQN.
    """
    value = q_of(next_q, greedy(next_q if chooser is None else chooser))
    chex.assert_equal_shape([reward, terminated, value])
    return reward + gamma * (1.0 - terminated) * value


def td_loss(q: jax.Array, action: jax.Array, target: jax.Array) -> jax.Array:
    """E[H(Q(s, a) - y)], H Huber's loss, whose gradient is the error clipped to [-1, 1], as in the paper."""
    taken = q_of(q, action)
    chex.assert_equal_shape([taken, target])
    return jnp.mean(optax.huber_loss(taken, target))


def copied_every(period: int, updates: jax.Array, target: Any, params: Any) -> Any:
    """The target network's parameters after the update number `updates`: copies at every `period`-th one."""
    due = updates % period == 0
    return jax.tree.map(lambda old, new: jnp.where(due, new, old), target, params)
