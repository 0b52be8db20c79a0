"""SAG with a λ learned from data, **a method of ours**: the guide is trusted where the critics can tell it is better.

The paper (Daoudi et al. 2023) is given λ(s) and names its learning as the first open question.
Here nothing says where the guide is good. For the share `hold` of the budget a coin decides who
acts, so that both are seen everywhere; from then on

    λ̂(s) = 1[ Q_κ(s, a_g(s)) > Q_κ(s, tanh μ_θ(s)) ],    Q_κ = ½ (Q_1 + Q_2) - κ |Q_1 - Q_2|,

a comparison of both under the twin critics, each charged for what they disagree on: an action
whose outcome was rarely seen must promise more. While holding, λ̂ = ½. Acting, target and the
rest are SAG's with λ̂ in λ's place; the guide's own λ is not read. κ = 1/2 is the minimum of the two.

Nearest published relatives: imitation-bootstrapped RL (Hu et al. 2023, arXiv 2311.02198), which
acts and bootstraps by the larger Q of two proposals, and policy expansion (Zhang et al. 2023,
arXiv 2302.00935), whose choice is a softmax over Q; neither charges for disagreement.

Off: λ̂ ≡ 0 is SAG's λ ≡ 0, hence SAC; no setting gives it, since the critics alone decide.
"""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Agent, Context
from guided_rl.methods.bases import sac
from guided_rl.methods.hparams import HParam, share_of_budget
from guided_rl.methods.local_guides.sag import switched, switched_target

HPARAMS = {
    "hold": share_of_budget(0.05, "how long a coin decides who acts"),
    "caution": HParam(0.5, 0.0, 100.0, doc="κ, what an action is charged for the critics' disagreement on it"),
}


def cautious(q: jax.Array, caution: jax.Array) -> jax.Array:
    """Q_κ of twin values [2]."""
    return jnp.mean(q, axis=0) - caution * jnp.abs(q[0] - q[1])


def learned(agent: Agent, obs: jax.Array, ctx: Context) -> jax.Array:
    """λ̂(s)."""
    critic = functools.partial(sac.critic(ctx.setup).apply, agent.params["critic"], obs)
    guide, own = (
        cautious(critic(a), ctx.hp["caution"]) for a in (ctx.guide.action(obs), sac.mode(agent, obs, None, ctx))
    )
    return jnp.where(ctx.progress < ctx.hp["hold"], 0.5, (guide > own).astype(jnp.float32))


LEARNED_SAG = dataclasses.replace(
    switched(learned),
    name="learned-sag",
    hparams={**sac.HPARAMS, **HPARAMS},
    update=functools.partial(sac.update, critic_target=functools.partial(switched_target, trust=learned)),
)
