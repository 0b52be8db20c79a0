"""DAI with a panel of experts of different quality, a method of ours: the critic picks the adviser.

For each state every expert of the panel proposes a_i = π_i(s), and DAI mixes with

    a_E(s) = a_j,   j = argmax_i min_k Q_k(s, a_i),

under the learner's own twin critics; the schedule and the losses are DAI's. While the critic
is untrained its choice is arbitrary among the experts, so a poor one costs little more than
averaging them all, the fixed rule this is compared with.

Nearest published relatives: max-aggregation of oracles (Cheng et al. 2020, MAMBA), which
compares the oracles' values instead of their actions' Q, and policy expansion (Zhang et al.
2023, arXiv 2302.00935), whose softmax over Q also includes the learner.

Off: `t_change = 0` (α ≡ 1) with `random_warmup=True` is the base, bit for bit.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Agent, Context, Method
from guided_rl.methods.bases import sac
from guided_rl.methods.dai.dai import T_CHANGE, interpolated, linear


def best_by_critic(agent: Agent, obs: jax.Array, key: jax.Array | None, ctx: Context) -> jax.Array:
    """a_j with j = argmax_i min_k Q_k(s, a_i)."""
    advice = ctx.guide.actions(obs)
    critic = sac.critic(ctx.setup)
    score = jax.vmap(lambda a: jnp.min(critic.apply(agent.params["critic"], obs, a), axis=0))(advice)
    return advice[jnp.argmax(score)]


def experts_dai(base: Method) -> Method:
    """DAI on `base` with the critic's choice among a panel of experts (a guide such as `bc@50+bc@100`)."""
    return dataclasses.replace(
        interpolated(base, linear, best_by_critic),
        name=f"experts-dai-{base.name}",
        hparams={**base.hparams, "t_change": T_CHANGE},
    )
