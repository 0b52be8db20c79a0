"""What planners under an unknown reward share: the rewards that explain the experts, and the mixture played so far.

A learner's `memory` holds sampled weights `w` [samples, features] with `consistent` [samples], 1 for those with which
every expert is within ε of optimal where it acted; and of its mixture over rounds the discounted `occupancy`
[states, actions] and feature `counts` [features].
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.methods.base import Act, Agent, Context, Metrics
from guided_rl.methods.hparams import HParam
from guided_rl.planning.linear_programme import refuse_empty
from guided_rl.planning.mdp import greedy_occupancy, q_values
from guided_rl.planning.problem import RewardProblem
from guided_rl.runtime.errors import UserError

EPSILON = HParam(0.0, 0.0, doc="ε, by how much the experts may fall short of optimal in expected return")
SLACK = 1e-4  # of value iteration in float32
CORNERS = 8  # the box's corners are among the samples where so few features are free


def free_features(problem: RewardProblem) -> np.ndarray:
    """Numbers of the features whose weight is not anchored."""
    return np.flatnonzero(problem.high > problem.low)


def sampled_weights(key: jax.Array, problem: RewardProblem, samples: int) -> jax.Array:
    """Weights drawn evenly from the box W, its corners first, [samples, features]."""
    low, high = jnp.asarray(problem.low, jnp.float32), jnp.asarray(problem.high, jnp.float32)
    drawn = low + (high - low) * jax.random.uniform(key, (samples, len(problem.low)))
    free = free_features(problem)
    if len(free) > CORNERS:
        return drawn
    corners = np.tile((problem.low + problem.high) / 2, (2 ** len(free), 1))
    sides = (np.arange(2 ** len(free))[:, None] >> np.arange(len(free))) & 1
    corners[:, free] = np.where(sides, problem.high[free], problem.low[free])
    return drawn.at[: min(samples, len(corners))].set(jnp.asarray(corners[:samples], jnp.float32))


def explains(weights: jax.Array, problem: RewardProblem, experts: str, epsilon: jax.Array) -> jax.Array:
    """Whether w · μ_E ≥ max_π w · μ(π) - ε in the training process, for every expert, [samples]."""
    features, counts = (jnp.asarray(x, jnp.float32) for x in (problem.train.features, problem.expert_counts(experts)))
    start = jnp.asarray(problem.train.start, jnp.float32)
    values = lambda w: start @ jnp.max(q_values(problem.train, features @ w, problem.gamma), axis=-1)
    best = jax.lax.map(values, weights, batch_size=256)
    return jnp.all(weights @ counts.T >= best[:, None] - epsilon - SLACK, axis=-1)


def init(
    key: jax.Array, ctx: Context, dataset: jax.Array | None = None, *, experts: str = "exact", samples: int = 4096
) -> Agent:
    """The consistent weights, and an empty mixture; a seed whose samples explain nothing fails, as not finite."""
    problem = ctx.setup.problem
    weights = sampled_weights(key, problem, samples)
    consistent = explains(weights, problem, experts, ctx.hp["epsilon"]).astype(jnp.float32)
    none = jnp.where(jnp.any(consistent > 0), 0.0, jnp.nan)
    states, actions, _ = problem.test.following.shape
    mixture = {"occupancy": jnp.zeros((states, actions)), "counts": none + jnp.zeros(len(problem.low))}
    return Agent({}, {}, {}, {"w": weights, "consistent": consistent, **mixture})


def worst(memory: dict[str, Any], counts: jax.Array) -> jax.Array:
    """The consistent weights with the least w · counts, [features]."""
    return memory["w"][jnp.argmin(jnp.where(memory["consistent"] > 0, memory["w"] @ counts, jnp.inf))]


def best_reply(weights: jax.Array, problem: RewardProblem) -> jax.Array:
    """The occupancy [states, actions], in the test process, of the policy that is best for these weights."""
    reward = jnp.asarray(problem.test.features, jnp.float32) @ weights
    return greedy_occupancy(problem.test, q_values(problem.test, reward, problem.gamma), problem.gamma)


def counts_of(visits: jax.Array, problem: RewardProblem) -> jax.Array:
    """Φᵀ μ, discounted feature counts [features] of an occupancy [states, actions]."""
    return jnp.sum(visits, axis=-1) @ jnp.asarray(problem.test.features, jnp.float32)


def mixed(agent: Agent, visits: jax.Array, share: jax.Array, problem: RewardProblem) -> Agent:
    """The learner, whose mixture plays the policy of `visits` with probability `share` and else as before."""
    old = agent.memory
    towards = lambda before, after: before + share * (after - before)
    counts = towards(old["counts"], counts_of(visits, problem))
    return agent.replace(memory={**old, "occupancy": towards(old["occupancy"], visits), "counts": counts})


def play(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """An action of the mixture's stationary policy μ(s, a) / μ(s), which visits what the mixture visits."""
    visits = agent.memory["occupancy"][jnp.argmax(obs)]
    return jax.random.categorical(key, jnp.log(jnp.maximum(visits, 1e-12))).astype(jnp.int32)


def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    return Act(play(agent, obs, key, ctx))


def measures(agent: Agent, problem: RewardProblem) -> Metrics:
    """Of the mixture: its worst case over the consistent samples, its value by w*, the share of discounted time spent
    on the unseen feature, elsewhere the share of decisions that an expert who knew w* would take too, its counts."""
    memory = agent.memory
    plain = problem.test.features[:, problem.unseen] == 0
    some = (problem.informed.sum(-1) < problem.informed.shape[1]) & plain & (np.abs(problem.test.features).sum(-1) > 0)
    decided = memory["occupancy"] * jnp.asarray(some, jnp.float32)[:, None]
    agreed = jnp.sum(decided * jnp.asarray(problem.informed, jnp.float32))
    return {
        "worst_case": worst(memory, memory["counts"]) @ memory["counts"],
        "true_value": jnp.asarray(problem.truth, jnp.float32) @ memory["counts"],
        "unseen_share": (1.0 - problem.gamma) * memory["counts"][problem.unseen],
        "agreement": agreed / jnp.maximum(jnp.sum(decided), 1e-9),
        "consistent_share": jnp.mean(memory["consistent"]),
        **{f"count_{number}": count for number, count in enumerate(memory["counts"])},
    }


def check(problem: RewardProblem, hp: dict[str, np.ndarray], *, experts: str) -> None:
    """Refuse an ε at which nothing explains the experts.

    Raises:
      UserError: so it is for one of the members.
    """
    for epsilon in np.unique(hp["epsilon"]):
        refuse_empty(problem, experts, float(epsilon))


def checked_by(experts: str) -> Any:
    """`check` for these experts, as a planning loop has it."""
    return functools.partial(check, experts=experts)


def refuse_few(samples: Any, method: str) -> None:
    """Refuse a number of samples that is no whole number from 1 on.

    Raises:
      UserError: it is none.
    """
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise UserError(f"samples={samples} of {method} is no whole number from 1 on; give one such as samples=4096")
