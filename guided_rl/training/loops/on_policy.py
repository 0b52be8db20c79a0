"""The on-policy loop: every member plays a group of roll-outs from one start, and then learns from it.

Roll-outs end at different times, so that a member has a clock of its own, `Members.spent`: every environment step of
every roll-out counts, those that only look for a start too. A group is begun where even its longest course would not
pass the population's clock, so that no member ever takes more steps than its budget, and where a chunk ends changes
nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from guided_rl.data.traces import Traces
from guided_rl.envs.base import State
from guided_rl.guides.base import Guide
from guided_rl.methods.base import Agent, Batch, Context, HParams, Start
from guided_rl.methods.loops import RollOut
from guided_rl.training.history import GROUP_STEPS, GROUPS
from guided_rl.training.loops.dataset import start_state
from guided_rl.training.outcomes import of_act, of_task
from guided_rl.training.state import Inputs, Members, Population, Totals
from guided_rl.training.streams import keys_for

if TYPE_CHECKING:
    from guided_rl.training.population import Trainer

SHORT = 4  # where all roll-outs end within this part of the time that there is, an update reads no more of it


def group_updates(
    trainer: Trainer, population: Population, totals: Totals, inputs: Inputs, steps: int
) -> tuple[Population, Totals]:
    """Each member takes all its groups of these steps before the next one's begin."""
    until, m = population.step + steps, population.members

    def all_groups(member: Members, hp: HParams, guide: Guide | None, sums: Totals):
        fits = lambda carry: carry[0].spent + most_steps(trainer) <= until
        one = lambda carry: group_update(trainer, carry[0], carry[1], hp, guide, inputs.traces)
        member, sums = jax.lax.while_loop(fits, one, (member, sums))
        return (member.agent, member.spent, member.alive), sums

    sums = totals.replace(updates=jnp.zeros(m.seed.shape, jnp.int32))
    (agents, spent, alive), sums = trainer.each(inputs)(all_groups)(m, inputs.hp, inputs.guide, sums)
    members = m.replace(agent=agents, spent=spent, alive=alive)
    return population.replace(members=members, step=until), sums.replace(updates=jnp.int32(steps))


def most_steps(trainer: Trainer) -> int:
    """Environment steps of a group in which no roll-out ends before the time limit."""
    return trainer.method.on_policy.group * trainer.env.episode_length


def group_update(
    trainer: Trainer, member: Members, sums: Totals, hp: HParams, guide: Guide | None, traces: Traces | None
) -> tuple[Members, Totals]:
    """One group of one member, and the update on it."""
    ctx = trainer.context(hp, member.spent, guide)
    batch, ended = played_group(trainer, member, ctx, traces)
    (key,) = keys_for(member.key, member.spent, "update")
    agent, metrics = learned(trainer, member.agent, batch, ended["time"], key, ctx)
    sums = sums.replace(
        episodes=sums.episodes + trainer.method.on_policy.group,
        episode_return=sums.episode_return + jnp.sum(batch["return"]),
        failures=sums.failures + ended["failures"],
        metrics=jax.tree.map(jnp.add, sums.metrics, {**metrics, **counts(ended["steps"])}),
        outcomes={name: total + jnp.sum(ended[name]) for name, total in sums.outcomes.items()},
    )
    alive = member.alive & ended["sound"]
    return member.replace(agent=agent, spent=member.spent + ended["steps"], alive=alive), sums


def counts(steps: jax.Array) -> dict[str, jax.Array]:
    """What the loop itself reports of a group."""
    return {GROUPS: jnp.float32(1), GROUP_STEPS: steps.astype(jnp.float32)}


