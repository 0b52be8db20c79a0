"""What BREAD is compared with: other uses of the same traces by GRPO, each with GRPO's loss.

| method | the traces are |
|---|---|
| `uniform-resets` | where groups begin, at a step drawn evenly over a trace, the start included |
| `fixed-prefix` | where every second group begins, at one share of a trace; the others begin at the start |
| `whole-trace` | one roll-out of each group, executed by the expert from the start |
| `sft` | imitated before the first step (maximum likelihood of their actions), and then nothing is learned |
| `sft-grpo` | imitated, and then GRPO |
| `sac-resets`, `dqn-resets`, `sac-discrete-resets` | where the off-policy learner's episodes begin, drawn as above |

`uniform-resets` tells what resets alone do (Salimans and Chen 2018, arXiv 1812.03381, go back along one trace instead);
the search is what BREAD adds to it. Imitation takes no step of the environment. Off: `uniform-resets` and
`fixed-prefix` with `reach` = 0, `sft-grpo` with `imitation=0`, are GRPO; `sac-resets` with `reach` = 0 is SAC,
and so on.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.data.traces import COUNT, Traces, drawn_action
from guided_rl.methods.acts import expert_outcomes
from guided_rl.methods.base import Act, Agent, Batch, Context, Method, Metrics, Needs, OnPolicy, Start, descend
from guided_rl.methods.bases import grpo as base
from guided_rl.methods.bases.grpo import POLICY, Aggregate, grpo, network
from guided_rl.methods.hparams import HParam
from guided_rl.networks import policies

ROWS = 128  # of a step of imitation
REACH = HParam(1.0, 0.0, 1.0, doc="share of a trace over which starts are drawn")


def from_traces(name: str, plain: Method, traces: int, **changes: Any) -> Method:
    """`plain` with the guide's traces, under a name of its own."""
    needs = dataclasses.replace(plain.needs, guide=True, traces=traces)
    return dataclasses.replace(plain, name=name, needs=needs, **changes)


def uniform_begin(agent: Agent, key: jax.Array, ctx: Context, lengths: jax.Array) -> Start:
    """Step ~ U{0, …, ⌈reach · length⌉ - 1} of a trace drawn evenly."""
    which, where = jax.random.split(key)
    trace = jax.random.randint(which, (), 0, lengths.shape[0])
    reach = jnp.ceil(ctx.hp["reach"] * lengths[trace]).astype(jnp.int32)
    return Start(trace, jax.random.randint(where, (), 0, jnp.maximum(reach, 1)))


def uniform_resets(traces: int = COUNT, group: int = 16, epochs: int = 1, aggregate: Aggregate = "roll-out") -> Method:
    """Groups begin anywhere along a trace."""
    hparams = {**base.HPARAMS, "reach": REACH}
    loop = OnPolicy(group, uniform_begin)
    return from_traces("uniform-resets", grpo(group, epochs, aggregate), traces, hparams=hparams, loop=loop)


def resets(plain: Method, traces: int = COUNT) -> Method:
    """An off-policy method whose episodes begin anywhere along a trace."""
    hparams = {**plain.hparams, "reach": REACH}
    loop = dataclasses.replace(plain.off_policy, begin=uniform_begin)
    return from_traces(f"{plain.name}-resets", plain, traces, hparams=hparams, loop=loop)


def fixed_begin(agent: Agent, key: jax.Array, ctx: Context, lengths: jax.Array) -> Start:
    """The start and the step at `reach` of a trace, with a coin."""
    which, coin = jax.random.split(key)
    trace = jax.random.randint(which, (), 0, lengths.shape[0])
    index = jnp.floor(ctx.hp["reach"] * lengths[trace]).astype(jnp.int32)
    index = jnp.clip(index, 0, lengths[trace] - 1)
    return Start(trace, jnp.where(jax.random.bernoulli(coin), index, 0))


def fixed_prefix(traces: int = COUNT, group: int = 16, epochs: int = 1, aggregate: Aggregate = "roll-out") -> Method:
    """Every second group, on average, begins at one share of a trace."""
    hparams = {**base.HPARAMS, "reach": HParam(0.5, 0.0, 1.0, doc="share of a trace that the expert has gone")}
    loop = OnPolicy(group, fixed_begin)
    return from_traces("fixed-prefix", grpo(group, epochs, aggregate), traces, hparams=hparams, loop=loop)


def injected_act(agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context) -> Act:
    """The group's first roll-out is the expert's, at the learner's own probabilities of its actions."""
    own = base.act(agent, obs, key, ctx)
    expert = drawn_action(ctx.setup.action_space, ctx.guide, obs, key)
    log_prob = policies.log_prob(network(ctx.setup).apply(agent.params[POLICY], obs), expert)
    first = ctx.roll_out.number == 0
    log_prob = jnp.where(first, log_prob, own.extras["log_prob"])
    return Act(jnp.where(first, expert, own.action), {"log_prob": log_prob, **expert_outcomes(first)})


def whole_trace(group: int = 16, epochs: int = 1, aggregate: Aggregate = "roll-out") -> Method:
    """One roll-out of each group is executed by the expert, and is learned from as the others are."""
    plain = grpo(group, epochs, aggregate)
    return dataclasses.replace(plain, name="whole-trace", act=injected_act, needs=Needs(actions="any", guide=True))


def imitation_init(key: jax.Array, ctx: Context, traces: Traces, imitation: int) -> Agent:
    """GRPO's learner after `imitation` steps of maximum likelihood on the traces; also its reference."""
    agent, net = base.init(key, ctx, traces), network(ctx.setup)
    if not imitation:
        return agent

    def one(agent: Agent, key: jax.Array) -> tuple[Agent, Metrics]:
        which, where = jax.random.split(key)
        trace = jax.random.randint(which, (ROWS,), 0, traces.length.shape[0])
        step = jax.random.randint(where, (ROWS,), 0, traces.length[trace])
        obs, action = traces.obs[trace, step], traces.action[trace, step]

        def loss(params: Any) -> tuple[jax.Array, Metrics]:
            value = -jnp.mean(policies.log_prob(net.apply(params, obs), action))
            return value, {"imitation_loss": value}

        return descend(agent, POLICY, loss, ctx.hp["lr"])

    agent, _ = jax.lax.scan(one, agent, jax.random.split(jax.random.fold_in(key, 1), imitation))
    return agent.replace(targets={"reference": agent.params[POLICY]})


def learns_nothing(agent: Agent, batch: Batch, key: jax.Array, ctx: Context, **how: Any) -> tuple[Agent, Metrics]:
    """What GRPO's update would report, without it."""
    return agent, base.update(agent, batch, key, ctx, **how)[1]


def sft_grpo(
    imitation: int = 1_000, traces: int = COUNT, group: int = 16, epochs: int = 1, aggregate: Aggregate = "roll-out"
) -> Method:
    """Imitation of the traces for so many gradient steps, then GRPO."""
    init = functools.partial(imitation_init, imitation=imitation)
    return from_traces("sft-grpo", grpo(group, epochs, aggregate), traces, init=init)


def sft(imitation: int = 1_000, traces: int = COUNT, group: int = 16) -> Method:
    """Imitation of the traces alone."""
    update = functools.partial(learns_nothing, epochs=1, aggregate="roll-out")
    return dataclasses.replace(sft_grpo(imitation, traces, group), name="sft", update=update)
