"""Baselines that use the expert's demonstrations instead of its advice.

`bc`: the expert alone, nothing is learned. `bc-finetune`: the actor starts as a clone of the
demonstrations and SAC goes on from there. `demos`: half of every batch comes from the
demonstrations (Ball et al. 2023, RLPD, arXiv 2302.02948, without its other changes). On discrete actions the base is
discrete SAC or DQN, `bc` plays the expert's likeliest action, and a clone's loss is the cross-entropy -log π_θ(a|s).

Off: `demos` with `offline_ratio = 0` is its base, bit for bit. `bc` has nothing to switch off, and `bc-finetune`
without its cloning would be SAC from other random numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.data.replay import Layout, sample_indices
from guided_rl.methods.acts import expert_outcomes
from guided_rl.methods.base import Act, Agent, Batch, Context, Method, Metrics, Needs, OffPolicy, descend, optimizer
from guided_rl.methods.bases import sac, sac_discrete
from guided_rl.methods.bases.dqn import dqn, q_of
from guided_rl.methods.hparams import OFFLINE_RATIO

CLONING_STEPS, CLONING_BATCH, CLONING_RATE = 5_000, 256, 1e-3


def _follow(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    return Act(ctx.guide.best_action(obs, ctx.setup.action_space), expert_outcomes(1.0))


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
    needs=Needs(actions="any", guide=True),
)


def regression(params: Any, rows: Batch, ctx: Context) -> jax.Array:
    """E ‖tanh(μ_θ(s)) - a‖² / |A|."""
    mean, _ = sac.actor(ctx.setup).apply(params, rows["obs"])
    return jnp.mean((jnp.tanh(mean) - rows["action"]) ** 2)


def cross_entropy(params: Any, rows: Batch, ctx: Context) -> jax.Array:
    """E[-log π_θ(a|s)], of discrete actions."""
    return -jnp.mean(q_of(sac_discrete.log_policy(params, rows["obs"], ctx), rows["action"]))


def clone_actor(agent: Agent, key: jax.Array, ctx: Context, dataset: jax.Array, cloning_loss=regression) -> Agent:
    """Descend `cloning_loss` on the demonstrations, then start Adam afresh."""
    columns = Layout.of(ctx.setup.observation_size, ctx.setup.action_space.width)

    def step(agent: Agent, key: jax.Array) -> tuple[Agent, None]:
        rows = columns.unpack(dataset[sample_indices(key, CLONING_BATCH, dataset.shape[0])])

        return descend(agent, "actor", lambda params: (cloning_loss(params, rows, ctx), None), CLONING_RATE)[0], None

    agent, _ = jax.lax.scan(step, agent, jax.random.split(key, CLONING_STEPS))
    return agent.replace(optimizers={**agent.optimizers, "actor": optimizer(agent.params["actor"])})


def cloned(base: Method, cloning_loss: Callable[..., jax.Array]) -> Method:
    """`base`, whose actor begins as a clone of the demonstrations."""

    def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
        init_key, cloning_key = jax.random.split(key)
        return clone_actor(base.init(init_key, ctx, None), cloning_key, ctx, dataset, cloning_loss)

    needs = dataclasses.replace(base.needs, dataset=True)
    loop = OffPolicy(random_warmup=False)
    return dataclasses.replace(base, name=f"bc-finetune-{base.name}", init=init, loop=loop, needs=needs)


def with_demonstrations(base: Method) -> Method:
    """`base`, of whose batches a share comes from the demonstrations."""
    return dataclasses.replace(
        base,
        name=f"demos-{base.name}",
        hparams={**base.hparams, "offline_ratio": OFFLINE_RATIO},
        loop=dataclasses.replace(base.off_policy, mixes_dataset=True),
        needs=dataclasses.replace(base.needs, dataset=True),
    )


def demos_dqn(*, double: bool = False, train_every: int = 1, loss: str = "huber") -> Method:
    """DQN with demonstrations; the switches are `dqn`'s."""
    return with_demonstrations(dqn(double=double, train_every=train_every, loss=loss))


BC_FINETUNE = cloned(sac.SAC, regression)
BC_FINETUNE_DISCRETE = cloned(sac_discrete.SAC_DISCRETE, cross_entropy)
DEMOS = with_demonstrations(sac.SAC)
DEMOS_DISCRETE = with_demonstrations(sac_discrete.SAC_DISCRETE)
