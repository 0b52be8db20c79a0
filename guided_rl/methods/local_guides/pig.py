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

from guided_rl.methods.base import Agent, Batch, Context, Metrics, Needs
from guided_rl.methods.bases import sac
from guided_rl.methods.local_guides.local_guidance import BETA, DECAY, advice_for, decayed, stated
from guided_rl.networks.distributions import log_density


def guide_log_prob(params: Any, agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> jax.Array:
    """E_s[λ(s) log π_θ(a_g(s)|s)]."""
    obs = batch["obs"]
    trust = jax.vmap(lambda o: stated(agent, o, ctx))(obs)
    return jnp.mean(trust * log_density(*sac.moments(params, obs, ctx), advice_for(obs, key, ctx)))


def actor_gradient(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Any, Metrics]:
    """∇L_π above; a branch, so that β = 0 leaves SAC's gradient to the last bit."""
    own, metrics = sac.actor_gradient(agent, batch, key, ctx)
    beta = ctx.hp["beta"] * decayed(ctx)

    def guided():
        spoken, pull = jax.value_and_grad(guide_log_prob)(agent.params["actor"], agent, batch, key, ctx)
        return jax.tree.map(lambda g, h: g - beta * h, own, pull), spoken

    gradient, spoken = jax.lax.cond(beta > 0, guided, lambda: (own, jnp.float32(0)))
    return gradient, {**metrics, "guide_log_prob": spoken}


PIG = dataclasses.replace(
    sac.SAC,
    name="pig",
    hparams={**sac.HPARAMS, "beta": BETA, **DECAY},
    update=functools.partial(sac.update, actor_gradient=actor_gradient),
    needs=Needs(guide=True),
)
