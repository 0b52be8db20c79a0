"""BREAD, reconstructed: GRPO that branches from an expert's trace where the start alone is too hard.

After "BREAD: Branched Rollouts from Expert Anchors" (arXiv 2506.17211), whose full text could not be read. What is
known: where a whole group fails, Episode Anchor Search looks by bisection over K = 10 pieces of the expert's trace for
the shortest prefix from which a fresh group's success lies within a range, and branches there. The loss is GRPO's, on
the learner's own steps alone. That the search is a state machine with one group per update, and the range, are ours:

  from the start:  all fail -> search between 0 and K, no gradient; else a gradient
  while searching: success < low  -> a longer prefix;  success > high -> a shorter one;  neither gives a gradient
                   else a gradient, and the search ends
  no piece between -> the search ends without a gradient

Bisection takes it for granted that success grows with the prefix. `not_monotone` tells the probes against it: that of a
piece with less success than a shorter one of the same search had, or with more than a longer one had.

Every group, probes too, is paid for. Off: `anchors=1`, no piece but the start, and a gradient whatever the group did,
is GRPO.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.data.traces import COUNT
from guided_rl.methods.base import Agent, Batch, Context, Method, Metrics, Needs, OnPolicy, Start
from guided_rl.methods.bases import grpo as base
from guided_rl.methods.bases.grpo import Aggregate
from guided_rl.methods.hparams import HParam

HPARAMS = {
    **base.HPARAMS,
    "success_low": HParam(0.05, 0.0, 1.0, doc="the least success of a group from an anchor that is learned from"),
    "success_high": HParam(0.95, 0.0, 1.0, doc="the most; below 1, since where all succeed there is no gradient"),
}


def init(key: jax.Array, ctx: Context, dataset: Any, anchors: int) -> Agent:
    """GRPO's learner, not searching; `piece` of K is where the next group begins, between `low` and `high`."""
    zero = jnp.int32(0)
    memory = {"searching": jnp.bool_(False), "low": zero, "high": jnp.int32(anchors), "piece": zero, "trace": zero}
    memory |= {"low_success": jnp.float32(0.0), "high_success": jnp.float32(1.0)}
    return base.init(key, ctx, dataset).replace(memory=memory)


def anchor_index(piece: jax.Array, length: jax.Array, anchors: int) -> jax.Array:
    """The step at which a piece of a trace of `length` actions begins, of `anchors`; before the last action."""
    return jnp.clip(piece * length // anchors, 0, length - 1)


def begin(agent: Agent, key: jax.Array, ctx: Context, lengths: jax.Array, anchors: int) -> Start:
    """Of the trace that is searched, or, from the start, of one drawn anew."""
    memory = agent.memory
    drawn = jax.random.randint(key, (), 0, lengths.shape[0])
    trace = jnp.where(memory["searching"], memory["trace"], drawn)
    return Start(trace, anchor_index(memory["piece"], lengths[trace], anchors))


def searched(
    memory: dict[str, jax.Array], success: jax.Array, trace: jax.Array, low: jax.Array, high: jax.Array, anchors: int
) -> tuple[dict[str, jax.Array], jax.Array]:
    """The search after a group's `success`, and whether that group gives a gradient; see above."""
    searching, piece = memory["searching"], memory["piece"]
    longer = searching & (success < low)
    shorter = searching & (success > high)
    begins = ~searching & (success <= 0.0) & (anchors > 1)
    lowest = jnp.where(longer, piece, jnp.where(begins, 0, memory["low"]))
    highest = jnp.where(shorter, piece, jnp.where(begins, anchors, memory["high"]))
    low_success = jnp.where(longer, success, jnp.where(begins, 0.0, memory["low_success"]))
    high_success = jnp.where(shorter, success, jnp.where(begins, 1.0, memory["high_success"]))
    goes_on = (begins | longer | shorter) & (highest - lowest > 1)
    after = {
        "searching": goes_on,
        "low": lowest,
        "high": highest,
        "piece": jnp.where(goes_on, (lowest + highest) // 2, 0),
        "trace": trace,
        "low_success": low_success,
        "high_success": high_success,
    }
    return after, ~(begins | longer | shorter)


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, epochs: int, aggregate: Aggregate, anchors: int
) -> tuple[Agent, Metrics]:
    success = jnp.mean(batch["return"])
    limits = ctx.hp["success_low"], ctx.hp["success_high"]
    probed = agent.memory["searching"]
    memory, learns = searched(agent.memory, success, batch["start"].trace, *limits, anchors)
    learned, metrics = base.update(agent, batch, key, ctx, epochs, aggregate)
    kept = jax.tree.map(lambda new, old: jnp.where(learns, new, old), learned, agent)
    accepted = (learns & probed).astype(jnp.float32)
    shorter, longer = agent.memory["low_success"], agent.memory["high_success"]
    more = {
        "probe": probed.astype(jnp.float32),
        "accepted": accepted,
        "accepted_prefix": accepted * metrics["prefix"],
        "learned": learns.astype(jnp.float32),
        "not_monotone": (probed & ((success < shorter) | (success > longer))).astype(jnp.float32),
    }
    return kept.replace(memory=memory), {**metrics, **more}


def bread(
    anchors: int = 10, traces: int = COUNT, group: int = 16, epochs: int = 1, aggregate: Aggregate = "roll-out"
) -> Method:
    """BREAD.

    Args:
      anchors: K, pieces of a trace; 1 is GRPO. traces: how many of the expert's. The others are GRPO's.
    """
    return Method(
        name="bread",
        hparams=HPARAMS,
        init=functools.partial(init, anchors=anchors),
        act=base.act,
        update=functools.partial(update, epochs=epochs, aggregate=aggregate, anchors=anchors),
        policies={"policy": base.policy, "sampled": base.sampled},
        loop=OnPolicy(group, functools.partial(begin, anchors=anchors)),
        needs=Needs(actions="any", guide=True, traces=traces),
    )
