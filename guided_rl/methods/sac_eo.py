"""SAC-EO: soft actor-critic that also imitates expert observations through learned models.

Ozcan, Giammarino, Queeney and Paschalidis 2024 (arXiv 2402.18836, IEEE CDC). The actor descends

    J(θ) = (1 - ε) · E[α log π_θ(a|s) - min_i Q_i(s, a)] + ε · MSE(θ),
    MSE(θ) = E_{(s, s') ~ D^e} ‖s' - ŝ'_φ(s, a)‖²,  a ~ π_θ(·|s),

where each expert pair passes through one of two frozen forward models (`dynamics`) and no
expert action is read. The models are refitted at the start of every episode, and then

    ε = 1 / (1 + β δ_max),   δ_max = max_{s ∈ D^e} ‖ŝ'_φ1(s, a) - ŝ'_φ2(s, a)‖₂

holds for that episode. Errors are in raw observation units, summed over dimensions. A fresh
batch of expert pairs is drawn for every update.

Off: `weight="fixed"` with ε = 0 is SAC, bit for bit, where SAC's first steps are its own
policy's too, as they are here. β = 0, hence ε = 1, is modified-BCO (`modified_bco`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.data.observations import expert_observations
from guided_rl.data.replay import Layout, sample_indices
from guided_rl.errors import UserError, unknown
from guided_rl.methods import dynamics, linear_temperature, sac
from guided_rl.methods.base import Agent, Batch, Context, Method, Metrics
from guided_rl.methods.dynamics import MODELS, Fitting
from guided_rl.methods.networks import sample_squashed

HPARAMS = {
    **sac.HPARAMS,
    "actor_lr": 1e-4,
    "temperature_lr": 1e-4,
    "initial_temperature": 0.1,
    "model_lr": 1e-3,
}
IMITATION_STREAM = 0x656F  # beyond any counter that SAC draws from the same key
WEIGHTS = ("adaptive", "fixed")
TEMPERATURES = ("log", "linear")
LIKELIHOODS = ("mse", "gaussian")
PROBED = 256
Weigh = Callable[..., jax.Array]


@dataclass(frozen=True)
class Imitation:
    """What the imitation term is made of.

    Attributes:
      fitting: of the forward models. models: how many of the two expert pairs pass through.
      drop: share of the observation, its last entries, that the expert set lacks.
    """

    fitting: Fitting = field(default_factory=Fitting)
    models: int = MODELS
    drop: float = 0.0

    def squared(self, difference: jax.Array) -> jax.Array:
        """‖·‖² [...] over the entries [..., obs] that the expert set has."""
        known = difference.shape[-1] - round(self.drop * difference.shape[-1])
        return jnp.sum(difference[..., :known] ** 2, axis=-1)


def action_of(params: Any, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """a ~ π_θ(·|s), reparameterised."""
    return sample_squashed(*sac.actor(ctx.setup).apply(params, obs), key)[0]


def imitation_loss(params: Any, agent: Agent, expert: Batch, key: jax.Array, ctx: Context, how: Imitation) -> jax.Array:
    """MSE(θ) of the actor's `params`; the batch, drawn at random, is shared out among the models."""
    action = action_of(params, expert["obs"], key, ctx)
    share = lambda x: x.reshape(how.models, -1, x.shape[-1])
    error = share(expert["next_obs"]) - dynamics.predict(agent, share(expert["obs"]), share(action), ctx, how.fitting)
    return jnp.mean(how.squared(error))


def disagreement(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context, how: Imitation) -> jax.Array:
    """δ(s) [n] of states [n, obs]: how far the two models' ŝ' lie apart for one shared a ~ π_θ(·|s)."""
    action = action_of(agent.params["actor"], obs, key, ctx)
    both = lambda x: jnp.stack([x] * MODELS)
    one, other = dynamics.predict(agent, both(obs), both(action), ctx, how.fitting)
    return jnp.sqrt(how.squared(one - other))


def adaptive(agent: Agent, delta_max: jax.Array, ctx: Context, **evidence: Any) -> jax.Array:
    """ε = 1 / (1 + β δ_max)."""
    return 1.0 / (1.0 + ctx.hp["beta"] * delta_max)


def fixed(agent: Agent, delta_max: jax.Array, ctx: Context, **evidence: Any) -> jax.Array:
    """ε as it was given."""
    return ctx.hp["epsilon"]


