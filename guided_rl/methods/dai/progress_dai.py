"""Progress-driven DAI, a method of ours: α rises while what is executed stays as good as the expert.

DAI's schedule (`dai.linear`) needs T_change, which says in advance how fast the learner will
learn. Here the run itself decides. For the share `hold` of the budget, and at least one
episode, only the expert acts (α = 0) and the mean return of its episodes becomes the reference R̂. After every later
episode e of length L_e and return R_e,

    α ← clip(α ± L_e / (rise · T), floor(t), 1),   + if R_e ≥ R̂ - (1 - keep) |R̂|, else -,

where T is the budget, `rise` the share of it in which α could climb from 0 to 1 at the
fastest, and floor(t) = (t/T - force) / (1 - force) for t/T > force: from there α is led to 1
whatever happens, so that DAI's convergence argument, which needs α → 1, still holds.

Nearest published relative: the curriculum of jump-start RL (Uchendu et al. 2022, arXiv
2204.02372), which shortens the guide's share of an episode when evaluations stay within a
tolerance of the best; here the mixing weight moves, both ways, on executed episodes alone.

Off: `hold = 0` leaves no episode to judge by, so α ≡ 1; with `random_warmup=True` it is the base, bit for bit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Agent, Context, Events, Method
from guided_rl.methods.dai.dai import interpolated, one_adviser
from guided_rl.methods.hparams import HParam, share_of_budget

HPARAMS = {
    "hold": share_of_budget(0.02, "how long only the expert acts; 0: the learner acts alone from the start"),
    "rise": HParam(0.1, 1e-3, 10.0, share_of_budget=True, doc="the fastest in which α may climb from 0 to 1"),
    "keep": HParam(0.9, 0.0, 1.0, doc="share of the expert's return that an episode must keep for α to rise"),
    "force": share_of_budget(0.5, "from when α is led to 1 whatever happens", high=0.99),
}


def remembered(agent: Agent, ctx: Context) -> jax.Array:
    """The α that `after_step` keeps; 1 where the expert is never heard."""
    return jnp.where(ctx.hp["hold"] > 0, agent.memory["alpha"], 1.0)


def after_step(agent: Agent, seen: Mapping[str, jax.Array], ctx: Context) -> Agent:
    """Update the reference return while holding, and α at the end of every later episode."""
    hp, memory, ended = ctx.hp, agent.memory, seen["episode"] > 0
    holding = (ctx.progress < hp["hold"]) | (memory["episodes"] == 0)
    count = memory["episodes"] + jnp.where(ended & holding, 1.0, 0.0)
    total = memory["total"] + jnp.where(ended & holding, seen["return"], 0.0)
    reference = total / jnp.maximum(count, 1.0)
    good = seen["return"] >= reference - (1.0 - hp["keep"]) * jnp.abs(reference)
    move = jnp.where(good, 1.0, -1.0) * seen["length"] / (hp["rise"] * ctx.setup.budget)
    alpha = memory["alpha"] + jnp.where(ended & ~holding, move, 0.0)
    floor = jnp.clip((ctx.progress - hp["force"]) / (1.0 - hp["force"]), 0.0, 1.0)
    return agent.replace(memory={"alpha": jnp.clip(alpha, floor, 1.0), "episodes": count, "total": total})


def progress_dai(base: Method) -> Method:
    """`base` acting by DAI's mixture with the progress-driven α."""

    def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
        zero = jnp.float32(0)
        return base.init(key, ctx, dataset).replace(memory={"alpha": zero, "episodes": zero, "total": zero})

    return dataclasses.replace(
        interpolated(base, remembered, one_adviser),
        name=f"progress-dai-{base.name}",
        hparams={**base.hparams, **HPARAMS},
        init=init,
        events=Events(after_step=after_step),
    )
