"""IQL: implicit Q-learning, the learner of policy expansion, offline and online.

Kostrikov et al. 2021, "Offline Reinforcement Learning with Implicit Q-Learning" (arXiv
2110.06169), equations 5 to 7. With u = min_i Q̄_i(s, a) - V(s), in the order of the authors of
PEX, whose released code computes u and V(s') before any network moves:

    L_V = E[|τ - 1(u < 0)| u²]
    L_Q = ½ Σ_i E[(Q_i(s, a) - y)²],   y = r + γ (1 - d) V(s')
    L_π = -E[min(exp(β u), 100) log π(a|s)]

τ is `expectile`, β is `awr_temperature` (an inverse temperature); `tau` is the targets' rate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp

from guided_rl.methods.base import (
    Agent,
    Batch,
    Context,
    Method,
    Metrics,
    Needs,
    Offline,
    OffPolicy,
    Setup,
    descend,
    optimizer,
    polyak,
)
from guided_rl.methods.bases import unsquashed
from guided_rl.methods.bases.sac import critic, critic_loss
from guided_rl.methods.hparams import GAMMA, REWARD_SHIFT, TAU, HParam, learning_rate
from guided_rl.networks.mlp import MLP

HPARAMS = {
    "actor_lr": learning_rate(3e-4, "the actor"),
    "critic_lr": learning_rate(3e-4, "the critics"),
    "value_lr": learning_rate(3e-4, "V"),
    "gamma": GAMMA,
    "tau": TAU,
    "expectile": HParam(0.7, 1e-3, 1 - 1e-3, doc="expectile τ that V is of Q"),
    "awr_temperature": HParam(3.0, 0.0, doc="inverse temperature β of the actor's weights exp(β u)"),
    "reward_shift": REWARD_SHIFT,  # AntMaze: -1, so that every step costs
}
LARGEST_WEIGHT = 100.0
Imitate = Callable[..., tuple[jax.Array, jax.Array, Metrics]]
Weigh = Callable[[Agent, Batch, jax.Array], tuple[Agent, jax.Array, Metrics]]


def value(setup: Setup, params: Any, obs: jax.Array) -> jax.Array:
    """V(s), [...]."""
    return MLP(setup.hidden, 1, setup.activation, setup.initialization).apply(params, obs)[..., 0]


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
    setup = ctx.setup
    actor_key, critic_key, value_key = jax.random.split(key, 3)
    obs, action = jnp.zeros(setup.observation_size), jnp.zeros(setup.action_size)
    params = {
        "actor": unsquashed.actor(setup).init(actor_key, obs),
        "critic": critic(setup).init(critic_key, obs, action),
        "value": MLP(setup.hidden, 1, setup.activation, setup.initialization).init(value_key, obs),
    }
    return Agent(params, {"critic": params["critic"]}, {name: optimizer(p) for name, p in params.items()})


def advantage(agent: Agent, obs: jax.Array, action: jax.Array, ctx: Context) -> jax.Array:
    """u = min_i Q̄_i(s, a) - V(s), [...]."""
    q = critic(ctx.setup).apply(agent.targets["critic"], obs, action)
    return jnp.min(q, axis=0) - value(ctx.setup, agent.params["value"], obs)


def expectile_loss(u: jax.Array, expectile: jax.Array) -> jax.Array:
    """|τ - 1(u < 0)| u², elementwise; the weight is τ where u > 0 and 1 - τ elsewhere."""
    return jnp.where(u > 0, expectile, 1.0 - expectile) * u**2


def imitation_weight(u: jax.Array, ctx: Context) -> jax.Array:
    """min(exp(β u), 100), elementwise."""
    return jnp.minimum(jnp.exp(ctx.hp["awr_temperature"] * u), LARGEST_WEIGHT)


def actor_loss(
    params: Any, obs: jax.Array, action: jax.Array, u: jax.Array, ctx: Context, share: jax.Array | None = None
) -> tuple[jax.Array, Metrics]:
    """-E[min(exp(β u), 100) log π(a|s)], advantage-weighted regression; no gradient through u.

    With `share` [batch], so much of every row.
    """
    weight = imitation_weight(u, ctx) if share is None else share * imitation_weight(u, ctx)
    log_prob = unsquashed.log_prob(params, obs, action, ctx.setup)
    chex.assert_equal_shape([weight, log_prob])
    loss = -jnp.mean(jax.lax.stop_gradient(weight) * log_prob)
    return loss, {"actor_loss": loss, "advantage": jnp.mean(u)}


def replayed(
    agent: Agent, batch: Batch, u: jax.Array, key: jax.Array, ctx: Context
) -> tuple[jax.Array, jax.Array, Metrics]:
    """What IQL's actor imitates: the batch's own actions, weighted by u from before the update."""
    return batch["action"], u, {}


def update(
    agent: Agent,
    batch: Batch,
    key: jax.Array,
    ctx: Context,
    *,
    imitate: Imitate = replayed,
    actors: Sequence[str] = ("actor",),
    decay: bool = False,
    weigh: Weigh | None = None,
) -> tuple[Agent, Metrics]:
    """V, Q, the targets and the actors, in this order; y and u are from before any of them moved.

    `imitate(agent, batch, u, key, ctx)` gives the actor's target actions [batch, action], their
    advantages [batch] and metrics; it sees the agent with V, Q and targets already moved. With
    `decay` the actor's rate falls to 0 over the budget by a cosine, as in offline training.
    `weigh(agent, batch, u)` may learn before the actors do; it gives the share of each row that is imitated [batch].
    """
    obs, hp, setup = batch["obs"], ctx.hp, ctx.setup
    q = jnp.min(critic(setup).apply(agent.targets["critic"], obs, batch["action"]), axis=0)
    u = q - value(setup, agent.params["value"], obs)
    following = value(setup, agent.params["value"], batch["next_obs"])
    target = batch["reward"] + hp["reward_shift"] + hp["gamma"] * (1.0 - batch["terminated"]) * following

    def value_loss(params: Any) -> tuple[jax.Array, Metrics]:
        v = value(setup, params, obs)
        chex.assert_equal_shape([q, v])
        loss = jnp.mean(expectile_loss(q - v, hp["expectile"]))
        return loss, {"value_loss": loss, "v": jnp.mean(v)}

    agent, value_metrics = descend(agent, "value", value_loss, hp["value_lr"])
    agent, critic_metrics = descend(agent, "critic", lambda p: critic_loss(p, target, batch, ctx), hp["critic_lr"])
    agent = polyak(agent, "critic", hp["tau"])
    action, weighted, chosen = imitate(agent, batch, u, key, ctx)
    share = None
    if weigh is not None:
        agent, share, found = weigh(agent, batch, u)
        chosen = {**chosen, **found}
    rate = hp["actor_lr"] * (0.5 * (1.0 + jnp.cos(jnp.pi * ctx.progress)) if decay else 1.0)
    for name in actors:
        agent, actor_metrics = descend(agent, name, lambda p: actor_loss(p, obs, action, weighted, ctx, share), rate)
    return agent, {**value_metrics, **critic_metrics, **actor_metrics, **chosen}


IQL = Method(
    name="iql",
    hparams=HPARAMS,
    init=init,
    act=unsquashed.act,
    update=update,
    policies={"policy": unsquashed.mode},
    loop=OffPolicy(random_warmup=False),
)


def _decayed(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
    return update(agent, batch, key, ctx, decay=True)


IQL_OFFLINE = dataclasses.replace(IQL, name="iql-offline", update=_decayed, loop=Offline(), needs=Needs(dataset=True))
