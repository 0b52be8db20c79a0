"""GORL-style on IQL: a guiding network weighs the imitation of every row of the batch.

After Yang et al. 2023, "Guided Offline Reinforcement Learning" (arXiv 2309.01448); the guide's equations stand in
`guide_network`, as our reconstruction. IQL's actor has no term of its own that improves: advantage-weighted imitation
is its constraint and its improvement, so that the guide says how much of each row is imitated:

    L_π = -E[B min(exp(β u), 100) log π(a|s)],   L_guide = -E_expert[log π_θ'(a|s)]

V and Q are IQL's. The expert rows are the dataset's last `rows` ones, which no batch has.

Off: `guide_lr` = 0 is `iql-offline` on the rest of the dataset, up to rounding.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.data.replay import Layout
from guided_rl.methods.base import Agent, Batch, Context, Method, Metrics, Needs, Offline, at_every
from guided_rl.methods.bases import iql, unsquashed
from guided_rl.methods.sample_weights import guide_network
from guided_rl.methods.sample_weights.guide_network import GUIDE_STREAM, PROBE_STREAM, guide_inputs, weights
from guided_rl.methods.sample_weights.watch import EVERY, by_source, probes

HPARAMS = {**iql.HPARAMS, **guide_network.HPARAMS}


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None, *, kind: str, rows: int) -> Agent:
    """IQL's learner, the guide, and the rows that are watched."""
    agent, width = iql.init(key, ctx), guide_network.width_of(kind, ctx.setup)
    watched = probes(jax.random.fold_in(key, PROBE_STREAM), dataset, rows)
    return guide_network.with_guide(agent, jax.random.fold_in(key, GUIDE_STREAM), width, watched, ctx)


def surprise(params: Any, batch: Batch, ctx: Context) -> jax.Array:
    """-log π(a|s) of every row, [batch]."""
    return -unsquashed.log_prob(params, batch["obs"], batch["action"], ctx.setup)


def terms(params: Any, batch: Batch, u: jax.Array, ctx: Context) -> tuple[jax.Array, jax.Array]:
    """No improvement, and the constraint min(exp(β u), 100) · -log π(a|s), each [batch]."""
    return jnp.zeros_like(u), iql.imitation_weight(u, ctx) * surprise(params, batch, ctx)


def inputs_of(agent: Agent, batch: Batch, u: jax.Array, ctx: Context, kind: str) -> jax.Array:
    """x of every row: its advantage and its -log π, or its state and action."""
    return guide_inputs(kind, batch, (u, surprise(agent.params["actor"], batch, ctx)))


def watched_weights(agent: Agent, ctx: Context, kind: str) -> Metrics:
    """The weights 2 σ(f_w) of the watched rows by source, also with `relative` before they are divided."""
    unpack = Layout.of(ctx.setup.observation_size, ctx.setup.action_space.width).unpack

    def weigh(rows: jax.Array) -> jax.Array:
        batch = unpack(rows)
        u = iql.advantage(agent, batch["obs"], batch["action"], ctx)
        return weights(ctx.setup, agent.params["guide"], inputs_of(agent, batch, u, ctx, kind))

    return by_source(agent.memory["probes"], weigh)


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, kind: str, shuffled: bool, relative: bool
) -> tuple[Agent, Metrics]:
    """IQL's update, with the guide's step between V and Q and the actor."""
    expert = batch["expert"]

    def weigh(agent: Agent, batch: Batch, u: jax.Array) -> tuple[Agent, jax.Array, Metrics]:
        x = inputs_of(agent, batch, u, ctx, kind)
        expert_loss = lambda params: jnp.mean(surprise(params, expert, ctx))
        own = lambda params: terms(params, batch, u, ctx)
        agent, metrics = guide_network.guide_step(agent, x, own, expert_loss, ctx, relative)
        found = weights(ctx.setup, agent.params["guide"], x, relative)
        dealt = jax.random.permutation(jax.random.fold_in(key, GUIDE_STREAM), found) if shuffled else found
        return agent, dealt, metrics

    _, watched = at_every(EVERY, ctx.step, lambda agent: (agent, watched_weights(agent, ctx, kind)), agent)
    own = {name: column for name, column in batch.items() if name != "expert"}
    agent, metrics = iql.update(agent, own, key, ctx, decay=True, weigh=weigh)
    return agent, {**metrics, **watched}


def gorl_iql(
    *, inputs: str = "losses", rows: int = 200, batch: int = 64, shuffled: bool = False, relative: bool = False
) -> Method:
    """GORL-style on IQL; switches as those of `gorl_style`, where `losses` are a row's advantage and -log π."""
    guide_network.refuse_options(inputs, rows, batch, "gorl-style-iql")
    return Method(
        name="gorl-style-iql",
        hparams=HPARAMS,
        init=functools.partial(init, kind=inputs, rows=rows),
        act=iql.IQL.act,
        update=functools.partial(update, kind=inputs, shuffled=shuffled, relative=relative),
        policies=iql.IQL.policies,
        loop=Offline(expert_batch=batch, tail=rows),
        needs=Needs(dataset=True, prepare=functools.partial(guide_network.enough_rows, tail=rows)),
    )
