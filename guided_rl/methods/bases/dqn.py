"""DQN: deep Q-learning from replay with a target network, for discrete actions.

Mnih et al. 2015, "Human-level control through deep reinforcement learning" (Nature 518), algorithm 1:

    L(θ) = E[H(Q(s, a) - y)],     y = r + γ (1 - d) max_a' Q̄(s', a'),

H Huber's loss, Q̄ a copy of Q that is renewed every `target_every` steps; actions are ε-greedy. With the switch
`double`, Q chooses a' and Q̄ values it (van Hasselt et al. 2016, arXiv 1509.06461, equation 4).

Huber's loss, the paper's, weighs an error of 50 as one of 1. Where values are large and ends are rare, what is learned
lies nearer to the median than to the mean of y, and too high; the switch `loss` gives the squared error instead. Where
a third of the steps ends a sum that is worth 2.5, Huber's says 5.3.

The number of renewals bounds how far ahead Q can see: a reward of 1 per step is worth (1 - γ^k) / (1 - γ) at most after
k copies. With 60 copies Q cannot pass 45 of 100 on CartPole, and the learner stays near a return of 115 (six seeds of
30,000 steps, a renewal every 500).
"""

from __future__ import annotations

import functools
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from guided_rl.methods.base import (
    Act,
    Agent,
    Batch,
    Context,
    Method,
    Metrics,
    Needs,
    OffPolicy,
    Setup,
    at_every,
    descend,
    optimizer,
)
from guided_rl.methods.hparams import GAMMA, HParam, learning_rate, share_of_budget
from guided_rl.networks.mlp import MLP
from guided_rl.runtime.errors import UserError, unknown_name

LOSSES = ("huber", "squared")
HPARAMS = {
    "critic_lr": learning_rate(1e-3, "the Q network"),
    "gamma": GAMMA,
    "tau": HParam(1.0, 0.0, 1.0, doc="by how much a renewal moves the target network to the learned one; 1: a copy"),
    "target_every": HParam(100, 1, doc="environment steps between renewals of the target network"),
    "epsilon_first": HParam(1.0, 0.0, 1.0, doc="share ε of random actions at first"),
    "epsilon_last": HParam(0.05, 0.0, 1.0, doc="share ε of random actions in the end"),
    "epsilon_share": share_of_budget(0.5, "steps over which ε falls from the first share to the last"),
}


def epsilon(progress: jax.Array, first: jax.Array, last: jax.Array, share: jax.Array) -> jax.Array:
    """ε falls linearly from `first` to `last` over the first `share` of the budget, and stays there.

    `progress` is the share of the budget that is spent, in [0, 1].
    """
    fallen = jnp.clip(progress / jnp.maximum(share, jnp.finfo(jnp.float32).tiny), 0.0, 1.0)
    return first + fallen * (last - first)


def epsilon_greedy(q: jax.Array, epsilon: jax.Array, key: jax.Array) -> jax.Array:
    """An action drawn evenly with probability ε, else argmax_a Q(s, a); `q` [actions] -> int32 scalar."""
    whether, which = jax.random.split(key)
    even = jax.random.randint(which, (), 0, q.shape[-1])
    return jnp.where(jax.random.uniform(whether) < epsilon, even, greedy(q))


def greedy(q: jax.Array) -> jax.Array:
    """argmax_a Q(s, a), the first of equals; `q` [..., actions] -> int32 [...]."""
    return jnp.argmax(q, axis=-1).astype(jnp.int32)


def q_of(q: jax.Array, action: jax.Array) -> jax.Array:
    """Q(s, a) of the actions taken [...], out of `q` [..., actions]."""
    return jnp.take_along_axis(q, action.astype(jnp.int32)[..., None], axis=-1)[..., 0]


def td_target(
    reward: jax.Array, terminated: jax.Array, next_q: jax.Array, gamma: jax.Array, chooser: jax.Array | None = None
) -> jax.Array:
    """y = r + γ (1 - d) Q̄(s', argmax_a' Q̄(s', a')), [batch].

    Args:
      next_q: Q̄(s', ·) of the target network, [batch, actions].
      chooser: whose argmax is taken instead, Q(s', ·) of the learning network in double DQN.
    """
    value = q_of(next_q, greedy(next_q if chooser is None else chooser))
    chex.assert_equal_shape([reward, terminated, value])
    return reward + gamma * (1.0 - terminated) * value


