"""MENTOR's rule for control: where the learner is uncertain, the expert is mixed into some of a group's roll-outs.

After "MENTOR" (arXiv 2510.04140), which guides language models; the rule is the paper's and its code's, the task is
control and the name `mentor-control` ours. Of a group, `on` roll-outs are the learner's own and `mixed` are by

  π_mix = (1 - w) π + w π_E,   w = min(1, H(π(·|s)) / γ_p),   γ_p = max(floor, the 0.95 quantile of the last group's H)

with γ_p = 999 in the first group, and the code's floor of 1.5 nats 0 here, since that exceeds log 4. Advantages:

  own:    A_i = (R_i - mean_own) / (std_own + 1e-6), as in GRPO
  mixed:  A_i = α · max(R_i - mean_own, 0),   α = ½ (1 + cos(π · progress)): a failed roll-out is never penalised

The ratio of a mixed step is to the learner's own probability of the action (`old_log_prob="learner"`), so that nothing
corrects for who chose it, or to the mixture's. Gates that are no part of the paper: `random`, w the mean of what the
entropy's would have been in the last group, whatever the state; `time`, w = α; `always`, w = 1; `prefix`, w = 1 in the
first `prefix` steps and 0 later. Off: `mixed=0` is GRPO.
"""

from __future__ import annotations

import functools
from typing import Any, Literal

import jax
import jax.numpy as jnp

from guided_rl.data.traces import drawn_action
from guided_rl.methods.acts import EXPERT_SHARE, expert_outcomes
from guided_rl.methods.base import Act, Agent, Batch, Context, Method, Metrics, Needs, OnPolicy
from guided_rl.methods.bases import grpo as base
from guided_rl.methods.bases.grpo import POLICY, Aggregate, averaged, group_advantage, learn, network, outcome
from guided_rl.methods.hparams import HParam, with_defaults
from guided_rl.networks import policies
from guided_rl.runtime.errors import UserError, unknown_name

Gate = Literal["entropy", "random", "time", "always", "prefix"]
GATES = ("entropy", "random", "time", "always", "prefix")
OLD = ("learner", "mixture")
FIRST_THRESHOLD, QUANTILE = 999.0, 0.95
HPARAMS = {
    **with_defaults(base.HPARAMS, clip_high=0.28),
    "floor": HParam(0.0, 0.0, doc="the least γ_p, in nats"),
    "prefix": HParam(0.0, 0.0, doc="steps that the expert takes where the gate is `prefix`"),
    "return_scale": HParam(1.0, 0.0, doc="what returns are multiplied by in the advantage of mixed roll-outs"),
}


def init(key: jax.Array, ctx: Context, dataset: Any) -> Agent:
    memory = {"threshold": jnp.float32(FIRST_THRESHOLD), "share": jnp.float32(0)}
    return base.init(key, ctx, dataset).replace(memory=memory)


def entropy_weight(entropy: jax.Array, threshold: jax.Array) -> jax.Array:
    """w = min(1, H / γ_p); 0 where both are 0."""
    return jnp.minimum(1.0, entropy / jnp.maximum(threshold, jnp.finfo(jnp.float32).tiny))


def alpha(progress: jax.Array) -> jax.Array:
    """½ (1 + cos(π · progress)): from 1 to 0 over the budget."""
    return 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(progress, 0.0, 1.0)))


def weight(gate: Gate, entropy: jax.Array, memory: dict[str, jax.Array], ctx: Context) -> jax.Array:
    """w of one step of a mixed roll-out."""
    return {
        "entropy": lambda: entropy_weight(entropy, memory["threshold"]),
        "random": lambda: memory["share"],
        "time": lambda: alpha(ctx.progress),
        "always": lambda: jnp.float32(1),
        "prefix": lambda: (ctx.roll_out.time < ctx.hp["prefix"]).astype(jnp.float32),
    }[gate]()


