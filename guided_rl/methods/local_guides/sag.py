"""SAG: strict action guidance; the guide acts wherever it is trusted.

Daoudi et al. 2023 (arXiv 2402.13930), section 4.1. Training and evaluation act by

    π_SAG(·|s) = λ(s) π_g(·|s) + (1 - λ(s)) π_θ(·|s),

and the critics learn the values of what acts: with a_g' = π_g(s'), λ' = λ(s'), a' ~ π_θ(s'),

    y = r + γ (1 - d) { λ' min_i Q̄_i(s', a_g') + (1 - λ') [min_i Q̄_i(s', a') - α log π_θ(a'|s')] }.

Actor and temperature are SAC's, on all states. `naive-sag` keeps SAC's own target, that of π_θ:
the comparison of the paper's appendix C.

Off: λ ≡ 0 is SAC, bit for bit, where SAC too begins without random steps (warmup = 0).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from guided_rl.methods.acts import expert_outcomes
from guided_rl.methods.base import Act, Agent, Batch, Context, Method, Needs, OffPolicy
from guided_rl.methods.bases import sac
from guided_rl.methods.local_guides.local_guidance import Trust, advice, advice_for, guide_acts, stated
from guided_rl.networks.distributions import sample_squashed
from guided_rl.runtime.errors import unknown_name

TARGETS = ("sag", "theta")


def switched_target(
    agent: Agent,
    batch: Batch,
    key: jax.Array,
    ctx: Context,
    *,
    trust: Trust = stated,
    advise: Callable[..., jax.Array] | None = None,
) -> jax.Array:
    """y [batch] of π_SAG; `advise(agent, batch, key, ctx)` may replace a_g' [batch, action]."""
    obs = batch["next_obs"]
    critic = functools.partial(sac.critic(ctx.setup).apply, agent.targets["critic"], obs)
    action, log_prob = sample_squashed(*sac.moments(agent.params["actor"], obs, ctx), key)
    guided = advice_for(obs, key, ctx) if advise is None else advise(agent, batch, key, ctx)
    share = jax.vmap(lambda o: trust(agent, o, ctx))(obs)
    own = jnp.min(critic(action), axis=0) - jnp.exp(agent.params["log_temperature"]) * log_prob
    value = share * jnp.min(critic(guided), axis=0) + (1.0 - share) * own
    return batch["reward"] + ctx.hp["gamma"] * (1.0 - batch["terminated"]) * value


def switched(trust: Trust = stated) -> Method:
    """SAC acting and evaluated by π_SAG, with whatever λ(s) `trust` gives; its losses are still SAC's."""

    def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        own, guided = sac.act(agent, obs, key, ctx).action, guide_acts(trust(agent, obs, ctx), key)
        return Act(jnp.where(guided, advice(obs, key, ctx), own), expert_outcomes(guided))

    def evaluated(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        """Deterministic: the guide's mode where λ(s) ≥ ½, tanh(μ_θ(s)) elsewhere."""
        guided = trust(agent, obs, ctx) >= 0.5
        return Act(jnp.where(guided, ctx.guide.action(obs), sac.mode(agent, obs, key, ctx)), expert_outcomes(guided))

    return dataclasses.replace(
        sac.SAC,
        act=act,
        policies={**sac.SAC.policies, "switched": evaluated},
        loop=OffPolicy(random_warmup=False),
        needs=Needs(guide=True),
    )


def sag(*, target: str = "sag") -> Method:
    """SAG; `target` bootstraps from π_SAG (`sag`), or from π_θ alone (`theta`)."""
    if target not in TARGETS:
        raise unknown_name("target", target, TARGETS)
    update = functools.partial(sac.update, critic_target=switched_target)
    return dataclasses.replace(
        switched(),
        name="sag" if target == "sag" else "naive-sag",
        update=update if target == "sag" else sac.update,
    )
