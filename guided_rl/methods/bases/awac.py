"""AWAC: advantage-weighted actor-critic, offline and then online.

Nair et al. 2020, "AWAC: Accelerating Online Reinforcement Learning with Offline Datasets" (arXiv
2006.09359), equations 5 and 13. With a' ~ π(·|s'), a_π ~ π(·|s) and the minimum of twin critics:

    y = r + γ (1 - d) min_i Q̄_i(s', a')
    L_π = -E[min(exp(A / λ), 100) log π(a|s)],   A = Q(s, a) - Q(s, a_π)

`awr_temperature` is 1 / λ. The paper normalises the weights over the batch; here they are
clipped as IQL's are. `awac-offline` trains on a dataset, `awac` goes on from it online.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from guided_rl.guides.offline_agents import networks_of
from guided_rl.methods.base import (
    Agent,
    Batch,
    Context,
    Method,
    Metrics,
    Needs,
    Offline,
    OffPolicy,
    descend,
    optimizer,
    polyak,
)
from guided_rl.methods.bases import iql, unsquashed
from guided_rl.methods.hparams import OFFLINE_RATIO, HParam

HPARAMS = {name: iql.HPARAMS[name] for name in ("actor_lr", "critic_lr", "gamma", "tau", "reward_shift")}
HPARAMS |= {"awr_temperature": HParam(1.0, 0.0, doc="inverse temperature 1 / λ of the actor's weights exp(A / λ)")}


def _agent(params: dict) -> Agent:
    return Agent(params, {"critic": params["critic"]}, {name: optimizer(p) for name, p in params.items()})


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
    params = dict(iql.init(key, ctx).params)
    del params["value"]
    return _agent(params)


def critic_target(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> jax.Array:
    """y = r + γ (1 - d) min_i Q̄_i(s', a'),  a' ~ π(·|s')."""
    action = unsquashed.sample(agent.params["actor"], batch["next_obs"], key, ctx.setup)
    q = jnp.min(iql.critic(ctx.setup).apply(agent.targets["critic"], batch["next_obs"], action), axis=0)
    return batch["reward"] + ctx.hp["reward_shift"] + ctx.hp["gamma"] * (1.0 - batch["terminated"]) * q


def advantage(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> jax.Array:
    """A = min_i Q_i(s, a) - min_i Q_i(s, a_π), [batch]."""
    own = unsquashed.sample(agent.params["actor"], batch["obs"], key, ctx.setup)
    q = lambda action: jnp.min(iql.critic(ctx.setup).apply(agent.params["critic"], batch["obs"], action), axis=0)
    return q(batch["action"]) - q(own)


def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
    """Critics, their targets, then the actor."""
    target_key, actor_key = jax.random.split(key)
    target = jax.lax.stop_gradient(critic_target(agent, batch, target_key, ctx))
    agent, critic_metrics = descend(
        agent, "critic", lambda p: iql.critic_loss(p, target, batch, ctx), ctx.hp["critic_lr"]
    )
    agent = polyak(agent, "critic", ctx.hp["tau"])
    u = advantage(agent, batch, actor_key, ctx)
    loss = lambda p: iql.actor_loss(p, batch["obs"], batch["action"], u, ctx)
    agent, actor_metrics = descend(agent, "actor", loss, ctx.hp["actor_lr"])
    return agent, {**critic_metrics, **actor_metrics}


def _continued(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
    return _agent(networks_of(ctx.guide, init(key, ctx).params))


AWAC_OFFLINE = Method(
    name="awac-offline",
    hparams=HPARAMS,
    init=init,
    act=unsquashed.act,
    update=update,
    policies=iql.IQL.policies,
    loop=Offline(),
    needs=Needs(dataset=True),
)

AWAC = dataclasses.replace(
    AWAC_OFFLINE,
    name="awac",
    hparams={**HPARAMS, "offline_ratio": OFFLINE_RATIO},
    init=_continued,
    loop=OffPolicy(random_warmup=False, mixes_dataset=True),
    needs=Needs(guide=True, agents="awac-offline", dataset=True),
)
