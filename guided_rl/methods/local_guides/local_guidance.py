"""What the methods with a local guide share: its action, who acts, and the decay of its influence.

Daoudi et al. 2023, "Enhancing Reinforcement Learning Agents with Local Guides" (arXiv
2402.13930). A guide π_g is good where its confidence λ(s) is 1 and silent where it is 0. Between
the two, of which the paper does not speak, the guide acts with probability λ(s).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Agent, Context
from guided_rl.methods.hparams import HParam, share_of_budget

GUIDE_STREAM, SWITCH_STREAM, HEAD_STREAM = 0x6775, 0x7377, 0x7061  # beyond the counters that SAC draws from a key
DECAY = {
    "delta": HParam(1.0, 1e-3, 1.0, doc="factor δ of the guide's influence at each decay; 1: none"),
    "decay_interval": share_of_budget(0.025, "T_δ, the time between two decays"),
}
BETA = HParam(1.0, 0.0, 1e6, doc="weight β of the guide's term before it decays; 0: none")

Trust = Callable[[Agent, jax.Array, Context], jax.Array]


def stated(agent: Agent, obs: jax.Array, ctx: Context) -> jax.Array:
    """λ(s) as the guide states it."""
    return ctx.guide.confidence(obs)


def advice(obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """a_g ~ π_g(·|s) for one obs [obs]; its only action where the guide is deterministic."""
    return ctx.guide.action(obs, jax.random.fold_in(key, GUIDE_STREAM))


def advice_for(obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """The same for a batch [batch, obs], each with its own number."""
    return jax.vmap(lambda o, k: advice(o, k, ctx))(obs, jax.random.split(key, obs.shape[0]))


def guide_acts(trust: jax.Array, key: jax.Array) -> jax.Array:
    """True with probability λ(s)."""
    return jax.random.uniform(jax.random.fold_in(key, SWITCH_STREAM)) < trust


def decayed(ctx: Context) -> jax.Array:
    """δ^⌊t / T_δ⌋; T_δ = decay_interval · budget, which is 50k of 2M steps in the paper. 0 if T_δ = 0 and δ < 1."""
    interval = jnp.round(ctx.hp["decay_interval"] * ctx.setup.budget)
    times = jnp.where(interval > 0, jnp.floor(ctx.step / jnp.maximum(interval, 1.0)), jnp.inf)
    return ctx.hp["delta"] ** times
