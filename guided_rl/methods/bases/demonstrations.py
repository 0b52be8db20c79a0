"""Baselines that use the expert's demonstrations instead of its advice.

`bc`: the expert alone, nothing is learned. `bc-finetune`: the actor starts as a clone of the
demonstrations and SAC goes on from there. `demos`: half of every batch comes from the
demonstrations (Ball et al. 2023, RLPD, arXiv 2302.02948, without its other changes).

Off: `demos` with `offline_ratio = 0` is SAC, bit for bit. `bc` has nothing to switch off, and `bc-finetune`
without its cloning would be SAC from other random numbers.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from guided_rl.data.replay import Layout, sample_indices
from guided_rl.methods.acts import expert_outcomes
from guided_rl.methods.base import Act, Agent, Batch, Context, Method, Metrics, Needs, OffPolicy, descend, optimizer
from guided_rl.methods.bases import sac
from guided_rl.methods.hparams import OFFLINE_RATIO

CLONING_STEPS, CLONING_BATCH, CLONING_RATE = 5_000, 256, 1e-3


def _follow(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    return Act(ctx.guide.action(obs), expert_outcomes(1.0))


def _learn_nothing(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
    return agent, {}


BC = Method(
    name="bc",
    hparams={},
    init=lambda key, ctx, dataset: Agent({}, {}, {}),
    act=_follow,
    update=_learn_nothing,
    policies={"policy": _follow},
    loop=OffPolicy(warmup=1.0, random_warmup=False),
    needs=Needs(guide=True),
)


def clone_actor(agent: Agent, key: jax.Array, ctx: Context, dataset: jax.Array) -> Agent:
    """Regress tanh(μ_θ(s)) on the demonstrations' actions, then start Adam afresh."""
    columns = Layout.of(ctx.setup.observation_size, ctx.setup.action_space.width)

    def step(agent: Agent, key: jax.Array) -> tuple[Agent, None]:
        rows = columns.unpack(dataset[sample_indices(key, CLONING_BATCH, dataset.shape[0])])

        def loss(params):
            mean, _ = sac.actor(ctx.setup).apply(params, rows["obs"])
            return jnp.mean((jnp.tanh(mean) - rows["action"]) ** 2), None

        return descend(agent, "actor", loss, CLONING_RATE)[0], None

    agent, _ = jax.lax.scan(step, agent, jax.random.split(key, CLONING_STEPS))
    return agent.replace(optimizers={**agent.optimizers, "actor": optimizer(agent.params["actor"])})


def _cloned_init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
    init_key, cloning_key = jax.random.split(key)
    return clone_actor(sac.init(init_key, ctx), cloning_key, ctx, dataset)


BC_FINETUNE = dataclasses.replace(
    sac.SAC, name="bc-finetune-sac", init=_cloned_init, loop=OffPolicy(random_warmup=False), needs=Needs(dataset=True)
)

DEMOS = dataclasses.replace(
    sac.SAC,
    name="demos-sac",
    hparams={**sac.HPARAMS, "offline_ratio": OFFLINE_RATIO},
    loop=OffPolicy(mixes_dataset=True),
    needs=Needs(dataset=True),
)
