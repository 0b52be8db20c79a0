"""RG: reward guidance, **in our own definition**.

Daoudi et al. 2023 (arXiv 2402.13930) name "reward guided" among the ways to use a local guide,
but neither its equation nor code for it could be found. This is the reward's analogue of PIG's
term, with the same λ, β and decay: SAC on

    r_k(s, a) = r(s, a) - β_k λ(s) ‖a - a_g(s)‖²,    β_k = β δ^⌊t / T_δ⌋,

computed anew for each batch with the current β_k. The guide never acts.

Off: β = 0 is SAC, bit for bit.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Agent, Batch, Context, Metrics, Needs
from guided_rl.methods.bases import sac
from guided_rl.methods.local_guides.local_guidance import BETA, DECAY, advice_for, decayed, stated


def guided_reward(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> jax.Array:
    """r_k above, [batch]."""
    obs = batch["obs"]
    trust = jax.vmap(lambda o: stated(agent, o, ctx))(obs)
    distance = jnp.sum((batch["action"] - advice_for(obs, key, ctx)) ** 2, axis=-1)
    return batch["reward"] - ctx.hp["beta"] * decayed(ctx) * trust * distance


def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
    return sac.update(agent, {**batch, "reward": guided_reward(agent, batch, key, ctx)}, key, ctx)


RG = dataclasses.replace(
    sac.SAC,
    name="rg",
    hparams={**sac.HPARAMS, "beta": BETA, **DECAY},
    update=update,
    needs=Needs(guide=True),
)
