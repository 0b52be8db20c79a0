"""PAG as its paper's text has it, where the authors' code (`pag`) departs from it.

Daoudi et al. 2023 (arXiv 2402.13930), section 4.2. ξ_φ reads the guide's action too, the target bootstraps from what
the guide itself would do, and the loss perturbs the guide's own action by as much as acting does:

    a_PAG = a_g + β_k Φ u,    u ~ ξ_φ(·|s, a_g) in [-1, 1],
    y     = r + γ (1 - d) { λ' min_i Q̄_i(s', a_g') + (1 - λ') [min_i Q̄_i(s', a') - α log π_θ(a'|s')] },
    L_ξ   = E[α_ξ log ξ_φ(u|s, a_g) - λ(s) min_i Q_i(s, a_g + β_k Φ u)].

The entropy term and the clipping are from the authors' code. While β_k = 0 the two forms act and learn alike.

Off: λ ≡ 0 is SAC, bit for bit, where SAC too begins without random steps (warmup = 0).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Act, Agent, Batch, Context, Method
from guided_rl.methods.bases import sac
from guided_rl.methods.local_guides.local_guidance import advice_for
from guided_rl.methods.local_guides.pag import (
    from_state,
    perturbation_loss,
    perturbed,
    perturbed_guidance,
    perturbed_mode,
    reach,
    switch,
)
from guided_rl.methods.local_guides.sag import switched_target
from guided_rl.runtime.errors import unknown_name

TARGETS = ("sag", "pag", "theta")


def pag_text(*, target: str = "sag", sees_advice: bool = True) -> Method:
    """The text's PAG.

    Args:
      target: bootstrap where λ(s') = 1 from the guide's own action (`sag`, as the text says), from the perturbed
        one, a_g' + β_k Φ tanh μ_ξ (`pag`), or always from π_θ (`theta`).
      sees_advice: ξ_φ reads (s, a_g), or s alone.
    """
    if target not in TARGETS:
        raise unknown_name("target", target, TARGETS)
    head = from_state_and_advice if sees_advice else from_state
    loss = functools.partial(
        perturbation_loss, head, base=lambda batch, key, ctx: advice_for(batch["obs"], key, ctx), span=reach
    )

    def bootstrapped(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> jax.Array:
        """a_g' [batch, action] of the target."""
        guided = advice_for(batch["next_obs"], key, ctx)
        return guided if target == "sag" else perturbed_mode(head, agent, batch["next_obs"], guided, ctx)

    learn = sac.update
    if target != "theta":
        learn = functools.partial(sac.update, critic_target=functools.partial(switched_target, advise=bootstrapped))

    def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        return switch(perturbed(head, agent, obs, key, ctx), agent, obs, key, ctx)

    return dataclasses.replace(perturbed_guidance(head, sees_advice, learn, loss), name="pag-text", act=act)


def from_state_and_advice(params: Any, obs: jax.Array, guided: jax.Array, ctx: Context) -> tuple[jax.Array, jax.Array]:
    """ξ_φ(·|s, a_g)."""
    return sac.actor(ctx.setup).apply(params, jnp.concatenate([obs, guided], axis=-1))