def imitating(
    weigh: Weigh, how: Imitation, expert_batch: int = 256, temperature: str = "log", noise: float = 0.0
) -> Method:
    """SAC with the imitation term, weighted by `weigh(agent, delta_max, ctx, recent, count, expert, key) -> ε`."""

    def init(key: jax.Array, ctx: Context) -> Agent:
        agent = dynamics.with_models(sac.init(key, ctx), jax.random.fold_in(key, IMITATION_STREAM), ctx, how.fitting)
        zeros = dict.fromkeys(("epsilon", "delta_max", "model_error_expert", "model_error_replay"), jnp.float32(0))
        agent = agent.replace(memory={**agent.memory, **zeros})
        return agent if temperature == "log" else linear_temperature.start(agent, ctx)

    def refit(agent: Agent, recent: Batch, count: jax.Array, key: jax.Array, ctx: Context) -> Agent:
        fit_key, delta_key, probe_key, weigh_key = jax.random.split(key, 4)
        agent = dynamics.fit(agent, recent, count, fit_key, ctx, how.fitting)
        expert = Layout.of(ctx.setup.observation_size, ctx.setup.action_size).unpack(ctx.offline)
        delta_max = jnp.max(disagreement(agent, expert["obs"], delta_key, ctx, how))
        epsilon = weigh(agent, delta_max, ctx, recent=recent, count=count, expert=expert, key=weigh_key)
        known = {
            "epsilon": jnp.float32(epsilon),
            "delta_max": delta_max,
            "model_error_expert": model_error(agent, expert, expert["obs"].shape[0], probe_key, ctx, how),
            "model_error_replay": model_error(agent, recent, count, probe_key, ctx, how),
        }
        return agent.replace(memory={**agent.memory, **known})

    def actor_gradient(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Any, Metrics]:
        """∇J(θ) = (1 - ε) ∇J_SAC(θ) + ε ∇MSE(θ); a branch, so that ε = 0 leaves SAC's gradient to the last bit."""
        own, metrics = sac.actor_gradient(agent, batch, key, ctx)
        epsilon, imitation_key = agent.memory["epsilon"], jax.random.fold_in(key, IMITATION_STREAM)
        loss = lambda params: imitation_loss(params, agent, batch["expert"], imitation_key, ctx, how)
        error, pull = jax.value_and_grad(loss)(agent.params["actor"])
        mixed = lambda: jax.tree.map(lambda g, h: (1.0 - epsilon) * g + epsilon * h, own, pull)
        return jax.lax.cond(epsilon > 0, mixed, lambda: own), {**metrics, "imitation": error}

    def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
        step = sac.update if temperature == "log" else linear_temperature.update
        agent, metrics = step(agent, batch, key, ctx, actor_gradient=actor_gradient)
        return agent, {**metrics, **{name: agent.memory[name] for name in agent.memory if name != "normaliser"}}

    return dataclasses.replace(
        sac.SAC,
        name="sac-eo",
        hparams=HPARAMS,
        init=init,
        update=update,
        refit=refit,
        window=how.fitting.window,
        expert_batch=expert_batch,
        random_warmup=False,
        needs_dataset=True,
        observations_only=True,
        prepare=functools.partial(expert_observations, noise=noise, drop=how.drop, halves=True),
    )


def sac_eo(
    *,
    weight: str = "adaptive",
    models: int = MODELS,
    likelihood: str = "mse",
    normalise: bool = True,
    model_hidden: tuple[int, ...] = (512, 512),
    epochs: int = 10,
    window: int = 100_000,
    expert_batch: int = 256,
    temperature: str = "log",
    noise: float = 0.0,
    drop: float = 0.0,
) -> Method:
    """SAC-EO.

    Args:
      weight: `adaptive` ε(β, δ_max), or the `fixed` ε of `hp["epsilon"]`.
      models: through how many of the two models expert pairs pass, 2 or 1.
      likelihood: the models', `mse` or `gaussian`.
      normalise: scale the models' inputs and targets; actor and critics see raw observations.
      model_hidden, epochs, window: of the models and their refits, see `dynamics.Fitting`.
      expert_batch: expert pairs in every update, an even number.
      temperature: `log` α, or `linear`: the official code's, which starts at log α_0 < 0 and is
        floored at 1e-5.
      noise: of the expert's observations, in standard deviations of each entry.
      drop: share of their entries, the last ones, that are missing.
    """
    for kind, value, known in (
        ("weight", weight, WEIGHTS),
        ("likelihood", likelihood, LIKELIHOODS),
        ("temperature", temperature, TEMPERATURES),
        ("number of models", models, (1, MODELS)),
    ):
        if value not in known:
            raise unknown(kind, str(value), [str(k) for k in known])
    if expert_batch < 2 or expert_batch % 2:
        raise UserError(f"expert_batch={expert_batch} cannot be halved between two models; give an even number")
    if not 0 <= drop < 1 or noise < 0:
        raise UserError(f"drop={drop} must be in [0, 1) and noise={noise} at least 0; change them")
    fitting = Fitting(tuple(model_hidden), epochs=epochs, window=window, normalise=normalise, likelihood=likelihood)
    how = Imitation(fitting, models, drop)
    method = imitating(adaptive if weight == "adaptive" else fixed, how, expert_batch, temperature, noise)
    extra = {"beta": 100.0} if weight == "adaptive" else {"epsilon": 0.01}
    ranges = {**method.ranges, "beta": (0.0, float("inf")), "epsilon": (0.0, 1.0)}
    return dataclasses.replace(method, hparams={**method.hparams, **extra}, ranges=ranges)


def model_error(agent: Agent, rows: Batch, count: jax.Array, key: jax.Array, ctx: Context, how: Imitation) -> jax.Array:
    """Mean ‖s' - ŝ'(s, a)‖₂ over models and some of the first `count` rows: looked at, never learned from.

    Rows whose action is NaN, for not being known, do not count; 0 where none is left.
    """
    drawn = sample_indices(key, PROBED, count)
    known = jnp.isfinite(rows["action"][drawn]).all(-1)
    obs, action, follows = (jnp.stack([rows[name][drawn]] * MODELS) for name in ("obs", "action", "next_obs"))
    action = jnp.where(known[:, None], action, 0.0)
    error = jnp.sqrt(how.squared(follows - dynamics.predict(agent, obs, action, ctx, how.fitting)))
    return jnp.sum(error * known) / jnp.maximum(MODELS * jnp.sum(known), 1)
