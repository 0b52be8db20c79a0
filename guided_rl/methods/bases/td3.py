"""TD3: twin delayed deep deterministic policy gradient.

Fujimoto et al. 2018, "Addressing Function Approximation Error in Actor-Critic Methods"
(arXiv 1802.09477), algorithm 1: clipped double Q, target policy smoothing, delayed updates.
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
    OffPolicy,
    Setup,
    at_every,
    descend,
    optimizer,
    polyak,
)
from guided_rl.methods.hparams import GAMMA, TAU, HParam, learning_rate
from guided_rl.networks.actors import DeterministicActor
from guided_rl.networks.critics import TwinCritic
from guided_rl.runtime.rng import normal

HPARAMS = {
    "actor_lr": learning_rate(3e-4, "the actor"),
    "critic_lr": learning_rate(3e-4, "the critics"),
    "gamma": GAMMA,
    "tau": TAU,
    "exploration_noise": HParam(0.1, doc="standard deviation σ of the noise on executed actions"),
    "target_noise": HParam(0.2, doc="standard deviation of the noise on the target policy's actions"),
    "target_noise_clip": HParam(0.5, doc="largest size c of that noise"),
}
POLICY_DELAY = 2


def actor(setup: Setup) -> DeterministicActor:
    return DeterministicActor(setup.hidden, setup.action_size, setup.activation, setup.initialization)


def critic(setup: Setup) -> TwinCritic:
    return TwinCritic(setup.hidden, setup.activation, setup.critic_layer_norm, setup.initialization)


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
    setup = ctx.setup
    actor_key, critic_key = jax.random.split(key)
    obs, action = jnp.zeros(setup.observation_size), jnp.zeros(setup.action_size)
    params = {
        "actor": actor(setup).init(actor_key, obs),
        "critic": critic(setup).init(critic_key, obs, action),
    }
    return Agent(params, dict(params), {name: optimizer(p) for name, p in params.items()})


def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    """a = clip(μ_θ(s) + ε, -1, 1),  ε ~ N(0, σ²)."""
    noise = ctx.hp["exploration_noise"] * normal(key, (ctx.setup.action_size,))
    return Act(jnp.clip(mode(agent, obs, key, ctx) + noise, -1.0, 1.0))


def mode(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """μ_θ(s), the deterministic policy."""
    return actor(ctx.setup).apply(agent.params["actor"], obs)


def critic_target(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, behave=lambda obs, action, ctx: action
) -> jax.Array:
    """y = r + γ (1 - d) min_i Q̄_i(s', clip(μ̄(s') + clip(ε, -c, c), -1, 1)).

    `behave(s', a', ctx)` is what would be executed there; the identity in TD3.
    """
    clip = ctx.hp["target_noise_clip"]
    noise = jnp.clip(ctx.hp["target_noise"] * normal(key, batch["action"].shape), -clip, clip)
    action = jnp.clip(actor(ctx.setup).apply(agent.targets["actor"], batch["next_obs"]) + noise, -1.0, 1.0)
    executed = behave(batch["next_obs"], action, ctx)
    q = critic(ctx.setup).apply(agent.targets["critic"], batch["next_obs"], executed)
    return batch["reward"] + ctx.hp["gamma"] * (1.0 - batch["terminated"]) * jnp.min(q, axis=0)


def critic_loss(params: Any, target: jax.Array, batch: Batch, ctx: Context) -> tuple[jax.Array, Metrics]:
    """Σ_i E[(Q_i(s, a) - y)²]."""
    q = critic(ctx.setup).apply(params, batch["obs"], batch["action"])
    chex.assert_equal_shape([q[0], target])
    loss = jnp.sum(jnp.mean((q - target) ** 2, axis=-1))
    return loss, {"critic_loss": loss, "q": jnp.mean(q)}


def actor_loss(params: Any, agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[jax.Array, Metrics]:
    """-E[Q_1(s, μ_θ(s))]."""
    action = actor(ctx.setup).apply(params, batch["obs"])
    loss = -jnp.mean(critic(ctx.setup).apply(agent.params["critic"], batch["obs"], action)[0])
    return loss, {"actor_loss": loss}


def update(
    agent: Agent,
    batch: Batch,
    key: jax.Array,
    ctx: Context,
    *,
    critic_target=critic_target,
    critic_loss=critic_loss,
    actor_loss=actor_loss,
) -> tuple[Agent, Metrics]:
    """The critics every step; the actor and all targets every second one."""
    target_key, actor_key = jax.random.split(key)
    target = jax.lax.stop_gradient(critic_target(agent, batch, target_key, ctx))
    agent, metrics = descend(agent, "critic", lambda p: critic_loss(p, target, batch, ctx), ctx.hp["critic_lr"])

    def delayed(agent: Agent) -> tuple[Agent, Metrics]:
        agent, actor_metrics = descend(
            agent, "actor", lambda p: actor_loss(p, agent, batch, actor_key, ctx), ctx.hp["actor_lr"]
        )
        agent = polyak(polyak(agent, "critic", ctx.hp["tau"]), "actor", ctx.hp["tau"])
        return agent, actor_metrics

    agent, actor_metrics = at_every(POLICY_DELAY, ctx.step, delayed, agent)
    return agent, {**metrics, **actor_metrics}


TD3 = Method(
    name="td3",
    hparams=HPARAMS,
    init=init,
    act=act,
    update=update,
    policies={"policy": mode},
    loop=OffPolicy(warmup=0.025),
)
