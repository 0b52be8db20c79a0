"""What reward-robust planning stands beside: planners that are given the same experts and features.

`naive-planning`: plans for one reward, the mean of those that explain the experts.
`cloning-planning`: behavioural cloning; in every state the experts' own action probabilities, even where none went.
`apprenticeship`: matches the experts' feature counts in the test process, by the projection of Abbeel and Ng 2004
("Apprenticeship learning via inverse reinforcement learning", section 3.1):

    μ_t = the best policy's for w = μ_E - μ̄_{t-1},   μ̄_t = μ̄_{t-1} + s (μ_t - μ̄_{t-1}),
    s = (μ_t - μ̄) · (μ_E - μ̄) / ‖μ_t - μ̄‖², within [0, 1]; the first round is its best reply to μ_E.

The first two plan once, in their first round. None has anything to switch off: each is itself a base.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Agent, Batch, Context, Method, Metrics, Needs, Planning
from guided_rl.methods.reward_robust import parts
from guided_rl.planning.mdp import occupancy

Reply = Callable[[Agent, Context, str], tuple[jax.Array, jax.Array]]


def mean_reward(agent: Agent, ctx: Context, experts: str) -> tuple[jax.Array, jax.Array]:
    """The best policy's occupancy for the mean of the consistent weights, in place of whatever was played before."""
    memory = agent.memory
    weights = memory["consistent"] @ memory["w"] / jnp.sum(memory["consistent"])
    return parts.best_reply(weights, ctx.setup.problem), jnp.float32(1.0)


def cloned(agent: Agent, ctx: Context, experts: str) -> tuple[jax.Array, jax.Array]:
    """The occupancy of the experts' mean policy in the test process."""
    problem = ctx.setup.problem
    policy = jnp.asarray(problem.policies(experts).mean(0), jnp.float32)
    return occupancy(problem.test, policy, problem.gamma), jnp.float32(1.0)


def projected(agent: Agent, ctx: Context, experts: str) -> tuple[jax.Array, jax.Array]:
    """The best reply to μ_E - μ̄, and the step towards it after which μ̄ is nearest to μ_E."""
    problem, own = ctx.setup.problem, agent.memory["counts"]
    wanted = jnp.asarray(problem.expert_counts(experts).mean(0), jnp.float32)
    visits = parts.best_reply(wanted - own, problem)
    way = parts.counts_of(visits, problem) - own
    share = jnp.clip(way @ (wanted - own) / jnp.maximum(way @ way, 1e-12), 0.0, 1.0)
    return visits, jnp.where(ctx.step == 0, 1.0, share)


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, reply: Reply, experts: str
) -> tuple[Agent, Metrics]:
    """One round: the reply takes its share of the mixture."""
    problem = ctx.setup.problem

    def mixed() -> Agent:
        visits, share = reply(agent, ctx, experts)
        return parts.mixed(agent, visits, share, problem)

    agent = jax.lax.cond((ctx.step == 0) | (reply is projected), mixed, lambda: agent)
    return agent, parts.measures(agent, problem)


def baseline(name: str, reply: Reply, *, experts: str = "exact", samples: int = 4096) -> Method:
    """One of them; `experts` and `samples` as in `reward_robust`."""
    parts.refuse_few(samples, name)
    return Method(
        name=name,
        hparams={"epsilon": parts.EPSILON},
        init=functools.partial(parts.init, experts=experts, samples=samples),
        act=parts.act,
        update=functools.partial(update, reply=reply, experts=experts),
        policies={"policy": parts.play},
        loop=Planning(check=parts.checked_by(experts)),
        needs=Needs(actions="discrete"),
    )


NAIVE = functools.partial(baseline, "naive-planning", mean_reward)
CLONING = functools.partial(baseline, "cloning-planning", cloned)
APPRENTICESHIP = functools.partial(baseline, "apprenticeship", projected)
