"""What SAC-EO adds to SAC: expert pairs imitated through two learned models, weighted against reward.

Ozcan et al. 2024 (arXiv 2402.18836); the equations stand in `sac_eo`. Here are the term itself,
the models' disagreement, and SAC with the term under any weight: `sac_eo`, `modified_bco` and
`balanced_eo` choose the weight.
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
from guided_rl.methods.base import Act, Agent, Batch, Context, Events, EveryEpisode, Method, Metrics, Needs, OffPolicy
from guided_rl.methods.bases import sac
from guided_rl.methods.hparams import learning_rate, with_defaults
from guided_rl.methods.observations import dynamics, linear_temperature
from guided_rl.methods.observations.dynamics import MODELS, NEVER_VARIED, Fitting
from guided_rl.networks.distributions import sample_squashed
from guided_rl.runtime.rng import normal

HPARAMS = {
    **with_defaults(sac.HPARAMS, actor_lr=1e-4, temperature_lr=1e-4, initial_temperature=0.1),
    "model_lr": learning_rate(1e-3, "the forward models"),
}
IMITATION_STREAM, ORDER_STREAM, NOISE_STREAM = 0x656F, 0x6F72, 0x6E6F  # beyond the counters that SAC draws from a key
PROBED = 256
WATCHED = ("epsilon", "delta_max", "model_error_expert", "model_error_replay")
Weigh = Callable[..., jax.Array]


@dataclass(frozen=True)
class Imitation:
    """What the imitation term is made of.

    Attributes:
      fitting: of the forward models. models: how many of the two expert pairs pass through.
      drop: share of the observation, its last entries, that the expert set lacks.
      standardise: whether errors are divided by the expert set's standard deviation of each entry of s':
        of `nothing`, in the `loss` alone, or in `both`, the loss and δ.
      sampled: whether δ compares samples of Gaussian models instead of their means.
      scaled: whether actor and critics too see observations scaled as the models do.
      drawn: how often expert pairs are drawn, for every `update` or for an `episode`; `whole` is the set itself.
    """

    fitting: Fitting = field(default_factory=Fitting)
    models: int = MODELS
    drop: float = 0.0
    standardise: str = "nothing"
    sampled: bool = False
    scaled: bool = False
    drawn: str = "update"

    def squared(self, difference: jax.Array) -> jax.Array:
        """‖·‖² [...] over the entries [..., obs] that the expert set has."""
        known = difference.shape[-1] - round(self.drop * difference.shape[-1])
        return jnp.sum(difference[..., :known] ** 2, axis=-1)


def expert_set(dataset: jax.Array, ctx: Context) -> Batch:
    """D^e as named columns [pairs, ...]."""
    return Layout.of(ctx.setup.observation_size, ctx.setup.action_space.width).unpack(dataset)


def expert_deviation(expert: Batch, how: Imitation) -> dict[str, jax.Array]:
    """σ [obs] of s' over D^e, to be remembered; 1 for what never varies, and nothing if nobody asks."""
    if how.standardise == "nothing":
        return {}
    deviation = jnp.std(expert["next_obs"], axis=0)
    return {"expert_std": jnp.where(deviation > NEVER_VARIED, deviation, 1.0)}


def kept(expert: Batch, count: int, key: jax.Array, how: Imitation) -> dict[str, Batch]:
    """What a learner remembers of D^e until the next refit: `count` pairs (s, s'), all, or none if drawn anew."""
    if how.drawn == "update":
        return {}
    key = jax.random.fold_in(key, ORDER_STREAM)
    rows = slice(None) if how.drawn == "whole" else sample_indices(key, count, expert["obs"].shape[0])
    return {"expert": {name: expert[name][rows] for name in ("obs", "next_obs")}}