def act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context, gate: Gate, on: int, old: str) -> Act:
    """The learner's action or, in a mixed roll-out with probability w, the expert's."""
    coin_key, expert_key = jax.random.split(jax.random.fold_in(key, 1))
    out = network(ctx.setup).apply(agent.params[POLICY], obs)
    entropy = policies.entropy(out)
    w = jnp.where(ctx.roll_out.number >= on, weight(gate, entropy, agent.memory, ctx), 0.0)
    advised = jax.random.uniform(coin_key) < w
    expert = drawn_action(ctx.setup.action_space, ctx.guide, obs, expert_key)
    action = jnp.where(advised, expert, policies.sample(out, key))
    log_prob = policies.log_prob(out, action)
    if old == "mixture":
        likely = ctx.guide.action(obs, expert_key)[action]
        log_prob = jnp.where(w > 0.0, jnp.log((1.0 - w) * jnp.exp(log_prob) + w * likely), log_prob)
    return Act(action, {"log_prob": log_prob, "entropy": entropy, **expert_outcomes(advised)})


def advantages(returns: jax.Array, on: int, progress: jax.Array, scale: jax.Array) -> jax.Array:
    """A_i [on + mixed], see above."""
    own, mixed = returns[:on], returns[on:]
    gain = alpha(progress) * scale * jnp.maximum(mixed - jnp.mean(own), 0.0)
    return jnp.concatenate([group_advantage(own), gain])


def quantile(values: jax.Array, mask: jax.Array, q: float) -> jax.Array:
    """The q-quantile of the `values` where `mask` is 1, the next one below; both of one shape."""
    ordered = jnp.sort(jnp.where(mask > 0, values, jnp.inf).reshape(-1))
    count = jnp.sum(mask).astype(jnp.int32)
    return ordered[jnp.clip((q * (count - 1)).astype(jnp.int32), 0, ordered.size - 1)]


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, on: int, epochs: int, aggregate: Aggregate
) -> tuple[Agent, Metrics]:
    advantage = advantages(batch["return"], on, ctx.progress, ctx.hp["return_scale"])
    agent, metrics = learn(agent, batch, advantage, ctx, epochs, aggregate)
    entropy, mask = batch["entropy"], batch["mask"]
    threshold = jnp.maximum(quantile(entropy, mask, QUANTILE), ctx.hp["floor"])
    mixed = lambda values: averaged(values[:, on:], mask[:, on:], "token") if mask.shape[1] > on else jnp.float32(0)
    memory = {"threshold": threshold, "share": mixed(entropy_weight(entropy, threshold))}
    own = averaged(entropy[:, :on], mask[:, :on], "token")
    more = {
        "entropy": own,  # in the states that the learner itself comes to
        "advised": mixed(batch[EXPERT_SHARE]),
        "own_return": jnp.mean(batch["return"][:on]),
    }
    return agent.replace(memory=memory), {**metrics, **outcome(batch), **more}


def mentor_control(
    gate: Gate = "entropy",
    on: int = 8,
    mixed: int = 8,
    old_log_prob: Literal["learner", "mixture"] = "learner",
    epochs: int = 1,
    aggregate: Aggregate = "roll-out",
) -> Method:
    """MENTOR's rule on discrete actions.

    Args:
      gate: what w follows. on, mixed: roll-outs of each kind. old_log_prob: what the ratio of a mixed step is to. The
        others are GRPO's.

    Raises:
      UserError: an unknown gate or ratio, or no roll-out of the learner's own.
    """
    if gate not in GATES:
        raise unknown_name("gate of mentor-control", gate, GATES)
    if old_log_prob not in OLD:
        raise unknown_name("old_log_prob of mentor-control", old_log_prob, OLD)
    if on < 1 or mixed < 0:
        raise UserError(f"mentor-control has on={on} and mixed={mixed} roll-outs; give at least 1 and 0")
    return Method(
        name="mentor-control",
        hparams=HPARAMS,
        init=init,
        act=functools.partial(act, gate=gate, on=on, old=old_log_prob),
        update=functools.partial(update, on=on, epochs=epochs, aggregate=aggregate),
        policies={"policy": base.policy, "sampled": base.sampled},
        loop=OnPolicy(on + mixed),
        needs=Needs(actions="discrete", guide=True),
    )
