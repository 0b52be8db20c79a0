"""SAC-EO: soft actor-critic that also imitates expert observations through learned models.

Ozcan, Giammarino, Queeney and Paschalidis 2024 (arXiv 2402.18836, IEEE CDC). The actor descends

    J(θ) = (1 - ε) · E[α log π_θ(a|s) - min_i Q_i(s, a)] + ε · MSE(θ),
    MSE(θ) = E_{(s, s') ~ D^e} ‖s' - ŝ'_φ(s, a)‖²,  a ~ π_θ(·|s),

where each expert pair passes through one of two frozen forward models (`dynamics`) and no
expert action is read. The models are refitted at the start of every episode, and then

    ε = 1 / (1 + β δ_max),   δ_max = max_{s ∈ D^e} ‖ŝ'_φ1(s, a) - ŝ'_φ2(s, a)‖₂

holds for that episode. Errors are in raw observation units, summed over dimensions. A fresh
batch of expert pairs is drawn for every update, where the authors' code takes all of them or
keeps one batch for an episode. This and what else is open are switches of `sac_eo`.

Off: `weight="fixed"` with ε = 0 is SAC, bit for bit, where SAC's first steps are its own
policy's too, as they are here. β = 0, hence ε = 1, is modified-BCO (`modified_bco`): critics and
temperature, which then act on nothing, rest.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax

from guided_rl.methods.base import Agent, Context, Method
from guided_rl.methods.hparams import HParam
from guided_rl.methods.observations.dynamics import MODELS, Fitting
from guided_rl.methods.observations.imitation import Imitation, imitating
from guided_rl.runtime.errors import UserError, unknown_name

BETA = HParam(100.0, 0.0, doc="β, how fast ε falls with the models' disagreement; 0: imitation alone")
EPSILON = HParam(0.01, 0.0, 1.0, doc="share ε of imitation in the actor's loss")
WEIGHTS = ("adaptive", "fixed")
TEMPERATURES = ("log", "linear")
LIKELIHOODS = ("mse", "gaussian")
DRAWN = ("update", "episode", "whole")
COLLECT = ("sample", "mean")
COMPARED = ("mean", "sample")
STANDARDISED = ("nothing", "loss", "both")


def adaptive(agent: Agent, delta_max: jax.Array, ctx: Context, **evidence: Any) -> jax.Array:
    """ε = 1 / (1 + β δ_max)."""
    return 1.0 / (1.0 + ctx.hp["beta"] * delta_max)


def fixed(agent: Agent, delta_max: jax.Array, ctx: Context, **evidence: Any) -> jax.Array:
    """ε as it was given."""
    return ctx.hp["epsilon"]


def refuse_numbers(expert_batch: int, noise: float, drop: float) -> None:
    """Refuse numbers with which no expert pairs are left to share out.

    Raises:
      UserError: which, and what to give.
    """
    if expert_batch < 2 or expert_batch % 2:
        raise UserError(f"expert_batch={expert_batch} cannot be halved between two models; give an even number")
    if not 0 <= drop < 1 or noise < 0:
        raise UserError(f"drop={drop} must be in [0, 1) and noise={noise} at least 0; change them")


def sac_eo(
    *,
    weight: str = "adaptive",
    models: int = MODELS,
    likelihood: str = "mse",
    normalise: bool = False,
    normalise_policy: bool = False,
    model_hidden: tuple[int, ...] = (512, 512),
    epochs: int = 10,
    window: int = 100_000,
    expert_batch: int = 256,
    expert_drawn: str = "update",
    temperature: str = "log",
    collect: str = "sample",
    standardise: str = "nothing",
    delta: str = "mean",
    noise: float = 0.0,
    drop: float = 0.0,
) -> Method:
    """SAC-EO.

    Args:
      weight: `adaptive` ε(β, δ_max), or the `fixed` ε of `hp["epsilon"]`.
      models: through how many of the two models expert pairs pass, 2 or 1; through one they count half, as in the code.
      likelihood: the models', `mse` or `gaussian`.
      normalise: scale the models' inputs and targets, which the code does not unless asked; actor and critics
        see raw observations.
      normalise_policy: they too see them scaled, by the same statistics, as the code has it where its
        normalisers are not the models' alone.
      model_hidden, epochs, window: of the models and their refits, see `dynamics.Fitting`.
      expert_batch: expert pairs in every update, an even number.
      expert_drawn: for every `update`, or once an `episode`, as the code does where a batch is asked
        for; or the `whole` set in every update, the code's default. These two are kept per learner.
      temperature: `log` α, or `linear`: the official code's, which starts at log α_0 < 0 and is
        floored at 1e-5.
      standardise: divide by the expert set's deviations, entry by entry, the errors of `nothing`, of the
        imitation `loss`, or of `both` it and δ; β depends on the units, so that another one suits then.
      delta: compares the models' `mean`, or where they are gaussian one `sample` of each, as the code
        does; noise in the data then counts as disagreement.
      collect: data with a `sample` of the policy, as SAC does, or with its `mean`, the code's default.
      noise: of the expert's observations, in standard deviations of each entry.
      drop: share of their entries, the last ones, that are missing.
    """
    for kind, value, known in (
        ("weight", weight, WEIGHTS),
        ("likelihood", likelihood, LIKELIHOODS),
        ("temperature", temperature, TEMPERATURES),
        ("expert_drawn", expert_drawn, DRAWN),
        ("collect", collect, COLLECT),
        ("standardise", standardise, STANDARDISED),
        ("delta", delta, COMPARED),
        ("number of models", models, (1, MODELS)),
    ):
        if value not in known:
            raise unknown_name(kind, str(value), [str(k) for k in known])
    refuse_numbers(expert_batch, noise, drop)
    if delta == "sample" and likelihood != "gaussian":
        raise UserError(f"delta=sample compares samples, which likelihood={likelihood} has none of; give gaussian")
    if normalise_policy and not normalise:
        raise UserError("normalise_policy scales as the models do, which normalise=false leaves unscaled; give true")
    fitting = Fitting(tuple(model_hidden), epochs=epochs, window=window, normalise=normalise, likelihood=likelihood)
    how = Imitation(
        fitting,
        models,
        drop,
        standardise=standardise,
        sampled=delta == "sample",
        scaled=normalise_policy,
        drawn=expert_drawn,
    )
    weigh = adaptive if weight == "adaptive" else fixed
    method = imitating(weigh, how, expert_batch, temperature, noise, collect)
    extra = {"beta": BETA} if weight == "adaptive" else {"epsilon": EPSILON}
    return dataclasses.replace(method, hparams={**method.hparams, **extra})
