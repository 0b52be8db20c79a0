"""DAI: dynamic action interpolation, on any actor-critic base.

Cao 2025, "Dynamic Action Interpolation" (arXiv 2504.18766). The executed action is

    a_mix(s_t) = (1 - α(t)) · a_E(s_t) + α(t) · a_RL(s_t),     α(t) = min(1, t / T_change),

with a fixed expert a_E = π_E(s) and the learner's a_RL ~ π_θ(·|s). Losses are the base's.
What the paper leaves open is a switch of `dai`, with the choice of the spec as default; two
evaluation protocols, the learner's own `policy` and the executed `mixture`, answer what is
evaluated. Actions are mixed in [-1, 1]; the affine map to the model's range commutes.

Off: `t_change = 0` (α ≡ 1) with `random_warmup=True` is the base, bit for bit.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp

from guided_rl.methods.acts import as_act, expert_outcomes
from guided_rl.methods.base import Act, Agent, Context, Method
from guided_rl.methods.bases import sac, td3
from guided_rl.methods.hparams import share_of_budget
from guided_rl.runtime.errors import UserError, unknown_name

Alpha = Callable[[Agent, Context], jax.Array]
Advice = Callable[[Agent, jax.Array, jax.Array | None, Context], jax.Array]
EXPERT_STREAM = 0x6775  # beyond any counter that the base draws from the same key
T_CHANGE = share_of_budget(0.5, "T_change, when the learner acts alone; 0: from the start")
STORED = ("executed", "policy")
NOISE = ("inside", "after")
TARGET = ("policy", "mixture")
SCHEDULES = ("linear", "step")


def interpolate(alpha: jax.Array, expert: jax.Array, learner: jax.Array) -> jax.Array:
    """a_mix = (1 - α) a_E + α a_RL."""
    chex.assert_equal_shape([expert, learner])
    return (1.0 - alpha) * expert + alpha * learner


def linear(agent: Agent, ctx: Context) -> jax.Array:
    """α(t) = min(1, t / T_change); T_change is a share of the budget, and 0 means α ≡ 1."""
    t_change = ctx.hp["t_change"]
    ramp = ctx.progress / jnp.maximum(t_change, 1e-9)
    return jnp.where(t_change > 0, jnp.minimum(1.0, ramp), 1.0)


def step(agent: Agent, ctx: Context) -> jax.Array:
    """α(t) = 0 before T_change and 1 after: expert roll-outs first, then plain RL."""
    return (ctx.progress >= ctx.hp["t_change"]).astype(jnp.float32)


def one_adviser(agent: Agent, obs: jax.Array, key: jax.Array | None, ctx: Context) -> jax.Array:
    """a_E = π_E(s), its mode; a sample where a key is given and the expert is stochastic."""
    return ctx.guide.action(obs, key)


def dai(
    base: Method,
    *,
    schedule: str = "linear",
    stored: str = "executed",
    noise: str = "inside",
    target: str = "policy",
    stochastic_expert: bool = False,
    random_warmup: bool = False,
) -> Method:
    """DAI on `base`.

    Args:
      base: the actor-critic method whose losses stay as they are.
      schedule: `linear` as in the paper, or `step` (the baseline that separates interpolation
        from expert data).
      stored: the action in replay: the `executed` mixture, which caused r and s', or the
        learner's own `policy` action (open point A).
      noise: exploration noise `inside` a_RL, so scaled by α, or added `after` mixing (F).
      target: bootstrap with the learner's `policy`, or with the `mixture` (H).
      stochastic_expert: sample the expert's action instead of taking its mode (D).
      random_warmup: begin with the base's uniformly random steps (E).

    The evaluation protocols are open point B; T_change, point C, is the float `t_change`.
    """
    for kind, value, known in (
        ("schedule", schedule, SCHEDULES),
        ("stored action", stored, STORED),
        ("noise placement", noise, NOISE),
        ("target", target, TARGET),
    ):
        if value not in known:
            raise unknown_name(kind, value, known)
    alpha = linear if schedule == "linear" else step
    method = interpolated(base, alpha, one_adviser, stored=stored, noise=noise, stochastic_expert=stochastic_expert)
    return dataclasses.replace(
        method,
        name=f"{'dai' if schedule == 'linear' else 'step-dai'}-{base.name}",
        hparams={**base.hparams, "t_change": T_CHANGE},
        update=mixture_target(base, alpha) if target == "mixture" else base.update,
        loop=dataclasses.replace(base.off_policy, random_warmup=random_warmup),
    )


def interpolated(
    base: Method,
    alpha: Alpha,
    advise: Advice,
    *,
    stored: str = "executed",
    noise: str = "inside",
    stochastic_expert: bool = False,
) -> Method:
    """`base` acting by a_mix, with the mixing weight `alpha` and the expert's action from `advise`.

    The evaluated mixture is always deterministic: both take their modes.
    """

    def heard(agent: Agent, ctx: Context) -> dict[str, jax.Array]:
        """1 - α, computed apart from the mixture, whose last bits would else depend on being counted."""
        apart = ctx.replace(step=jax.lax.optimization_barrier(ctx.step))
        return expert_outcomes(1.0 - alpha(agent, apart))

    def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        choice = base.act(agent, obs, key, ctx)
        expert_key = jax.random.fold_in(key, EXPERT_STREAM) if stochastic_expert else None
        advice, weight = advise(agent, obs, expert_key, ctx), alpha(agent, ctx)
        if noise == "inside":
            executed = interpolate(weight, advice, choice.action)
        else:
            mode = as_act(base.policies["policy"](agent, obs, key, ctx)).action
            executed = jnp.clip(interpolate(weight, advice, mode) + (choice.action - mode), -1.0, 1.0)
        kept = executed if stored == "executed" else choice.action
        return Act(executed, {**choice.extras, "action": kept, **heard(agent, ctx)})

    def mixture(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
        own, weight = as_act(base.policies["policy"](agent, obs, key, ctx)).action, alpha(agent, ctx)
        return Act(interpolate(weight, advise(agent, obs, None, ctx), own), heard(agent, ctx))

    return dataclasses.replace(
        base,
        act=act,
        policies={**base.policies, "mixture": mixture},
        loop=dataclasses.replace(base.off_policy, random_warmup=False),
        needs=dataclasses.replace(base.needs, guide=True),
    )


def mixture_target(base: Method, alpha: Alpha) -> Callable[..., Any]:
    """`base.update` that bootstraps from a_mix at s' instead of the learner's own action.

    `alpha` may depend on time alone. The expert's mode is mixed in.

    Raises:
      UserError: `base` is neither SAC nor TD3.
    """
    modules = {"sac": sac, "td3": td3}
    if base.name not in modules:
        raise UserError(f"target=mixture is known for sac and td3, not for {base.name!r}; use target=policy")

    def behave(obs: jax.Array, action: jax.Array, ctx: Context) -> jax.Array:
        advice = jax.vmap(ctx.guide.action)(obs)
        return interpolate(alpha(None, ctx), advice, action)

    target = functools.partial(modules[base.name].critic_target, behave=behave)
    update: Any = base.update  # which takes what its hooks are replaced by
    return functools.partial(update, critic_target=target)
