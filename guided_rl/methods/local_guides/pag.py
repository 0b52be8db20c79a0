"""PAG: perturbed action guidance; what acts in the guide's region may depart from it, a little and then more.

Daoudi et al. 2023 (arXiv 2402.13930), section 4.2, as the authors' code (RLLG) runs it; `pag_text` is the paper's
text. Outside the guide's region SAC's π_θ acts; within it

    a_PAG = a_g + β_k Φ u,    u ~ ξ_φ(·|s) in [-1, 1],    β_k = 1 - δ^⌊t / T_δ⌋,

clipped to ±0.999. Replay keeps a_PAG and, drawn on arrival, a_PAG' at s'. With them

    y   = r + γ (1 - d) { λ' min_i Q̄_i(s', a_PAG') + (1 - λ') [min_i Q̄_i(s', a') - α log π_θ(a'|s')] },
    L_ξ = E[α_ξ log ξ_φ(u|s) - λ(s) min_i Q_i(s, a_PAG + Φ u)].

The kept action is perturbed once more in L_ξ, and by the whole of Φ. ξ_φ is a second tanh-Gaussian actor with a
temperature α_ξ of its own; actor and temperature are SAC's. T_δ is the share `decay_interval` of the budget; with
T_δ = 0 (no decay, as in the authors' attractive tasks) β ≡ 1.

Off: λ ≡ 0 is SAC, bit for bit, where SAC too begins without random steps (warmup = 0).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.methods.acts import expert_outcomes
from guided_rl.methods.base import (
    Act,
    Agent,
    Batch,
    Context,
    Events,
    Method,
    Metrics,
    Needs,
    OffPolicy,
    Setup,
    descend,
    optimizer,
)
from guided_rl.methods.bases import sac
from guided_rl.methods.hparams import HParam, with_defaults
from guided_rl.methods.local_guides.local_guidance import (
    DECAY,
    HEAD_STREAM,
    advice,
    decayed,
    guide_acts,
    stated,
)
from guided_rl.methods.local_guides.sag import switched_target
from guided_rl.networks.distributions import EDGE, sample_squashed
from guided_rl.runtime.errors import unknown_name

TARGETS = ("kept", "theta")
HPARAMS = {
    **sac.HPARAMS,
    **with_defaults(DECAY, delta=0.8),
    "phi": HParam(0.5, 1e-3, 2.0, doc="Φ, how far the executed action may at last be from the guide's"),
}


def pag(*, target: str = "kept") -> Method:
    """PAG; `target` bootstraps where λ(s') = 1 from the kept a_PAG' (`kept`), or always from π_θ (`theta`)."""
    if target not in TARGETS:
        raise unknown_name("target", target, TARGETS)
    loss = functools.partial(
        perturbation_loss, from_state, base=lambda batch, key, ctx: batch["guided"], span=lambda ctx: ctx.hp["phi"]
    )
    learn = sac.update
    if target == "kept":
        kept = lambda agent, batch, key, ctx: batch["next_guided"]
        learn = functools.partial(sac.update, critic_target=functools.partial(switched_target, advise=kept))

    def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        guided = perturbed(from_state, agent, obs, key, ctx)
        choice = switch(guided, agent, obs, key, ctx)
        return Act(choice.action, {**choice.extras, "guided": guided})

    def after_next_obs(agent: Agent, next_obs: jax.Array, key: jax.Array, ctx: Context) -> dict[str, jax.Array]:
        return {"next_guided": perturbed(from_state, agent, next_obs, key, ctx)}

    return dataclasses.replace(
        perturbed_guidance(from_state, False, learn, loss),
        name="pag",
        act=act,
        events=Events(after_next_obs=after_next_obs),
        columns=lambda setup: {"guided": setup.action_size, "next_guided": setup.action_size},
    )


Head = Callable[[Any, jax.Array, jax.Array, Context], tuple[jax.Array, jax.Array]]
"""`(params, obs, a_g, ctx)` -> mean and log standard deviation [..., action] of ξ_φ before tanh."""


def from_state(params: Any, obs: jax.Array, guided: jax.Array, ctx: Context) -> tuple[jax.Array, jax.Array]:
    """ξ_φ(·|s)."""
    return sac.actor(ctx.setup).apply(params, obs)


def perturbed_guidance(head: Head, sees_advice: bool, learn: Callable, loss: Callable) -> Method:
    """SAC with ξ_φ beside it; how it acts is left to its two forms.

    Args:
      head: ξ_φ. sees_advice: whether it reads a_g beside s.
      learn: SAC's update with this form's target. loss: L_ξ, `(params, agent, batch, key, ctx) -> (loss, metrics)`.
    """

    def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
        agent, setup = sac.init(key, ctx), ctx.setup
        seen = jnp.zeros(seen_size(setup, sees_advice))
        new = {
            "perturbation": sac.actor(setup).init(jax.random.fold_in(key, HEAD_STREAM), seen),
            "log_perturbation_temperature": jnp.log(jnp.float32(ctx.hp["initial_temperature"])),
        }
        fresh = {name: optimizer(p) for name, p in new.items()}
        return agent.replace(params={**agent.params, **new}, optimizers={**agent.optimizers, **fresh})

    def switched(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        """Deterministic: a_PAG with modes where λ(s) ≥ ½, tanh(μ_θ(s)) elsewhere."""
        guided, acts = perturbed_mode(head, agent, obs, ctx.guide.action(obs), ctx), stated(agent, obs, ctx) >= 0.5
        return Act(jnp.where(acts, guided, sac.mode(agent, obs, key, ctx)), expert_outcomes(acts))

    def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
        agent, metrics = learn(agent, batch, key, ctx)
        head_key = jax.random.fold_in(key, HEAD_STREAM)
        agent, own = descend(agent, "perturbation", lambda p: loss(p, agent, batch, head_key, ctx), ctx.hp["actor_lr"])
        entropy = jax.lax.stop_gradient(own["perturbation_entropy"])
        name = "log_perturbation_temperature"
        agent, _ = descend(agent, name, lambda p: sac.temperature_loss(p, entropy, ctx), ctx.hp["temperature_lr"])
        return agent, {**metrics, **own, "reach": reach(ctx)}

    return dataclasses.replace(
        sac.SAC,
        hparams=HPARAMS,
        init=init,
        update=update,
        policies={**sac.SAC.policies, "switched": switched},
        loop=OffPolicy(random_warmup=False),
        needs=Needs(guide=True),
    )


def seen_size(setup: Setup, sees_advice: bool) -> int:
    """How many numbers ξ_φ reads."""
    return setup.observation_size + setup.action_size * sees_advice


def perturbed(head: Head, agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """a_PAG [action] with u drawn."""
    guided = advice(obs, key, ctx)
    u, _ = sample_squashed(*head(agent.params["perturbation"], obs, guided, ctx), jax.random.fold_in(key, HEAD_STREAM))
    return perturb(guided, u, reach(ctx))


def perturbed_mode(head: Head, agent: Agent, obs: jax.Array, guided: jax.Array, ctx: Context) -> jax.Array:
    """a_PAG [..., action] with u = tanh μ_ξ."""
    return perturb(guided, jnp.tanh(head(agent.params["perturbation"], obs, guided, ctx)[0]), reach(ctx))


def switch(guided: jax.Array, agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    """`guided` [action] with probability λ(s), else a ~ π_θ(·|s); a perturbed action counts as the guide's."""
    own, acts = sac.act(agent, obs, key, ctx).action, guide_acts(stated(agent, obs, ctx), key)
    return Act(jnp.where(acts, guided, own), expert_outcomes(acts))


def perturbation_loss(
    head: Head, params: Any, agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, base: Callable, span: Callable
) -> tuple[jax.Array, Metrics]:
    """L_ξ = E[α_ξ log ξ_φ(u|s) - λ(s) min_i Q_i(s, base + span · u)], `base` [batch, action] and `span` given."""
    obs, guided = batch["obs"], base(batch, key, ctx)
    u, log_prob = sample_squashed(*head(params, obs, guided, ctx), key)
    q = jnp.min(sac.critic(ctx.setup).apply(agent.params["critic"], obs, perturb(guided, u, span(ctx))), axis=0)
    trust = jax.vmap(lambda o: stated(agent, o, ctx))(obs)
    loss = jnp.mean(jnp.exp(agent.params["log_perturbation_temperature"]) * log_prob - trust * q)
    return loss, {"perturbation_loss": loss, "perturbation_entropy": -jnp.mean(log_prob)}


def reach(ctx: Context) -> jax.Array:
    """β_k Φ, how far a_PAG may be from the guide's action."""
    return (1.0 - decayed(ctx)) * ctx.hp["phi"]


def perturb(guided: jax.Array, u: jax.Array, span: jax.Array) -> jax.Array:
    """`guided` + `span` · u, clipped to ±0.999, beyond which its gradient is zero."""
    return jnp.clip(guided + span * u, -EDGE, EDGE)
