"""GORL-style: a guiding network weighs TD3+BC's constraint for every row of the batch.

After Yang et al. 2023, "Guided Offline Reinforcement Learning" (arXiv 2309.01448); what is known of it, and the guide's
equations, stand in `guide_network`. On TD3+BC, with B from the guide and no gradient through it:

    L_π = E[-Q_1(s, π(s)) / mean|Q_1| + B κ ‖π(s) - a‖²],   L_guide = E_expert[‖π_θ'(s) - a‖²]

The expert rows are the dataset's last `rows` ones, which no batch has. Before each update that moves the actor, the
guide takes a step of Adam along ∂L_guide/∂B, by the critic as it is then. `gorl_iql` does the same to IQL. CQL's
constraint is in its critics, which the expert's rows say nothing of within one virtual step; it has no guide here.

Off: `guide_lr` = 0 is TD3+BC on the rest of the dataset, bit for bit.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from guided_rl.data.replay import Layout
from guided_rl.methods.base import Agent, Batch, Context, Method, Metrics, Needs, Offline, at_every
from guided_rl.methods.bases import td3, td3_bc
from guided_rl.methods.sample_weights import guide_network
from guided_rl.methods.sample_weights.guide_network import GUIDE_STREAM, PROBE_STREAM, guide_inputs, weights
from guided_rl.methods.sample_weights.watch import EVERY, by_source, probes

HPARAMS = {**td3_bc.HPARAMS, **guide_network.HPARAMS}


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None, *, kind: str, rows: int) -> Agent:
    """TD3+BC's learner on the rows that are not the expert's; the guide; and the rows that are watched."""
    agent, width = td3_bc.init(key, ctx, dataset[:-rows]), guide_network.width_of(kind, ctx.setup)
    watched = probes(jax.random.fold_in(key, PROBE_STREAM), dataset, rows)
    return guide_network.with_guide(agent, jax.random.fold_in(key, GUIDE_STREAM), width, watched, ctx)


def guide_step(
    agent: Agent, batch: Batch, expert: Batch, ctx: Context, kind: str, relative: bool = False
) -> tuple[Agent, Metrics]:
    """One Adam step of w; both batches are scaled."""
    terms = lambda params: td3_bc.terms(params, agent, batch, ctx)
    x = guide_inputs(kind, batch, terms(agent.params["actor"]))
    expert_loss = lambda params: jnp.mean(td3_bc.squared_error(params, expert, ctx))
    return guide_network.guide_step(agent, x, terms, expert_loss, ctx, relative)


def weights_of(agent: Agent, guide, batch: Batch, ctx: Context, kind: str, relative: bool = False) -> jax.Array:
    """B of every row of a scaled batch [batch], by the `guide` and the actor and critic of `agent`."""
    x = guide_inputs(kind, batch, td3_bc.terms(agent.params["actor"], agent, batch, ctx))
    return weights(ctx.setup, guide, x, relative)


def watched_weights(agent: Agent, ctx: Context, kind: str) -> Metrics:
    """The weights 2 σ(f_w) of the watched rows by source, also with `relative` before they are divided."""
    unpack = Layout.of(ctx.setup.observation_size, ctx.setup.action_space.width).unpack
    scaled = lambda rows: td3_bc.scaled_batch(agent, unpack(rows))
    weigh = lambda rows: weights_of(agent, agent.params["guide"], scaled(rows), ctx, kind)
    return by_source(agent.memory["probes"], weigh)


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, kind: str, shuffled: bool, relative: bool
) -> tuple[Agent, Metrics]:
    """The guide and its weights where the actor is due, then TD3's update with them."""
    own = {name: column for name, column in batch.items() if name != "expert"}
    own, expert = td3_bc.scaled_batch(agent, own), td3_bc.scaled_batch(agent, batch["expert"])

    def guided(before):
        agent, _ = before
        after, metrics = guide_step(agent, own, expert, ctx, kind, relative)
        found = weights_of(agent, after.params["guide"], own, ctx, kind, relative)
        dealt = jax.random.permutation(jax.random.fold_in(key, GUIDE_STREAM), found) if shuffled else found
        return (after, dealt), metrics

    even = td3_bc.even(own)
    (agent, weight), guide_metrics = at_every(td3.POLICY_DELAY, ctx.step, guided, (agent, even))
    _, watched = at_every(EVERY, ctx.step, lambda agent: (agent, watched_weights(agent, ctx, kind)), agent)
    agent, metrics = td3_bc.learn(agent, {**own, "weight": weight}, key, ctx)
    return agent, {**metrics, **guide_metrics, **watched}


def gorl_style(
    *, inputs: str = "losses", rows: int = 200, batch: int = 64, shuffled: bool = False, relative: bool = False
) -> Method:
    """GORL-style on TD3+BC.

    Args:
      inputs: what the guide sees of a row, its `losses` or its `state-action`.
      rows: how many of the dataset's last rows are the expert's.
      batch: how many of them L_guide is taken over, drawn anew for every update.
      shuffled: whether the weights are dealt out at random within the batch: a control.
      relative: whether a batch's weights are divided by their mean.
    """
    guide_network.refuse_options(inputs, rows, batch, "gorl-style")
    return Method(
        name="gorl-style",
        hparams=HPARAMS,
        init=functools.partial(init, kind=inputs, rows=rows),
        act=td3_bc.TD3_BC.act,
        update=functools.partial(update, kind=inputs, shuffled=shuffled, relative=relative),
        policies=td3_bc.TD3_BC.policies,
        loop=Offline(expert_batch=batch, tail=rows, agents=False),
        needs=Needs(dataset=True, prepare=functools.partial(guide_network.enough_rows, tail=rows)),
    )