def imitated(agent: Agent, batch: Batch, key: jax.Array, how: Imitation) -> Batch:
    """The expert pairs of one update; kept ones in a new order, so that chance shares them out among the models."""
    if how.drawn == "update":
        return batch["expert"]
    pairs = agent.memory["expert"]
    order = jax.random.permutation(jax.random.fold_in(key, ORDER_STREAM), pairs["obs"].shape[0])
    return jax.tree.map(lambda x: x[order], pairs)


def seen(agent: Agent, obs: jax.Array, how: Imitation) -> jax.Array:
    """What actor and critics see of observations [..., obs]; scaled, by the statistics of the last refit's window."""
    if not how.scaled:
        return obs
    scale, size = agent.memory["normaliser"], obs.shape[-1]
    return (obs - scale["in_mean"][:size]) / scale["in_std"][:size]


def action_of(params: Any, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """a ~ π_θ(·|s), reparameterised."""
    return sample_squashed(*sac.moments(params, obs, ctx), key)[0]


def imitation_loss(params: Any, agent: Agent, expert: Batch, key: jax.Array, ctx: Context, how: Imitation) -> jax.Array:
    """MSE(θ) of the actor's `params`; the batch, drawn at random, is shared out among the models.

    It is the sum over the models of E ½‖s' - ŝ'‖², as in the authors' code: E ‖·‖² through two, half of it through one.
    """
    action = action_of(params, seen(agent, expert["obs"], how), key, ctx)
    share = lambda x: x.reshape(how.models, -1, x.shape[-1])
    error = share(expert["next_obs"]) - dynamics.predict(agent, share(expert["obs"]), share(action), ctx, how.fitting)
    if how.standardise != "nothing":
        error = error / agent.memory["expert_std"]
    return 0.5 * how.models * jnp.mean(how.squared(error))


def disagreement(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context, how: Imitation) -> jax.Array:
    """δ(s) [n] of states [n, obs]: how far the two models' ŝ' lie apart for one shared a ~ π_θ(·|s)."""
    action = action_of(agent.params["actor"], seen(agent, obs, how), key, ctx)
    both = lambda x: jnp.stack([x] * MODELS)
    predicted = dynamics.predict(agent, both(obs), both(action), ctx, how.fitting)
    if how.sampled:
        noise = normal(jax.random.fold_in(key, NOISE_STREAM), predicted.shape)
        predicted += dynamics.deviation(agent, ctx)[:, None] * noise
    one, other = predicted
    apart = one - other
    return jnp.sqrt(how.squared(apart / agent.memory["expert_std"] if how.standardise == "both" else apart))


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


def through_scale(method: Method, how: Imitation) -> Method:
    """`method` whose actor and critics, wherever they act or learn, are given what is `seen`."""

    def scaled(hook: Callable[..., Any]) -> Callable[..., Any]:
        return lambda agent, obs, key, ctx: hook(agent, seen(agent, obs, how), key, ctx)

    def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
        changed = {name: seen(agent, batch[name], how) for name in ("obs", "next_obs")}
        return method.update(agent, {**batch, **changed}, key, ctx)

    policies = {name: scaled(policy) for name, policy in method.policies.items()}
    return dataclasses.replace(method, act=scaled(method.act), update=update, policies=policies)


def act_by_mean(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    """tanh(μ_θ(s)), but a ~ π_θ(·|s) before learning begins, as the authors' code fills its buffers first."""
    sampled, mean = sac.act(agent, obs, key, ctx).action, sac.mode(agent, obs, key, ctx)
    return Act(jnp.where(agent.memory["learning"] > 0, mean, sampled))


def actor_gradient(agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, how: Imitation) -> tuple[Any, Metrics]:
    """∇J(θ) = (1 - ε) ∇J_SAC(θ) + ε ∇MSE(θ); a branch, so that ε = 0 leaves SAC's gradient to the last bit."""
    own, metrics = sac.actor_gradient(agent, batch, key, ctx)
    epsilon, imitation_key = agent.memory["epsilon"], jax.random.fold_in(key, IMITATION_STREAM)
    pairs = imitated(agent, batch, imitation_key, how)
    loss = lambda params: imitation_loss(params, agent, pairs, imitation_key, ctx, how)
    error, pull = jax.value_and_grad(loss)(agent.params["actor"])
    mixed = lambda: jax.tree.map(lambda g, h: (1.0 - epsilon) * g + epsilon * h, own, pull)
    return jax.lax.cond(epsilon > 0, mixed, lambda: own), {**metrics, "imitation": error}


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, step: Callable[..., Any], how: Imitation
) -> tuple[Agent, Metrics]:
    """SAC's `step`, but critics and α rest at ε = 1: an actor that does not follow α leaves it to grow without end."""
    followed = agent.memory["epsilon"] < 1
    rates = {name: ctx.hp[name] * followed for name in ("critic_lr", "temperature_lr")}
    gradient = functools.partial(actor_gradient, how=how)
    agent, metrics = step(agent, batch, key, ctx.replace(hp={**ctx.hp, **rates}), actor_gradient=gradient)
    return agent, {**metrics, **{name: agent.memory[name] for name in WATCHED}}


def imitating(
    weigh: Weigh,
    how: Imitation,
    expert_batch: int = 256,
    temperature: str = "log",
    noise: float = 0.0,
    collect: str = "sample",
) -> Method:
    """SAC with the imitation term, weighted by `weigh(agent, delta_max, ctx, recent, count, expert, key) -> ε`."""
    by_mean, step = collect == "mean", sac.update if temperature == "log" else linear_temperature.update
    learning = lambda begun: {"learning": jnp.float32(begun)} if by_mean else {}

    def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
        agent = dynamics.with_models(sac.init(key, ctx), jax.random.fold_in(key, IMITATION_STREAM), ctx, how.fitting)
        expert = expert_set(dataset, ctx)
        zeros = dict.fromkeys(WATCHED, jnp.float32(0))
        remembered = {**expert_deviation(expert, how), **learning(False), **kept(expert, expert_batch, key, how)}
        agent = agent.replace(memory={**agent.memory, **zeros, **remembered})
        return agent if temperature == "log" else linear_temperature.start(agent, ctx)

    def refit(agent: Agent, recent: Batch, count: jax.Array, key: jax.Array, ctx: Context, dataset: jax.Array) -> Agent:
        fit_key, delta_key, probe_key, weigh_key = jax.random.split(key, 4)
        agent = dynamics.fit(agent, recent, count, fit_key, ctx, how.fitting)
        expert = expert_set(dataset, ctx)
        delta_max = jnp.max(disagreement(agent, expert["obs"], delta_key, ctx, how))
        epsilon = weigh(agent, delta_max, ctx, recent=recent, count=count, expert=expert, key=weigh_key)
        known = {
            "epsilon": jnp.float32(epsilon),
            "delta_max": delta_max,
            "model_error_expert": model_error(agent, expert, expert["obs"].shape[0], probe_key, ctx, how),
            "model_error_replay": model_error(agent, recent, count, probe_key, ctx, how),
        }
        pairs = kept(expert, expert_batch, key, how)
        return agent.replace(memory={**agent.memory, **known, **learning(True), **pairs})

    method = dataclasses.replace(
        sac.SAC,
        name="sac-eo",
        hparams=HPARAMS,
        init=init,
        act=act_by_mean if by_mean else sac.act,
        update=functools.partial(update, step=step, how=how),
        loop=OffPolicy(random_warmup=False, expert_batch=expert_batch if how.drawn == "update" else 0),
        needs=Needs(
            dataset=True,
            observations_only=True,
            prepare=functools.partial(expert_observations, noise=noise, drop=how.drop, halves=True),
        ),
        events=Events(every_episode=EveryEpisode(refit, how.fitting.window)),
    )
    return through_scale(method, how) if how.scaled else method
