"""TD3+BC: TD3 on a dataset, whose actor also stays near the data's actions.

Fujimoto and Gu 2021, "A Minimalist Approach to Offline Reinforcement Learning" (arXiv 2106.06860), equation 5 and
section 4. States are scaled to mean 0 and deviation 1 over the dataset. Critics and delays are TD3's; the actor's loss:

    L_π = E[-Q_1(s, π(s)) / mean|Q_1| + κ ‖π(s) - a‖²]

The paper maximises λ Q - ‖π(s) - a‖² with λ = α / mean|Q|: the same, divided by α = 1 / κ, which Adam does not see.
‖·‖² is the mean over an action's entries, as in the authors' code; no gradient flows through mean|Q_1|.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.data.replay import Layout
from guided_rl.methods.base import Act, Agent, Batch, Context, Method, Metrics, Needs, Offline
from guided_rl.methods.bases import td3
from guided_rl.methods.hparams import HParam

OF_TD3 = ("actor_lr", "critic_lr", "gamma", "tau", "target_noise", "target_noise_clip")
HPARAMS = {
    **{name: td3.HPARAMS[name] for name in OF_TD3},
    "kappa": HParam(0.4, 1e-6, doc="weight κ of the constraint to the data's actions, 1 / α of the paper"),
}
LEAST_DEVIATION = 1e-3


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
    """TD3's networks, and the dataset's scale of observations in `memory`."""
    layout = Layout.of(ctx.setup.observation_size, ctx.setup.action_space.width)
    obs = layout.unpack(dataset)["obs"]
    scale = {"obs_mean": jnp.mean(obs, axis=0), "obs_scale": jnp.std(obs, axis=0) + LEAST_DEVIATION}
    return td3.init(key, ctx).replace(memory=scale)


def scaled(agent: Agent, obs: jax.Array) -> jax.Array:
    """(s - mean) / deviation over the dataset, [..., obs]."""
    return (obs - agent.memory["obs_mean"]) / agent.memory["obs_scale"]


def scaled_batch(agent: Agent, batch: Batch) -> Batch:
    """The batch as the networks see it."""
    return {**batch, **{name: scaled(agent, batch[name]) for name in ("obs", "next_obs")}}


def mode(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """μ_θ(s), the deterministic policy."""
    return td3.mode(agent, scaled(agent, obs), key, ctx)


def squared_error(params: Any, batch: Batch, ctx: Context) -> jax.Array:
    """‖π(s) - a‖² of every row of a scaled batch, [batch]."""
    return jnp.mean((td3.actor(ctx.setup).apply(params, batch["obs"]) - batch["action"]) ** 2, axis=-1)


def terms(params: Any, agent: Agent, batch: Batch, ctx: Context) -> tuple[jax.Array, jax.Array]:
    """Every row's improvement -Q_1(s, π(s)) / mean|Q_1| and constraint κ ‖π(s) - a‖², each [batch]."""
    action = td3.actor(ctx.setup).apply(params, batch["obs"])
    q = td3.critic(ctx.setup).apply(agent.params["critic"], batch["obs"], action)[0]
    improvement = -q / jax.lax.stop_gradient(jnp.mean(jnp.abs(q)))
    constraint = ctx.hp["kappa"] * jnp.mean((action - batch["action"]) ** 2, axis=-1)
    return improvement, constraint


def actor_loss(params: Any, agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[jax.Array, Metrics]:
    """L_π, every row's constraint times its `weight`, which is 1 in TD3+BC."""
    improvement, constraint = terms(params, agent, batch, ctx)
    loss = jnp.mean(improvement + batch["weight"] * constraint)
    return loss, {"actor_loss": loss, "constraint": jnp.mean(constraint)}


def even(batch: Batch) -> jax.Array:
    """A weight of 1 for every row [batch]; no constant, which XLA would fold and so round the rest otherwise."""
    return 1.0 + 0.0 * batch["terminated"]


def learn(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
    """TD3's update on a scaled batch with weights, and this actor loss.

    The barriers keep XLA from mixing it with what a method does before and after, so that it is rounded alike in all.
    """
    agent, batch = jax.lax.optimization_barrier((agent, batch))
    return jax.lax.optimization_barrier(td3.update(agent, batch, key, ctx, actor_loss=actor_loss))


def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
    """TD3's update on the scaled batch, every row alike."""
    batch = scaled_batch(agent, batch)
    return learn(agent, {**batch, "weight": even(batch)}, key, ctx)


TD3_BC = Method(
    name="td3-bc",
    hparams=HPARAMS,
    init=init,
    act=lambda agent, obs, key, ctx: Act(mode(agent, obs, key, ctx)),
    update=update,
    policies={"policy": mode},
    loop=Offline(agents=False),
    needs=Needs(dataset=True),
)
