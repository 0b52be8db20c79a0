"""CQL: conservative Q-learning, the offline learner of Off2On.

Kumar et al. 2020, "Conservative Q-Learning for Offline Reinforcement Learning" (arXiv 2006.04779),
equation 4, on SAC. For each of the twin critics, with k actions of each of three kinds, uniform,
π(·|s') and π(·|s), all put into the state s and divided by the density μ that they were drawn from:

    C_i = E[log Σ_j exp(Q_i(s, a_j) - log μ(a_j)) - Q_i(s, a)]
    L_Q = ½ Σ_i (E[(Q_i(s, a) - y)²] + α C_i),   y = r + γ (1 - d) min_i Q̄_i(s', a'),  a' ~ π(·|s')

α is `cql_alpha`, fixed and not the Lagrange version's, as the paper's authors run these tasks
(5 or 10; in equation 4 it counts twice as much). Those of Off2On released the agents that CQL gave
them, not how they trained it. Actor and temperature are SAC's; CQL's authors let the actor clone
the data for its first 40,000 steps, which by their own word changes little, and which is left out.

An ensemble of N agents in one member of the population shares nothing: every one has its own
networks, its own start and its own batches. Together they act by their averaged moments.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Act, Agent, Batch, Context, Cost, Method, Metrics, Needs, Offline, Setup
from guided_rl.methods.bases import sac
from guided_rl.methods.hparams import REWARD_SHIFT, HParam, with_defaults
from guided_rl.networks.distributions import averaged_moments, sample_squashed
from guided_rl.runtime.errors import UserError

HPARAMS = {
    **with_defaults(sac.HPARAMS, actor_lr=1e-4, temperature_lr=1e-4),
    "cql_alpha": HParam(5.0, 0.0, doc="weight α of the conservative term"),
    "reward_shift": REWARD_SHIFT,
}
PROPOSAL_STREAM = 0x6371  # beyond any counter that SAC draws from the same key


def policy(setup: Setup, params: Any, obs: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and log standard deviation, before tanh, of the ensemble's Gaussian; `params` [members, ...]."""
    return averaged_moments(*jax.vmap(lambda p: sac.actor(setup).apply(p, obs))(params))


def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    """a ~ the ensemble's π(·|s)."""
    action, _ = sample_squashed(*policy(ctx.setup, agent.params["actor"], obs), key=key)
    return Act(action)


def mode(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """tanh of the members' mean μ(s)."""
    return jnp.tanh(policy(ctx.setup, agent.params["actor"], obs)[0])


def members_init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None, *, members: int) -> Agent:
    """SAC's networks for every member, leaves [members, ...]."""
    return jax.vmap(lambda k: sac.init(k, ctx))(jax.random.split(key, members))


def critic_target(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> jax.Array:
    """y = r + γ (1 - d) min_i Q̄_i(s', a'),  a' ~ π(·|s'), without SAC's entropy."""
    action, _ = sample_squashed(*sac.moments(agent.params["actor"], batch["next_obs"], ctx), key)
    q = jnp.min(sac.critic(ctx.setup).apply(agent.targets["critic"], batch["next_obs"], action), axis=0)
    return batch["reward"] + ctx.hp["gamma"] * (1.0 - batch["terminated"]) * q


def proposals(agent: Agent, batch: Batch, key: jax.Array, ctx: Context, count: int) -> tuple[jax.Array, jax.Array]:
    """a_j [3, count, batch, action] (uniform, at s', at s) and log μ(a_j) [3, count, batch]."""
    uniform_key, *keys = jax.random.split(key, 3)
    shape = (count, *batch["action"].shape)
    uniform = jax.random.uniform(uniform_key, shape, minval=-1.0, maxval=1.0)
    found = [(uniform, jnp.full(shape[:-1], -shape[-1] * jnp.log(2.0)))]
    for name, own in zip(("next_obs", "obs"), keys, strict=True):
        mean, log_std = sac.actor(ctx.setup).apply(agent.params["actor"], batch[name])
        found.append(sample_squashed(jnp.broadcast_to(mean, shape), jnp.broadcast_to(log_std, shape), own))
    actions, log_densities = zip(*found, strict=True)
    return jnp.stack(actions), jnp.stack(log_densities)


def conservatism(params: Any, batch: Batch, actions: jax.Array, log_density: jax.Array, ctx: Context) -> jax.Array:
    """C_i [2]: how far Q_i's soft maximum over actions is above its value of the data's own."""
    q = lambda action: sac.critic(ctx.setup).apply(
        params, jnp.broadcast_to(batch["obs"], (*action.shape[:-1], batch["obs"].shape[-1])), action
    )
    soft = jax.nn.logsumexp(q(actions) - log_density, axis=(1, 2))
    return jnp.mean(soft - q(batch["action"]), axis=-1)


def critic_loss(
    params: Any, target: jax.Array, batch: Batch, ctx: Context, *, actions: jax.Array, log_density: jax.Array
) -> tuple[jax.Array, Metrics]:
    """½ Σ_i (E[(Q_i(s, a) - y)²] + α C_i)."""
    loss, metrics = sac.critic_loss(params, target, batch, ctx)
    gap = conservatism(params, batch, actions, log_density, ctx)
    return loss + 0.5 * ctx.hp["cql_alpha"] * jnp.sum(gap), {**metrics, "conservatism": jnp.mean(gap)}


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, count: int = 10, backup_entropy: bool = False
) -> tuple[Agent, Metrics]:
    """One agent's step: SAC's, with the conservative critic loss."""
    batch = {**batch, "reward": batch["reward"] + ctx.hp["reward_shift"]}
    actions, log_density = proposals(agent, batch, jax.random.fold_in(key, PROPOSAL_STREAM), ctx, count)
    return sac.update(
        agent,
        batch,
        key,
        ctx,
        critic_target=sac.critic_target if backup_entropy else critic_target,
        critic_loss=functools.partial(critic_loss, actions=actions, log_density=log_density),
    )


def whole(option: str, value: Any, method: str) -> None:
    """Refuse an `option` that is no whole number from 1 on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(
            f"{option}={value} of {method} is no whole number from 1 on; give one such as --option {option}=2"
        )


def cql_offline(*, members: int = 1, actions: int = 10, backup_entropy: bool = False) -> Method:
    """CQL(H) on a dataset.

    Args:
      members: N, the agents of the ensemble; each has batches of its own.
      actions: k, sampled actions of each of the three kinds.
      backup_entropy: SAC's entropy in y, which the authors leave out by default.
    """
    whole("members", members, "cql-offline")
    whole("actions", actions, "cql-offline")
    one = functools.partial(update, count=actions, backup_entropy=backup_entropy)

    def everyone(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
        own = jax.tree.map(lambda column: column.reshape(members, -1, *column.shape[1:]), batch)
        step = jax.vmap(lambda agent, batch, key: one(agent, batch, key, ctx))
        agent, metrics = step(agent, own, jax.random.split(key, members))
        return agent, {name: jnp.mean(values) for name, values in metrics.items()}

    return Method(
        name="cql-offline",
        hparams=HPARAMS,
        init=functools.partial(members_init, members=members),
        act=act,
        update=everyone,
        policies={"policy": mode},
        loop=Offline(draws=members),
        needs=Needs(dataset=True),
        cost=Cost(ensemble=members, critic_rows=1 + 3 * actions),
    )