def td_losses(q: jax.Array, action: jax.Array, target: jax.Array, loss: str = "huber") -> jax.Array:
    """H(Q(s, a) - y) [batch]: Huber's loss, whose gradient is the error clipped to [-1, 1], or ½ (Q(s, a) - y)²."""
    taken = q_of(q, action)
    chex.assert_equal_shape([taken, target])
    return {"huber": optax.huber_loss, "squared": optax.l2_loss}[loss](taken, target)


def renewed(due: jax.Array, tau: jax.Array, target: Any, params: Any) -> Any:
    """The target network's parameters, moved by `tau` of the way to `params` where `due`."""
    return jax.tree.map(lambda old, new: jnp.where(due, old + tau * (new - old), old), target, params)


def critic(setup: Setup) -> MLP:
    """s -> Q(s, ·) [actions]."""
    return MLP(setup.hidden, setup.actions, setup.activation, setup.initialization, setup.critic_layer_norm)


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
    params = {"critic": critic(ctx.setup).init(key, jnp.zeros(ctx.setup.observation_size))}
    return Agent(params, dict(params), {"critic": optimizer(params["critic"])})


def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    """ε-greedy, with the ε of this step."""
    hp = ctx.hp
    share = epsilon(ctx.progress, hp["epsilon_first"], hp["epsilon_last"], hp["epsilon_share"])
    return Act(epsilon_greedy(critic(ctx.setup).apply(agent.params["critic"], obs), share, key))


def mode(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> jax.Array:
    """argmax_a Q(s, a), the deterministic policy."""
    return greedy(critic(ctx.setup).apply(agent.params["critic"], obs))


def critic_target(agent: Agent, batch: Batch, ctx: Context, double: bool) -> jax.Array:
    """y [batch], of the target network; in double DQN the learned one chooses."""
    q = lambda params: critic(ctx.setup).apply(params, batch["next_obs"])
    chooser = q(agent.params["critic"]) if double else None
    return td_target(batch["reward"], batch["terminated"], q(agent.targets["critic"]), ctx.hp["gamma"], chooser)


def critic_loss(
    params: Any, agent: Agent, target: jax.Array, batch: Batch, ctx: Context, *, loss: str = "huber"
) -> tuple[jax.Array, Metrics]:
    """E[H(Q(s, a) - y)]."""
    q = critic(ctx.setup).apply(params, batch["obs"])
    value = jnp.mean(td_losses(q, batch["action"], target, loss))
    return value, {"critic_loss": value, "q": jnp.mean(q_of(q, batch["action"]))}


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, double: bool = False, critic_loss=critic_loss
) -> tuple[Agent, Metrics]:
    """The target network where its time has come, then one step of the Q network."""
    due = ctx.step % ctx.hp["target_every"].astype(jnp.int32) == 0
    copy = renewed(due, ctx.hp["tau"], agent.targets["critic"], agent.params["critic"])
    agent = agent.replace(targets={**agent.targets, "critic": copy})
    target = critic_target(agent, batch, ctx, double)
    return descend(agent, "critic", lambda p: critic_loss(p, agent, target, batch, ctx), ctx.hp["critic_lr"])


def every(period: int, update: Any) -> Any:
    """`update` at every `period`-th step alone."""
    if period == 1:
        return update

    def sometimes(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
        return at_every(period, ctx.step, lambda agent: update(agent, batch, key, ctx), agent)

    return sometimes


def dqn(*, double: bool = False, train_every: int = 1, loss: str = "huber") -> Method:
    """DQN.

    Args:
      double: whether the learned network chooses the action that the target network values.
      train_every: environment steps per gradient step.
      loss: of the error, `huber` as in the paper, or `squared`.

    Raises:
      UserError: `train_every` is below 1, or there is no such loss.
    """
    check_switches(train_every, loss)
    learn = functools.partial(update, double=double, critic_loss=functools.partial(critic_loss, loss=loss))
    return Method(
        name="dqn",
        hparams=HPARAMS,
        init=init,
        act=act,
        update=every(train_every, learn),
        policies={"policy": mode},
        loop=OffPolicy(warmup=0.02),
        needs=Needs(actions="discrete"),
    )


def check_switches(train_every: int, loss: str) -> None:
    """Refuse a period below 1 and a loss that is not known.

    Raises:
      UserError: it is one.
    """
    if loss not in LOSSES:
        raise unknown_name("loss", loss, LOSSES)
    if train_every < 1:
        raise UserError(f"train_every is {train_every}; it must be at least 1 environment step per gradient step")
