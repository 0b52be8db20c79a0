"""PAG: perturbed action guidance; what acts in the guide's region may depart from it, a little and then more.

Daoudi et al. 2023 (arXiv 2402.13930), section 4.2. Elsewhere SAC's π_θ acts; in the region,

    a_PAG = a_g + β_k Φ u,    u ~ ξ_φ(·|s, a_g) in [-1, 1],    β_k = 1 - δ^⌊t / T_δ⌋,

clipped to ±0.999. ξ_φ is a second tanh-Gaussian actor with a temperature α_ξ of its own,

    L_ξ = E[α_ξ log ξ_φ(u|s, a_g) - λ(s) min_i Q_i(s, a_g + β_k Φ u)],

the critics are SAG's (`sag.switched_target`), actor and temperature SAC's. T_δ is the share
`decay_interval` of the budget; with T_δ = 0 (no decay, as in the authors' attractive tasks)
β ≡ 1. The entropy term and the clipping are from the authors' code, the rest is the paper's.

Off: λ ≡ 0 is SAC, bit for bit, where SAC too begins without random steps (warmup = 0).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.errors import UserError, unknown
from guided_rl.methods import sac
from guided_rl.methods.base import Act, Agent, Batch, Context, Method, Metrics, descend, optimizer
from guided_rl.methods.local_guidance import (
    DECAY,
    DECAY_RANGES,
    HEAD_STREAM,
    advice,
    advice_for,
    decayed,
    guide_acts,
    stated,
)
from guided_rl.methods.networks import EDGE, sample_squashed
from guided_rl.methods.sag import switched_target

TARGETS = ("sag", "pag", "theta")
HPARAMS = {**sac.HPARAMS, **DECAY, "phi": 0.5, "delta": 0.8}
RANGES = {**sac.SAC.ranges, **DECAY_RANGES, "phi": (1e-3, 2.0)}


def pag(*, target: str = "sag", sees_advice: bool = True, repo_literal: bool = False) -> Method:
    """PAG.

    Args:
      target: bootstrap where λ(s') = 1 from the guide's own action (`sag`, as the paper says),
        from the perturbed one, a_g' + β_k Φ tanh μ_ξ (`pag`), or always from π_θ (`theta`).
      sees_advice: ξ_φ reads (s, a_g), as in the paper, or s alone, as in the code.
      repo_literal: the authors' code where it departs from the paper. Replay keeps the
        perturbed actions at s and s' of the time they were drawn; the target bootstraps from the
        kept one, and L_ξ perturbs the kept one once more, by the whole of Φ; ξ_φ reads s alone.
    """
    if target not in TARGETS:
        raise unknown("target", target, TARGETS)
    if repo_literal and target == "pag":
        raise UserError("repo_literal bootstraps from the actions that replay keeps; use target=sag or theta with it")
    sees_advice = sees_advice and not repo_literal

    def head(params: Any, obs: jax.Array, guided: jax.Array, ctx: Context) -> tuple[jax.Array, jax.Array]:
        """Mean and log standard deviation of ξ_φ before tanh."""
        return sac.actor(ctx.setup).apply(params, jnp.concatenate([obs, guided], axis=-1) if sees_advice else obs)

    def init(key: jax.Array, ctx: Context) -> Agent:
        agent, setup = sac.init(key, ctx), ctx.setup
        seen = jnp.zeros(setup.observation_size + setup.action_size * sees_advice)
        new = {
            "perturbation": sac.actor(setup).init(jax.random.fold_in(key, HEAD_STREAM), seen),
            "log_perturbation_temperature": jnp.log(jnp.float32(ctx.hp["initial_temperature"])),
        }
        fresh = {name: optimizer(p) for name, p in new.items()}
        return agent.replace(params={**agent.params, **new}, optimizers={**agent.optimizers, **fresh})

    def perturbed(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
        """a_PAG [action] with u drawn."""
        guided = advice(obs, key, ctx)
        u, _ = sample_squashed(
            *head(agent.params["perturbation"], obs, guided, ctx), jax.random.fold_in(key, HEAD_STREAM)
        )
        return perturb(guided, u, reach(ctx))

    def perturbed_mode(agent: Agent, obs: jax.Array, guided: jax.Array, ctx: Context) -> jax.Array:
        """a_PAG [..., action] with u = tanh μ_ξ."""
        return perturb(guided, jnp.tanh(head(agent.params["perturbation"], obs, guided, ctx)[0]), reach(ctx))

    def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        own, guided = sac.act(agent, obs, key, ctx).executed, perturbed(agent, obs, key, ctx)
        executed = jnp.where(guide_acts(stated(agent, obs, ctx), key), guided, own)
        return Act(executed, {"guided": guided} if repo_literal else {})

    def arrive(agent: Agent, next_obs: jax.Array, key: jax.Array, ctx: Context) -> dict[str, jax.Array]:
        return {"next_guided": perturbed(agent, next_obs, key, ctx)}

    def switched(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
        """Deterministic: a_PAG with modes where λ(s) ≥ ½, tanh(μ_θ(s)) elsewhere."""
        guided = perturbed_mode(agent, obs, ctx.guide.action(obs), ctx)
        return jnp.where(stated(agent, obs, ctx) >= 0.5, guided, sac.mode(agent, obs, key, ctx))

    def bootstrapped(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> jax.Array:
        """a_g' [batch, action] of the target."""
        if repo_literal:
            return batch["next_guided"]
        guided = advice_for(batch["next_obs"], key, ctx)
        return guided if target == "sag" else perturbed_mode(agent, batch["next_obs"], guided, ctx)

    def perturbation_loss(params: Any, agent: Agent, batch: Batch, key: jax.Array, ctx: Context):
        """L_ξ above."""
        obs = batch["obs"]
        guided = batch["guided"] if repo_literal else advice_for(obs, key, ctx)
        u, log_prob = sample_squashed(*head(params, obs, guided, ctx), key)
        action = perturb(guided, u, ctx.hp["phi"] if repo_literal else reach(ctx))
        q = jnp.min(sac.critic(ctx.setup).apply(agent.params["critic"], obs, action), axis=0)
        trust = jax.vmap(lambda o: stated(agent, o, ctx))(obs)
        loss = jnp.mean(jnp.exp(agent.params["log_perturbation_temperature"]) * log_prob - trust * q)
        return loss, {"perturbation_loss": loss, "perturbation_entropy": -jnp.mean(log_prob)}

    learn = sac.update
    if target != "theta":
        learn = functools.partial(sac.update, critic_target=functools.partial(switched_target, advise=bootstrapped))

    def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
        agent, metrics = learn(agent, batch, key, ctx)
        head_key = jax.random.fold_in(key, HEAD_STREAM)
        loss = lambda params: perturbation_loss(params, agent, batch, head_key, ctx)
        agent, own = descend(agent, "perturbation", loss, ctx.hp["actor_lr"])
        entropy = jax.lax.stop_gradient(own["perturbation_entropy"])
        name = "log_perturbation_temperature"
        agent, _ = descend(agent, name, lambda p: sac.temperature_loss(p, entropy, ctx), ctx.hp["temperature_lr"])
        return agent, {**metrics, **own, "reach": reach(ctx)}

    kept = lambda setup: {"guided": setup.action_size, "next_guided": setup.action_size} if repo_literal else {}
    return dataclasses.replace(
        sac.SAC,
        name="pag",
        hparams=HPARAMS,
        ranges=RANGES,
        shares=("decay_interval",),
        init=init,
        act=act,
        arrive=arrive if repo_literal else None,
        columns=kept,
        update=update,
        policies={**sac.SAC.policies, "switched": switched},
        random_warmup=False,
        needs_guide=True,
    )


def reach(ctx: Context) -> jax.Array:
    """β_k Φ, how far a_PAG may be from the guide's action."""
    return (1.0 - decayed(ctx)) * ctx.hp["phi"]


def perturb(guided: jax.Array, u: jax.Array, reach: jax.Array) -> jax.Array:
    """a_g + β_k Φ u, clipped to ±0.999, beyond which its gradient is zero."""
    return jnp.clip(guided + reach * u, -EDGE, EDGE)