def learned(trainer: Trainer, agent: Agent, batch: Batch, time: jax.Array, key: jax.Array, ctx: Context):
    """The update, on the first part of the time axis alone where all roll-outs end there."""
    short = -(-trainer.env.episode_length // SHORT)

    def update(rows: Batch) -> Callable[[Agent], Any]:
        return lambda agent: trainer.method.update(agent, rows, key, ctx)

    first = {name: column if name in WHOLE else column[:short] for name, column in batch.items()}
    return jax.lax.cond(time <= short, update(first), update(batch), agent)


WHOLE = ("return", "start", "trace_length")  # columns without a time axis


def played_group(trainer: Trainer, member: Members, ctx: Context, traces: Traces | None) -> tuple[Batch, dict]:
    """Columns of a group, see `OnPolicy`; and its `steps`, `failures`, outcomes, longest `time`, whether `sound`."""
    start_key, fresh_key, act_key = keys_for(member.key, member.spent, "start", "reset", "act")
    state, start, length = group_start(trainer, member, start_key, fresh_key, ctx, traces)
    group = trainer.method.on_policy.group
    states = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (group, *leaf.shape)), state)
    one = functools.partial(one_step, trainer, member.agent, act_key, ctx)
    width = lambda leaf: jnp.zeros((trainer.env.episode_length, *leaf.shape), leaf.dtype)
    active, zero = jnp.ones(group, bool), jnp.zeros(group)
    columns = jax.tree.map(width, jax.eval_shape(one, states, active, jnp.int32(0))[1])

    def running(carry):
        return jnp.any(carry[1]) & (carry[-1] < trainer.env.episode_length)

    def step(carry):
        states, active, returns, failed, had, sound, columns, time = carry
        after, row = one(states, active, time)
        live = active.astype(jnp.float32)
        sound &= jnp.all(jnp.isfinite(after.reward)) & jnp.all(jnp.isfinite(after.obs))
        columns = jax.tree.map(lambda all_, now: all_.at[time].set(now), columns, row)
        failed += live * after.done * (1.0 - after.info["truncation"])
        had = {name: jnp.maximum(had[name], live * value) for name, value in of_task(after.metrics).items()}
        returns = returns + live * after.reward
        return after, active & (after.done == 0), returns, failed, had, sound, columns, time + 1

    had = dict.fromkeys(of_task(states.metrics), zero)
    carry = (states, active, zero, zero, had, jnp.bool_(True), columns, jnp.int32(0))
    _, _, returns, failed, had, sound, columns, time = jax.lax.while_loop(running, step, carry)
    steps = jnp.sum(columns["mask"]).astype(jnp.int32)
    batch = {**columns, "return": returns, "start": start, "trace_length": length}
    of_method = {name: column * columns["mask"] for name, column in of_act(columns).items()}
    return batch, {"steps": steps, "failures": jnp.sum(failed), "time": time, "sound": sound, **had, **of_method}


def one_step(trainer: Trainer, agent: Agent, key: jax.Array, ctx: Context, states: State, active, time):
    """Every roll-out of the group acts once; where not `active` its world rests."""
    group = active.shape[0]
    keys = jax.random.split(jax.random.fold_in(key, time), group)

    def act(number: jax.Array, obs: jax.Array, key: jax.Array):
        return trainer.method.act(agent, obs, key, ctx.replace(roll_out=RollOut(number, time)))

    choice = jax.vmap(act)(jnp.arange(group), states.obs, keys)
    row = {"obs": states.obs, "action": choice.action, "mask": active.astype(jnp.float32), **choice.extras}
    return jax.vmap(trainer.env.step)(states, choice.action, active), row


def group_start(
    trainer: Trainer, member: Members, key: jax.Array, fresh_key: jax.Array, ctx: Context, traces: Traces | None
) -> tuple[State, Start, jax.Array]:
    """The state from which all roll-outs of a group begin, where that lies, and the length of that trace."""
    fresh, none = trainer.env.reset(fresh_key), jnp.int32(0)
    begin = trainer.method.on_policy.begin
    if begin is None:
        return fresh, Start(none, none), none
    assert traces is not None  # as `Needs.traces` promises
    lengths = traces.lengths(member.seed)
    start = begin(member.agent, key, ctx, lengths)
    return start_state(fresh, start, member.seed, traces), start, lengths[start.trace]


def metric_shapes(trainer: Trainer, population: Population, inputs: Inputs) -> dict[str, Any]:
    """Shapes [population] of what an update reports, and the number of groups."""

    def one(member: Members, hp: HParams, guide: Guide | None) -> dict[str, jax.Array]:
        ctx = trainer.context(hp, member.spent, guide)
        batch, _ = played_group(trainer, member, ctx, inputs.traces)
        return {**trainer.method.update(member.agent, batch, member.key, ctx)[1], **counts(jnp.int32(0))}

    return jax.eval_shape(jax.vmap(one), population.members, inputs.hp, inputs.guide)
