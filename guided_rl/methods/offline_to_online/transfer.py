"""What PEX is compared with, all on IQL: `buffer`, `direct` and JSRL. Scratch is IQL itself.

`buffer`: fresh networks; half of every batch is offline data. `direct`: the offline agent goes on
learning online, on the same batches (IQL's own fine-tuning); its target starts as a copy of its
critic. `jsrl`: Uchendu et al. 2022, "Jump-Start Reinforcement Learning" (arXiv 2204.02372).

Off: `buffer` with `offline_ratio = 0`, and `jsrl` with `handover = 0` besides, are IQL, bit for bit.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from guided_rl.guides.offline_agents import networks_of
from guided_rl.methods.acts import expert_outcomes
from guided_rl.methods.base import Act, Agent, Batch, Context, Events, Needs, OffPolicy, optimizer
from guided_rl.methods.bases import iql, unsquashed
from guided_rl.methods.hparams import OFFLINE_RATIO, share_of_budget

HANDOVER = share_of_budget(0.5, "from when the guide plays no step of an episode; 0: from the start")

BUFFER = dataclasses.replace(
    iql.IQL,
    name="buffer",
    hparams={**iql.HPARAMS, "offline_ratio": OFFLINE_RATIO},
    loop=OffPolicy(random_warmup=False, mixes_dataset=True),
    needs=Needs(dataset=True),
)


def _continued(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
    params = networks_of(ctx.guide, iql.init(key, ctx).params)
    return Agent(params, {"critic": params["critic"]}, {name: optimizer(p) for name, p in params.items()})


DIRECT = dataclasses.replace(
    BUFFER, name="direct", init=_continued, needs=Needs(guide=True, agents="iql-offline", dataset=True)
)


def _init_clock(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
    return iql.init(key, ctx).replace(memory={"time": jnp.float32(0)})


def rolled_in(ctx: Context) -> jax.Array:
    """h: steps of each episode that the guide plays, from a whole episode down to none at `handover` of the budget."""
    left = jnp.maximum(0.0, 1.0 - ctx.progress / jnp.maximum(ctx.hp["handover"], 1e-9))
    return ctx.setup.episode_length * jnp.where(ctx.hp["handover"] > 0, left, 0.0)


def _jump_start(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    """The guide's mode for the first h steps, then the learner's sample."""
    own = unsquashed.act(agent, obs, key, ctx).action
    guided = agent.memory["time"] < rolled_in(ctx)
    return Act(jnp.where(guided, ctx.guide.action(obs), own), expert_outcomes(guided))


def _count(agent: Agent, seen: Batch, ctx: Context) -> Agent:
    time = jnp.where(seen["episode"] > 0, 0.0, seen["length"].astype(jnp.float32))
    return agent.replace(memory={"time": time})


# The paper shortens h when the learner does well enough or at random; here it falls with time, since
# no evaluation may steer training. The learner's networks are fresh, its batches half offline data.
JSRL = dataclasses.replace(
    BUFFER,
    name="jsrl",
    hparams={**BUFFER.hparams, "handover": HANDOVER},
    init=_init_clock,
    act=_jump_start,
    needs=Needs(guide=True, dataset=True),
    events=Events(after_step=_count),
)
