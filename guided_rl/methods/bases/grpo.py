"""GRPO: a group of roll-outs from one start is its own baseline; there is no critic.

Shao et al. 2024, "DeepSeekMath" (arXiv 2402.03300), equations 3 and 4, with one return for a whole roll-out:

  A_i = (R_i - mean R) / (std R + 1e-6)
  J = mean_i mean_t [ min(ρ_it A_i, clip(ρ_it, 1 - c, 1 + c') A_i) - β D_it ],   ρ_it = π(a_it|s_it) / π_old(a_it|s_it)
  D_it = π_ref/π - log(π_ref/π) - 1,   π_ref the policy as it began

c' > c is DAPO's clip-higher (Yu et al. 2025, arXiv 2503.14476). `aggregate="token"` is DAPO's mean over all steps of
the group alike; `"roll-out"`, the default, is equation 3's, in which each roll-out weighs the same. Critic-free
learners trail PPO on classic control (arXiv 2511.03527); what they are for here are short tasks with sparse rewards.
"""

from __future__ import annotations

import functools
from typing import Any, Literal

import jax
import jax.numpy as jnp

from guided_rl.methods.base import (
    Act,
    Agent,
    Batch,
    Context,
    Method,
    Metrics,
    Needs,
    OnPolicy,
    Setup,
    descend,
    optimizer,
)
from guided_rl.methods.hparams import HParam, learning_rate
from guided_rl.networks import policies
from guided_rl.networks.policies import PolicyNetwork

POLICY = "policy"
HPARAMS = {
    "lr": learning_rate(3e-3, "the policy"),
    "clip_low": HParam(0.2, 0.0, 1.0, doc="c: how far below 1 the ratio may fall"),
    "clip_high": HParam(0.2, 0.0, doc="c': how far above 1 the ratio may rise"),
    "kl": HParam(0.0, 0.0, doc="β, the weight of the distance to the policy as it began"),
}
Aggregate = Literal["roll-out", "token"]


def network(setup: Setup) -> PolicyNetwork:
    return PolicyNetwork(setup.hidden, setup.action_space, setup.activation, setup.initialization)


def init(key: jax.Array, ctx: Context, dataset: Any) -> Agent:
    params = network(ctx.setup).init(key, jnp.zeros(ctx.setup.observation_size))
    return Agent({POLICY: params}, {"reference": params}, {POLICY: optimizer(params)})


def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    """An action drawn from the policy, with its log probability."""
    out = network(ctx.setup).apply(agent.params[POLICY], obs)
    action = policies.sample(out, key)
    return Act(action, {"log_prob": policies.log_prob(out, action)})


def sampled(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    return policies.sample(network(ctx.setup).apply(agent.params[POLICY], obs), key)


def policy(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    return policies.mode(network(ctx.setup).apply(agent.params[POLICY], obs))


def group_advantage(returns: jax.Array) -> jax.Array:
    """A_i [group]; 0 for all where all returns are the same."""
    return (returns - jnp.mean(returns)) / (jnp.std(returns) + 1e-6)


def clipped(ratio: jax.Array, advantage: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    """min(ρ A, clip(ρ, 1 - low, 1 + high) A), elementwise."""
    return jnp.minimum(ratio * advantage, jnp.clip(ratio, 1.0 - low, 1.0 + high) * advantage)


def averaged(values: jax.Array, mask: jax.Array, aggregate: Aggregate) -> jax.Array:
    """The mean of `values` [time, group] where `mask` is 1: over all such steps, or first over those of a roll-out."""
    if aggregate == "token":
        return jnp.sum(values * mask) / jnp.maximum(jnp.sum(mask), 1.0)
    return jnp.mean(jnp.sum(values * mask, axis=0) / jnp.maximum(jnp.sum(mask, axis=0), 1.0))


def learn(
    agent: Agent, batch: Batch, advantage: jax.Array, ctx: Context, epochs: int, aggregate: Aggregate
) -> tuple[Agent, Metrics]:
    """`epochs` Adam steps on -J for the given advantages [group]."""
    net, hp = network(ctx.setup), ctx.hp
    reference = policies.log_prob(net.apply(agent.targets["reference"], batch["obs"]), batch["action"])

    def loss(params: Any) -> tuple[jax.Array, Metrics]:
        out = net.apply(params, batch["obs"])
        now = policies.log_prob(out, batch["action"])
        ratio, apart = jnp.exp(now - batch["log_prob"]), reference - now
        gain = clipped(ratio, advantage, hp["clip_low"], hp["clip_high"])
        distance = jnp.exp(apart) - apart - 1.0
        value = -averaged(gain - hp["kl"] * distance, batch["mask"], aggregate)
        mean = functools.partial(averaged, mask=batch["mask"], aggregate="token")
        outside = (ratio < 1.0 - hp["clip_low"]) | (ratio > 1.0 + hp["clip_high"])
        return value, {"loss": value, "entropy": mean(policies.entropy(out)), "clipped": mean(outside * 1.0)}

    step = lambda agent, _: descend(agent, POLICY, loss, hp["lr"])
    agent, metrics = jax.lax.scan(step, agent, length=epochs)
    return agent, jax.tree.map(lambda leaf: leaf[0], metrics)


def outcome(batch: Batch) -> Metrics:
    """What every method of this kind reports of a group: its mean return, and where it began."""
    index, length = batch["start"].index, jnp.maximum(batch["trace_length"], 1)
    return {
        "group_return": jnp.mean(batch["return"]),
        "prefix": index / length,
        "branched": (index > 0).astype(jnp.float32),
    }


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, epochs: int, aggregate: Aggregate
) -> tuple[Agent, Metrics]:
    agent, metrics = learn(agent, batch, group_advantage(batch["return"]), ctx, epochs, aggregate)
    return agent, {**metrics, **outcome(batch)}


def grpo(group: int = 16, epochs: int = 1, aggregate: Aggregate = "roll-out") -> Method:
    """GRPO.

    Args:
      group: roll-outs of a group. epochs: gradient steps on it. aggregate: how steps are averaged, see above.
    """
    return Method(
        name="grpo",
        hparams=HPARAMS,
        init=init,
        act=act,
        update=functools.partial(update, epochs=epochs, aggregate=aggregate),
        policies={"policy": policy, "sampled": sampled},
        loop=OnPolicy(group),
        needs=Needs(actions="any"),
    )
