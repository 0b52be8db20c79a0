"""SAC's temperature as SAC-EO's official code has it, to see what that does.

Its variable v starts at log α_0, below zero, but is used as α itself and floored at 1e-5 after
every update: α begins at 1e-5 instead of α_0 and then moves linearly.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Agent, Batch, Context, Metrics, descend, optimizer
from guided_rl.methods.bases import sac

LEAST = 1e-5


def start(agent: Agent, ctx: Context) -> Agent:
    """`agent` with v = log α_0 and α = 1e-5."""
    v = jnp.log(jnp.float32(ctx.hp["initial_temperature"]))
    params = {**agent.params, "linear_temperature": v, "log_temperature": jnp.log(jnp.float32(LEAST))}
    return agent.replace(params=params, optimizers={**agent.optimizers, "linear_temperature": optimizer(v)})


def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context, **hooks: Any) -> tuple[Agent, Metrics]:
    """`sac.update` with α = max(v, 1e-5), where v descends v (H(π) - H̄) and is floored in its turn."""
    still = ctx.replace(hp={**ctx.hp, "temperature_lr": jnp.float32(0)})
    agent, metrics = sac.update(agent, batch, key, still, **hooks)
    gap = jax.lax.stop_gradient(metrics["entropy"] - ctx.hp["target_entropy"] * ctx.setup.action_size)
    loss = lambda v: (v * gap, None)
    agent, _ = descend(agent, "linear_temperature", loss, ctx.hp["temperature_lr"])
    floored = jnp.maximum(agent.params["linear_temperature"], LEAST)
    params = {**agent.params, "linear_temperature": floored, "log_temperature": jnp.log(floored)}
    return agent.replace(params=params), metrics
