"""GAIfO-style adversarial imitation from observations, on SAC or discrete SAC.

Torabi, Warnell and Stone 2018 (arXiv 1807.06158): a discriminator D(s, s') tells the expert's
transitions from the learner's,

    L_D = -E_{D^e}[log D(s, s')] - E_D[log(1 - D(s, s'))] + λ E[(‖∇_x f(x)‖₂ - 1)²],

and the learner maximises r = -log(1 - D(s, s')). The published one is on-policy; here the
learner is SAC and rewards are computed when transitions are drawn, with the gradient penalty
on the logit f at random mixtures x of both kinds, as in Kostrikov et al. 2019 (DAC, arXiv
1809.02925). Inputs are scaled by the expert set's statistics. `reward_share` mixes the task's
reward in: 1 is imitation alone, as published.

Off: with `reward_share = 0` every update is the base's, bit for bit, where the base's first steps are its own policy's
too; a whole run is the base's to rounding, since the discriminator changes how the compiler groups sums.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.data.observations import expert_observations
from guided_rl.data.replay import Layout
from guided_rl.methods.base import Agent, Batch, Context, Method, Metrics, Needs, OffPolicy, Setup, descend, optimizer
from guided_rl.methods.bases.sac import SAC
from guided_rl.methods.bases.sac_discrete import SAC_DISCRETE
from guided_rl.methods.hparams import HParam, learning_rate
from guided_rl.networks.mlp import MLP

HPARAMS = {
    "discriminator_lr": learning_rate(3e-4, "the discriminator"),
    "penalty": HParam(10.0, 0.0, doc="weight λ of the discriminator's gradient penalty"),
    "reward_share": HParam(1.0, 0.0, 1.0, doc="share of imitation in the reward; the rest is the task's"),
}
DISCRIMINATOR_STREAM = 0x6164
LEAST_DEVIATION = 1e-3


def discriminator(setup: Setup) -> MLP:
    """(s, s') scaled -> the logit f, so that D = σ(f)."""
    return MLP(setup.hidden, 1, setup.activation, setup.initialization)


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None, *, base: Method) -> Agent:
    agent = base.init(key, ctx, None)
    pairs = transitions(Layout.of(ctx.setup.observation_size, ctx.setup.action_space.width).unpack(dataset))
    scale = {"mean": jnp.mean(pairs, axis=0), "std": jnp.maximum(jnp.std(pairs, axis=0), LEAST_DEVIATION)}
    params = discriminator(ctx.setup).init(jax.random.fold_in(key, DISCRIMINATOR_STREAM), pairs[0])
    return agent.replace(
        params={**agent.params, "discriminator": params},
        optimizers={**agent.optimizers, "discriminator": optimizer(params)},
        memory={**agent.memory, **scale},
    )


def transitions(batch: Batch) -> jax.Array:
    """(s, s') [n, 2 · obs]."""
    return jnp.concatenate([batch["obs"], batch["next_obs"]], axis=-1)


def logit(params: Any, agent: Agent, pairs: jax.Array, ctx: Context) -> jax.Array:
    """f(s, s') [n]."""
    scaled = (pairs - agent.memory["mean"]) / agent.memory["std"]
    return discriminator(ctx.setup).apply(params, scaled)[..., 0]


def discriminator_loss(
    params: Any, agent: Agent, batch: Batch, key: jax.Array, ctx: Context
) -> tuple[jax.Array, Metrics]:
    """L_D; log D = -softplus(-f) and log(1 - D) = -softplus(f)."""
    expert, own = transitions(batch["expert"]), transitions(batch)
    told = jnp.mean(jax.nn.softplus(-logit(params, agent, expert, ctx)))
    told += jnp.mean(jax.nn.softplus(logit(params, agent, own, ctx)))
    pairs = min(expert.shape[0], own.shape[0])
    share = jax.random.uniform(key, (pairs, 1))
    between = share * expert[:pairs] + (1.0 - share) * own[:pairs]
    slope = jax.vmap(jax.grad(lambda x: logit(params, agent, x, ctx)))(between) * agent.memory["std"]
    penalty = jnp.mean((jnp.linalg.norm(slope + 1e-12, axis=-1) - 1.0) ** 2)
    return told + ctx.hp["penalty"] * penalty, {"discriminator_loss": told}


def imitation_reward(agent: Agent, batch: Batch, ctx: Context) -> jax.Array:
    """r = -log(1 - D(s, s')) = softplus(f) [n]."""
    return jax.nn.softplus(logit(agent.params["discriminator"], agent, transitions(batch), ctx))


def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, base: Method) -> tuple[Agent, Metrics]:
    """The discriminator, then the base on the mixed reward."""
    own_key = jax.random.fold_in(key, DISCRIMINATOR_STREAM)
    loss = lambda params: discriminator_loss(params, agent, batch, own_key, ctx)
    agent, told = descend(agent, "discriminator", loss, ctx.hp["discriminator_lr"])
    imitated, share = imitation_reward(agent, batch, ctx), ctx.hp["reward_share"]
    mixed = share * imitated + (1.0 - share) * batch["reward"]
    agent, metrics = base.update(agent, {**batch, "reward": mixed}, key, ctx)
    return agent, {**metrics, **told, "imitation_reward": jnp.mean(imitated)}


def on(base: Method) -> Method:
    """GAIfO whose learner is `base`."""
    return dataclasses.replace(
        base,
        name=f"gaifo-{base.name}",
        hparams={**base.hparams, **HPARAMS},
        init=functools.partial(init, base=base),
        update=functools.partial(update, base=base),
        loop=OffPolicy(random_warmup=False, expert_batch=256),
        needs=Needs(base.needs.actions, dataset=True, observations_only=True, prepare=expert_observations),
    )


GAIFO = on(SAC)
GAIFO_DISCRETE = on(SAC_DISCRETE)
