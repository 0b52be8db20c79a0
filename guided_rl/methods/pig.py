"""PIG: policy improvement guidance; the guide speaks through the actor's loss and never acts.

Daoudi et al. 2023 (arXiv 2402.13930): SAC with, for the actor,

    L_π = E[α log π_θ(a|s) - min_i Q_i(s, a)] - β_k E_s[λ(s) log π_θ(a_g(s)|s)],    β_k = β δ^⌊t / T_δ⌋,

the mean over the whole batch. The density is that of the tanh-Gaussian at a_g, clipped to
±0.999, where its logarithm is finite. δ = 1 keeps β as it is, as in the authors' own runs.

Off: β = 0 is SAC, bit for bit.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.methods import sac
from guided_rl.methods.base import Agent, Batch, Context, Metrics
from guided_rl.methods.local_guidance import DECAY, DECAY_RANGES, advice_for, decayed, stated
from guided_rl.methods.networks import log_density, sample_squashed


def actor_loss(params: Any, agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[jax.Array, Metrics]:
    """L_π above."""
    obs, beta = batch["obs"], ctx.hp["beta"] * decayed(ctx)
    mean, log_std = sac.actor(ctx.setup).apply(params, obs)
    action, log_prob = sample_squashed(mean, log_std, key)
    q = jnp.min(sac.critic(ctx.setup).apply(agent.params["critic"], obs, action), axis=0)
    trust = jax.vmap(lambda o: stated(agent, o, ctx))(obs)
    advised = advice_for(obs, key, ctx)
    # A branch, because a term times 0 would still change how the rest is fused and rounded.
    imitation = jax.lax.cond(
        beta > 0, lambda m, s: jnp.mean(trust * log_density(m, s, advised)), lambda m, s: jnp.float32(0), mean, log_std
    )
    loss = jnp.mean(jnp.exp(agent.params["log_temperature"]) * log_prob - q) - beta * imitation
    return loss, {"actor_loss": loss, "entropy": -jnp.mean(log_prob), "guide_log_prob": imitation}


PIG = dataclasses.replace(
    sac.SAC,
    name="pig",
    hparams={**sac.HPARAMS, "beta": 1.0, **DECAY},
    ranges={**sac.SAC.ranges, "beta": (0.0, 1e6), **DECAY_RANGES},
    update=functools.partial(sac.update, actor_loss=actor_loss),
    needs_guide=True,
)
