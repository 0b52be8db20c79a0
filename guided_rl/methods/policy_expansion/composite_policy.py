"""A set of policies that acts by the values of its members' proposals, PEX's composite policy.

Zhang, Xu and Yu 2023 (arXiv 2302.00935), section 4.1. In a state s each policy proposes an action,

    P_w[i] = exp(κ Q(s, a_i)) / Σ_j exp(κ Q(s, a_j)),   Q = min(Q_1, Q_2),   w ~ P_w,   a = a_w,

under the learner's current critics. Offline policies come first and propose their modes, as in the
released code; the paper's notation is a_i ~ π_i(·|s) for all, and with `proposal` = `sample` they
propose so. The learner's own is the last of K. κ is `inverse_temperature`, the paper's 1/α.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.methods.acts import as_act, expert_outcomes
from guided_rl.methods.base import Act, Agent, Batch, Context, Events, Method, Metrics
from guided_rl.methods.bases import iql, unsquashed
from guided_rl.methods.hooks import Policy

CHOICE_STREAM, PROPOSAL_STREAM = 0x7065, 0x7070  # beyond any counter that the base draws from the same key
EPSILON = 0.1
MEMORY = 1e-3  # the share of choices is an average over about a thousand steps


@dataclass(frozen=True)
class Composition:
    """How a set proposes and chooses.

    Attributes:
      weights: P_w is the paper's `softmax`, `uniform`, or all on the best, `argmax`.
      proposal: in training the offline policies propose their `mode` or a `sample`.
      free: the one offline policy is the learner's own `params["offline"]`, which goes on learning, and not the guide.
      adaptive: κ is learnt, exp of `params["log_kappa"]`, and not a constant.
    """

    weights: str = "softmax"
    proposal: str = "mode"
    free: bool = False
    adaptive: bool = False


PAPERS = Composition()


def inverse_temperature(agent: Agent, ctx: Context, how: Composition) -> jax.Array:
    """κ: a constant, or learnt."""
    return jnp.exp(agent.params["log_kappa"]) if how.adaptive else ctx.hp["inverse_temperature"]


def proposals(
    agent: Agent,
    obs: jax.Array,
    own: jax.Array,
    ctx: Context,
    key: jax.Array | None = None,
    how: Composition = PAPERS,
) -> jax.Array:
    """What every policy of the set proposes, the offline ones first: [batch, K, action] for `own` [batch, action].

    Offline policies propose their modes; with a key samples, in [-1, 1] as all that a guide advises.
    """
    if how.free:
        free = agent.params["offline"]
        if key is None:
            offline = unsquashed.actor(ctx.setup).apply(free, obs)[0][:, None]
        else:
            offline = jnp.clip(unsquashed.sample(free, obs, key, ctx.setup), -1.0, 1.0)[:, None]
    elif key is None:
        offline = jax.vmap(ctx.guide.actions)(obs)
    else:
        offline = jax.vmap(ctx.guide.actions)(obs, jax.random.split(key, obs.shape[0]))
    return jnp.concatenate([offline, own[:, None]], axis=1)


def values(agent: Agent, obs: jax.Array, candidates: jax.Array, ctx: Context) -> jax.Array:
    """min(Q_1, Q_2) of every proposal under the current critics, [batch, K]."""
    states = jnp.broadcast_to(obs[:, None], (*candidates.shape[:2], obs.shape[-1]))
    return jnp.min(iql.critic(ctx.setup).apply(agent.params["critic"], states, candidates), axis=0)


def distribution(q: jax.Array, kappa: jax.Array, weights: str) -> jax.Array:
    """P_w [..., K] for values q [..., K]."""
    if weights == "uniform":
        return jnp.full(q.shape, 1.0 / q.shape[-1])
    if weights == "argmax":
        return jax.nn.one_hot(jnp.argmax(q, axis=-1), q.shape[-1])
    return jax.nn.softmax(kappa * q, axis=-1)


def compose(
    agent: Agent, obs: jax.Array, own: jax.Array, key: jax.Array, ctx: Context, how: Composition = PAPERS
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Composite actions ã [batch, action], their policies w [batch], and P_w [batch, K]."""
    sampled = jax.random.fold_in(key, PROPOSAL_STREAM) if how.proposal == "sample" else None
    candidates = proposals(agent, obs, own, ctx, sampled, how)
    p = distribution(values(agent, obs, candidates, ctx), inverse_temperature(agent, ctx, how), how.weights)
    w = draw(p, key)
    return pick(candidates, w), w, p


def draw(p: jax.Array, key: jax.Array) -> jax.Array:
    """w ~ Categorical(p), [batch] for p [batch, K]."""
    return jax.random.categorical(jax.random.fold_in(key, CHOICE_STREAM), jnp.log(p), axis=-1)


def pick(candidates: jax.Array, w: jax.Array) -> jax.Array:
    """a_w, [batch, action]."""
    return jnp.take_along_axis(candidates, w[:, None, None], axis=1)[:, 0]


def by_offline(w: jax.Array, policies: int) -> dict[str, jax.Array]:
    """Whether an offline policy was chosen (w < K - 1); each of them is asked at every step."""
    return expert_outcomes(w < policies - 1, asked=policies - 1)


def evaluate(base: Method, how: Composition, epsilon: float) -> Policy:
    """The composite for evaluation: own mode and highest Q, each left to chance with probability `epsilon`.

    A uniform choice has no mode and is always left to chance; offline policies never are.
    """

    def policy(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        explore = jax.random.bernoulli(jax.random.fold_in(key, CHOICE_STREAM + 1), epsilon, (2,))
        own = as_act(base.policies["policy"](agent, obs, key, ctx)).action
        if epsilon:
            own = jnp.where(explore[0], base.act(agent, obs, key, ctx).action, own)
        candidates = proposals(agent, obs[None], own[None], ctx, how=how)
        q = values(agent, obs[None], candidates, ctx)
        drawn = draw(distribution(q, inverse_temperature(agent, ctx, how), how.weights), key)
        by_chance = explore[1] | (how.weights == "uniform")
        w = jnp.where(by_chance, drawn, jnp.argmax(q, axis=-1))
        return Act(pick(candidates, w)[0], by_offline(w[0], q.shape[-1]))

    return policy


def expanded(base: Method, how: Composition) -> dict[str, Any]:
    """`act`, `events` and `policies` of `base` as the last member of a policy set."""

    def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        own = base.act(agent, obs, key, ctx).action
        action, w, p = compose(agent, obs[None], own[None], key, ctx, how)
        return Act(action[0], {"chosen": jax.nn.one_hot(w[0], p.shape[-1]), **by_offline(w[0], p.shape[-1])})

    def after_step(agent: Agent, seen: Batch, ctx: Context) -> Agent:
        share = agent.memory["chosen"]
        return agent.replace(memory={**agent.memory, "chosen": share + MEMORY * (seen["chosen"] - share)})

    policies = {"policy": evaluate(base, how, 0.0), "epsilon": evaluate(base, how, EPSILON)}
    return {"act": act, "events": Events(after_step=after_step), "policies": policies}


def chosen(agent: Agent) -> Metrics:
    """How often each policy of the set acted of late, the offline ones first."""
    return {f"chosen_{i}": share for i, share in enumerate(agent.memory["chosen"])}
