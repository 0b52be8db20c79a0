"""HA-DIIQN-style: DIIQN for a learner whose actions are not the expert's.

arXiv 2511.03616, with the same reservations as `diiqn`. An expert pair counts as infeasible if the action inferred for
it is further off than the share `infeasible` of the largest error although every action was tried in its s. For such a
pair a bridge (`bridges`) of at most `steps` own steps to one of the expert's next `ahead` states is sought among the
newest own steps, once an episode length. Where one was ever found, its first action a_f stands in for a_e, and

    Φ = σ(β [Q(s_e, a_f) - Q(s_e, a_a)]) δ,

without ζ. Ours: states are the same where they are similar, the shortest bridge counts, and it is kept until a shorter
one is found.

Off: `infeasible = 1`, when no pair ever is, is DIIQN, bit for bit.
"""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Agent, Batch, Context, Events, EveryEpisode, Method, Metrics
from guided_rl.methods.bases import dqn
from guided_rl.methods.hparams import HParam
from guided_rl.methods.observations import diiqn as base
from guided_rl.methods.observations.bridges import EQUAL, NOWHERE, ahead_of, bridges
from guided_rl.methods.observations.diiqn import Expert, diiqn
from guided_rl.methods.observations.expert_actions import DISTANCES, Memory, nearest
from guided_rl.runtime.errors import UserError

HPARAMS = {
    **base.HPARAMS,
    "infeasible": HParam(0.5, 0.0, 1.0, doc="share of the largest error above which an inferred action is no match"),
}


def infeasible(agent: Agent, ctx: Context) -> jax.Array:
    """Which expert pairs no action of one's own reproduces, [N]."""
    memory, share = agent.memory, ctx.hp["infeasible"]
    tried = jnp.all(memory["tried"], axis=-1)
    return tried & (memory["error"] > share * memory["largest_error"]) & (share < 1)


def bridged(agent: Agent, ctx: Context, longest: int) -> jax.Array:
    """Which of those have a bridge, [N]."""
    return infeasible(agent, ctx) & (agent.memory["bridge_steps"] <= longest)


def numbers(memory: Memory, obs: jax.Array, ctx: Context, how: Expert) -> jax.Array:
    """The number of the expert's state that each of `obs` [batch, entries] is similar to, `NOWHERE` if none.

    States are numbered as the pairs' s, 0 to N - 1, then their s', N to 2 N - 1; the first of equals counts.
    """
    states = jnp.concatenate([memory["expert_obs"], memory["expert_next"]])
    number, similarity = nearest({**memory, "expert_obs": states}, obs, how.distance)
    return jnp.where(similarity >= ctx.hp["similarity"], number, NOWHERE)


def pairs_of(memory: Memory, obs: jax.Array, ctx: Context, how: Expert) -> jax.Array:
    """The expert pair in whose s each of `obs` [batch, entries] is, `NOWHERE` if in none."""
    number = numbers(memory, obs, ctx, how)
    return jnp.where(number < memory["expert_obs"].shape[0], number, NOWHERE)


def phi(agent: Agent, batch: Batch, pair: jax.Array, similarity: jax.Array, ctx: Context, *, longest: int) -> jax.Array:
    """Φ [batch], without ζ where a bridge stands in."""
    memory, hp = agent.memory, ctx.hp
    plain = base.phi(agent, batch, pair, similarity, ctx)
    q = dqn.critic(ctx.setup).apply(agent.params["critic"], memory["expert_obs"][pair])
    first = dqn.q_of(q, memory["bridge_action"][pair])
    prefers = base.preference(first, dqn.q_of(q, batch["action"]), hp["beta"])
    free = hp["confidence"] * prefers * base.familiarity(memory["count"][pair], hp["c_max"])
    stands_in = bridged(agent, ctx, longest)[pair] & (similarity >= hp["similarity"])
    return jnp.where(stands_in, free, plain)


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, how: Expert, double: bool, loss: str, longest: int
) -> tuple[Agent, Metrics]:
    """DIIQN's update, with the bridges' first actions in the place of those that cannot be inferred."""
    inferred, there = agent.memory["expert_action"], bridged(agent, ctx, longest)
    action = jnp.where(there, agent.memory["bridge_action"], inferred)
    trust = functools.partial(phi, longest=longest)
    known = agent.replace(memory={**agent.memory, "expert_action": action})
    known, metrics = base.update(known, batch, key, ctx, how=how, double=double, loss=loss, trust=trust)
    agent = known.replace(memory={**known.memory, "expert_action": inferred})
    return agent, {**metrics, "infeasible": jnp.mean(infeasible(agent, ctx)), "bridged": jnp.mean(there)}


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None, *, how: Expert, longest: int, ahead: int) -> Agent:
    agent = base.init(key, ctx, dataset, how=how)
    memory, pairs = agent.memory, agent.memory["expert_obs"].shape[0]
    rows = ahead_of(memory["expert_obs"], memory["expert_next"], ahead)
    reached = numbers(memory, memory["expert_next"], ctx, how)
    following = jnp.where(rows >= 0, reached[jnp.maximum(rows, 0)], NOWHERE)
    own = {
        "following": following,
        "tried": jnp.zeros((pairs, ctx.setup.actions), bool),
        "bridge_steps": jnp.full(pairs, longest + 1, jnp.int32),
        "bridge_action": jnp.zeros(pairs, jnp.int32),
    }
    return agent.replace(memory={**memory, **own})


