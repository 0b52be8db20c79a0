"""SAC: soft actor-critic with a tuned temperature.

Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications" (arXiv 1812.05905),
equations 5 to 7, 17 and 18, with twin critics and their minimum in both target and actor.
"""

from __future__ import annotations

from typing import Any

import chex
import jax
import jax.numpy as jnp

from guided_rl.methods.base import (
    Act,
    Agent,
    Batch,
    Context,
    Method,
    Metrics,
    Setup,
    descend,
    follow,
    optimizer,
    polyak,
)
from guided_rl.methods.hparams import GAMMA, TAU, HParam, learning_rate
from guided_rl.networks.actors import GaussianActor
from guided_rl.networks.critics import TwinCritic
from guided_rl.networks.distributions import sample_squashed

HPARAMS = {
    "actor_lr": learning_rate(3e-4, "the actor"),
    "critic_lr": learning_rate(3e-4, "the critics"),
    "temperature_lr": learning_rate(3e-4, "the temperature"),
    "gamma": GAMMA,
    "tau": TAU,
    "initial_temperature": HParam(1.0, doc="temperature α before the first update"),
    "target_entropy": HParam(-1.0, doc="entropy H̄ that the temperature keeps, per action dimension: the paper's -|A|"),
}


def actor(setup: Setup) -> GaussianActor:
    return GaussianActor(setup.hidden, setup.action_size, setup.activation, setup.initialization, setup.actor_head)


def critic(setup: Setup) -> TwinCritic:
    return TwinCritic(setup.hidden, setup.activation, setup.critic_layer_norm, setup.initialization)


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
    setup = ctx.setup
    actor_key, critic_key = jax.random.split(key)
    obs, action = jnp.zeros(setup.observation_size), jnp.zeros(setup.action_size)
    params = {
        "actor": actor(setup).init(actor_key, obs),
        "critic": critic(setup).init(critic_key, obs, action),
        "log_temperature": jnp.log(jnp.float32(ctx.hp["initial_temperature"])),
    }
    return Agent(params, {"critic": params["critic"]}, {name: optimizer(p) for name, p in params.items()})


def moments(params: Any, obs: jax.Array, ctx: Context) -> tuple[jax.Array, jax.Array]:
    """μ_θ(s) and log σ_θ(s) [..., action], before they are squashed."""
    return actor(ctx.setup).apply(params, obs)


def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    """a ~ π_θ(·|s)."""
    action, _ = sample_squashed(*moments(agent.params["actor"], obs, ctx), key)
    return Act(action)


def mode(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """tanh(μ_θ(s)), the deterministic policy."""
    return jnp.tanh(moments(agent.params["actor"], obs, ctx)[0])


def critic_target(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, behave=lambda obs, action, ctx: action
) -> jax.Array:
    """y = r + γ (1 - d) [min_i Q̄_i(s', a') - α log π(a'|s')],  a' ~ π_θ(s').

    `behave(s', a', ctx)` is what would be executed there; the identity in SAC.
    """
    action, log_prob = sample_squashed(*moments(agent.params["actor"], batch["next_obs"], ctx), key)
    executed = behave(batch["next_obs"], action, ctx)
    q = critic(ctx.setup).apply(agent.targets["critic"], batch["next_obs"], executed)
    value = jnp.min(q, axis=0) - jnp.exp(agent.params["log_temperature"]) * log_prob
    return batch["reward"] + ctx.hp["gamma"] * (1.0 - batch["terminated"]) * value


def critic_loss(params: Any, target: jax.Array, batch: Batch, ctx: Context) -> tuple[jax.Array, Metrics]:
    """Σ_i E[½ (Q_i(s, a) - y)²]."""
    q = critic(ctx.setup).apply(params, batch["obs"], batch["action"])
    chex.assert_equal_shape([q[0], target])
    loss = 0.5 * jnp.sum(jnp.mean((q - target) ** 2, axis=-1))
    return loss, {"critic_loss": loss, "q": jnp.mean(q)}


def actor_loss(params: Any, agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[jax.Array, Metrics]:
    """E[α log π_θ(a|s) - min_i Q_i(s, a)],  a ~ π_θ(s)."""
    action, log_prob = sample_squashed(*moments(params, batch["obs"], ctx), key)
    q = jnp.min(critic(ctx.setup).apply(agent.params["critic"], batch["obs"], action), axis=0)
    loss = jnp.mean(jnp.exp(agent.params["log_temperature"]) * log_prob - q)
    return loss, {"actor_loss": loss, "entropy": -jnp.mean(log_prob)}


def actor_gradient(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Any, Metrics]:
    """∇_θ of `actor_loss`."""
    return jax.grad(actor_loss, has_aux=True)(agent.params["actor"], agent, batch, key, ctx)


def temperature_loss(log_temperature: jax.Array, entropy: jax.Array, ctx: Context) -> tuple[jax.Array, Metrics]:
    """α (H(π) - H̄), H̄ = target_entropy · |A|; the gradient is taken through α = exp(log α)."""
    temperature = jnp.exp(log_temperature)
    target = ctx.hp["target_entropy"] * ctx.setup.action_size
    return temperature * (entropy - target), {"temperature": temperature}


def update(
    agent: Agent,
    batch: Batch,
    key: jax.Array,
    ctx: Context,
    *,
    critic_target=critic_target,
    critic_loss=critic_loss,
    actor_gradient=actor_gradient,
    temperature_loss=temperature_loss,
) -> tuple[Agent, Metrics]:
    """Critics, their targets, the actor, the temperature: one step each, in this order."""
    target_key, actor_key = jax.random.split(key)
    target = jax.lax.stop_gradient(critic_target(agent, batch, target_key, ctx))
    agent, critic_metrics = descend(agent, "critic", lambda p: critic_loss(p, target, batch, ctx), ctx.hp["critic_lr"])
    agent = polyak(agent, "critic", ctx.hp["tau"])
    gradient, actor_metrics = actor_gradient(agent, batch, actor_key, ctx)
    agent = follow(agent, "actor", gradient, ctx.hp["actor_lr"])
    entropy = jax.lax.stop_gradient(actor_metrics["entropy"])
    agent, temperature_metrics = descend(
        agent, "log_temperature", lambda p: temperature_loss(p, entropy, ctx), ctx.hp["temperature_lr"]
    )
    return agent, {**critic_metrics, **actor_metrics, **temperature_metrics}


SAC = Method(name="sac", hparams=HPARAMS, init=init, act=act, update=update, policies={"policy": mode})
