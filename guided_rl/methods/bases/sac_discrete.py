"""Discrete SAC: soft actor-critic whose policy is a distribution over a few actions.

Christodoulou 2019, "Soft Actor-Critic for Discrete Action Settings" (arXiv 1910.07207), equations 10 to 12. SAC's
expectations over actions are sums, nothing is sampled and nothing is reparameterised:

    V(s) = π(s)ᵀ [min_i Q_i(s) - α log π(s)],     L_π = E[π(s)ᵀ (α log π(s) - min_i Q_i(s))],
    L_α = E[π(s)ᵀ (-α (log π(s) + H̄))].

Twin critics with their minimum, Polyak targets and the order of the steps are `sac`'s. The target entropy is H̄ =
`target_entropy` · log|A|. The paper has 0.98 and CleanRL 0.89, for Atari; our default is 0.5. Where an episode can end,
a policy so close to uniform may be out of reach: α then grows without end, and the values with it. At 0.89 on CartPole
they pass 100,000 within 30,000 steps, where 100 is the most that rewards can give.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.methods.base import Act, Agent, Batch, Context, Method, Metrics, Needs, Setup, optimizer
from guided_rl.methods.bases import sac
from guided_rl.methods.bases.dqn import q_of
from guided_rl.methods.hparams import HParam, with_defaults
from guided_rl.networks.critics import TwinDiscreteCritic
from guided_rl.networks.mlp import MLP

HPARAMS = {
    **with_defaults(sac.HPARAMS, actor_lr=1e-3, critic_lr=1e-3, temperature_lr=1e-3),
    "target_entropy": HParam(0.5, 0.0, 1.0, doc="entropy H̄ that the temperature keeps, in shares of log|A|"),
}


def actor(setup: Setup) -> MLP:
    """s -> logits of π(·|s) [actions]."""
    return MLP(setup.hidden, setup.actions, setup.activation, setup.initialization)


def critic(setup: Setup) -> TwinDiscreteCritic:
    width = setup.actions
    return TwinDiscreteCritic(setup.hidden, width, setup.activation, setup.critic_layer_norm, setup.initialization)


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
    actor_key, critic_key = jax.random.split(key)
    obs = jnp.zeros(ctx.setup.observation_size)
    params = {
        "actor": actor(ctx.setup).init(actor_key, obs),
        "critic": critic(ctx.setup).init(critic_key, obs),
        "log_temperature": jnp.log(jnp.float32(ctx.hp["initial_temperature"])),
    }
    return Agent(params, {"critic": params["critic"]}, {name: optimizer(p) for name, p in params.items()})


def log_policy(params: Any, obs: jax.Array, ctx: Context) -> jax.Array:
    """log π(·|s) [..., actions]."""
    return jax.nn.log_softmax(actor(ctx.setup).apply(params, obs))


def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    """a ~ π(·|s)."""
    return Act(jax.random.categorical(key, log_policy(agent.params["actor"], obs, ctx)).astype(jnp.int32))


def mode(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """argmax_a π(a|s), the deterministic policy."""
    return jnp.argmax(log_policy(agent.params["actor"], obs, ctx)).astype(jnp.int32)


def critic_target(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> jax.Array:
    """y = r + γ (1 - d) π(s')ᵀ [min_i Q̄_i(s') - α log π(s')], [batch]; nothing is drawn from `key`."""
    log_pi = log_policy(agent.params["actor"], batch["next_obs"], ctx)
    q = jnp.min(critic(ctx.setup).apply(agent.targets["critic"], batch["next_obs"]), axis=0)
    value = jnp.sum(jnp.exp(log_pi) * (q - jnp.exp(agent.params["log_temperature"]) * log_pi), axis=-1)
    return batch["reward"] + ctx.hp["gamma"] * (1.0 - batch["terminated"]) * value


def critic_loss(params: Any, target: jax.Array, batch: Batch, ctx: Context) -> tuple[jax.Array, Metrics]:
    """Σ_i E[½ (Q_i(s, a) - y)²]."""
    q = jax.vmap(q_of, in_axes=(0, None))(critic(ctx.setup).apply(params, batch["obs"]), batch["action"])
    loss = 0.5 * jnp.sum(jnp.mean((q - target) ** 2, axis=-1))
    return loss, {"critic_loss": loss, "q": jnp.mean(q)}


def actor_loss(params: Any, agent: Agent, batch: Batch, ctx: Context) -> tuple[jax.Array, Metrics]:
    """E[π(s)ᵀ (α log π(s) - min_i Q_i(s))]."""
    log_pi = log_policy(params, batch["obs"], ctx)
    q = jnp.min(critic(ctx.setup).apply(agent.params["critic"], batch["obs"]), axis=0)
    pi, temperature = jnp.exp(log_pi), jnp.exp(agent.params["log_temperature"])
    loss = jnp.mean(jnp.sum(pi * (temperature * log_pi - q), axis=-1))
    return loss, {"actor_loss": loss, "entropy": -jnp.mean(jnp.sum(pi * log_pi, axis=-1))}


def actor_gradient(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Any, Metrics]:
    """∇_θ of `actor_loss`; nothing is drawn from `key`."""
    return jax.grad(actor_loss, has_aux=True)(agent.params["actor"], agent, batch, ctx)


def temperature_loss(log_temperature: jax.Array, entropy: jax.Array, ctx: Context) -> tuple[jax.Array, Metrics]:
    """α (H(π) - H̄), H̄ = target_entropy · log|A|; the gradient is taken through α = exp(log α)."""
    temperature = jnp.exp(log_temperature)
    target = ctx.hp["target_entropy"] * np.log(ctx.setup.actions)
    return temperature * (entropy - target), {"temperature": temperature}


update = functools.partial(
    sac.update,
    critic_target=critic_target,
    critic_loss=critic_loss,
    actor_gradient=actor_gradient,
    temperature_loss=temperature_loss,
)
SAC_DISCRETE = Method(
    name="sac-discrete",
    hparams=HPARAMS,
    init=init,
    act=act,
    update=update,
    policies={"policy": mode},
    needs=Needs(actions="discrete"),
)