def after_step(agent: Agent, seen: Batch, ctx: Context, *, how: Expert) -> Agent:
    """DIIQN's inference, and which actions were tried where."""
    agent = base.after_step(agent, seen, ctx, how=how)
    pair = pairs_of(agent.memory, seen["obs"][None], ctx, how)[0]
    tried = agent.memory["tried"]
    here = tried.at[jnp.maximum(pair, 0), seen["action"].astype(jnp.int32)].max(pair >= 0)
    return agent.replace(memory={**agent.memory, "tried": here})


def search(
    agent: Agent,
    recent: Batch,
    count: jax.Array,
    key: jax.Array,
    ctx: Context,
    dataset: jax.Array | None,
    *,
    how: Expert,
    longest: int,
) -> Agent:
    """Keep the shortest bridges among the newest steps, where they are shorter than those known."""
    window = recent["obs"].shape[0]
    exists = (jnp.arange(window) < count)[::-1]
    in_order = jax.tree.map(lambda column: column[::-1], recent)
    memory = agent.memory
    begins = jnp.where(exists, pairs_of(memory, in_order["obs"], ctx, how), NOWHERE)
    arrives = jnp.where(exists, numbers(memory, in_order["next_obs"], ctx, how), NOWHERE)
    gap = jnp.abs(in_order["next_obs"][:-1] - in_order["obs"][1:])
    linked = jnp.append(jnp.all(gap < EQUAL, axis=-1), False)
    linked = linked & (in_order["terminated"] == 0)
    steps, first = bridges(begins, arrives, linked, memory["following"], longest)
    shorter = steps < memory["bridge_steps"]
    action = in_order["action"].astype(jnp.int32)[first]
    found = {
        "bridge_steps": jnp.where(shorter, steps, memory["bridge_steps"]),
        "bridge_action": jnp.where(shorter, action, memory["bridge_action"]),
    }
    return agent.replace(memory={**memory, **found})


def ha_diiqn(
    *,
    expert_loss: str = "agent_reward",
    distance: str = "euclidean",
    rows: int = 2_000,
    steps: int = 4,
    ahead: int = 4,
    window: int = 1_000,
    double: bool = False,
    train_every: int = 1,
    loss: str = "huber",
) -> Method:
    """HA-DIIQN-style.

    Args:
      expert_loss, distance, rows, double, train_every, loss: as `diiqn.diiqn`'s.
      steps: k, the longest bridge, in own steps.
      ahead: n, how many of the expert's next states a bridge may lead to.
      window: newest own steps that are searched.

    Raises:
      UserError: a switch has a value that it does not take.
    """
    for name, value in (("steps", steps), ("ahead", ahead), ("window", window)):
        if value < 1:
            raise UserError(f"{name} is {value}; a bridge takes at least 1")
    plain = diiqn(
        expert_loss=expert_loss, distance=distance, rows=rows, double=double, train_every=train_every, loss=loss
    )
    how = Expert(expert_loss, DISTANCES[distance])
    learn = functools.partial(update, how=how, double=double, loss=loss, longest=steps)
    hook = functools.partial(search, how=how, longest=steps)
    return dataclasses.replace(
        plain,
        name="ha-diiqn",
        hparams=HPARAMS,
        init=functools.partial(init, how=how, longest=steps, ahead=ahead),
        update=dqn.every(train_every, learn),
        events=Events(
            after_step=functools.partial(after_step, how=how), every_episode=EveryEpisode(hook, window=window)
        ),
    )
