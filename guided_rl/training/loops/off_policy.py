"""The off-policy loop: every member steps its environment, then takes as many gradient steps on its replay.

All members take a step before any takes the next, since the engine steps all of them in one call.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from guided_rl.data.replay import insert, newest, sample_indices
from guided_rl.data.rollout import reset_ended
from guided_rl.envs.base import State
from guided_rl.guides.base import Guide
from guided_rl.methods.base import Agent, HParams
from guided_rl.physics.base import select
from guided_rl.training.loops.dataset import drawn_rows, rows_of, start_state
from guided_rl.training.outcomes import has_had
from guided_rl.training.state import Inputs, Members, Population, Totals
from guided_rl.training.streams import keys_for

if TYPE_CHECKING:
    from guided_rl.training.population import Trainer


def env_steps_and_updates(
    trainer: Trainer, population: Population, totals: Totals, inputs: Inputs, steps: int
) -> tuple[Population, Totals]:
    """Blocks of environment steps, each followed by as many updates."""
    blocks, rest = divmod(steps, trainer.loop.block)
    if rest:
        raise ValueError(f"a chunk of {steps} steps is not a whole number of blocks of {trainer.loop.block}")

    def block(carry, _):
        carry, _ = jax.lax.scan(lambda c, _: (env_steps(trainer, c, inputs), None), carry, length=trainer.loop.block)
        learn = carry[0].step > trainer.loop.learning_starts
        if trainer.method.events.every_episode is not None:
            carry = (every_episode(trainer, carry[0], inputs), carry[1])
        numbers = jnp.arange(trainer.loop.block)
        return jax.lax.cond(
            learn,
            lambda c: jax.lax.scan(lambda x, n: (gradient_steps(trainer, x, inputs, n), None), c, numbers)[0],
            lambda c: c,
            carry,
        ), None

    return jax.lax.scan(block, (population, totals), length=blocks)[0]


def env_steps(trainer: Trainer, carry, inputs: Inputs):
    """Every member acts once; one slice of the ring is written."""
    population, totals = carry
    step = population.step
    select = functools.partial(select_action, trainer, step=step)
    action, extras = trainer.each(inputs)(select)(population.members, inputs.hp, inputs.guide)
    members, rows, ended = jax.vmap(functools.partial(env_step, trainer))(population.members, action, extras)
    if trainer.method.events.after_next_obs is not None:
        hook = functools.partial(after_next_obs, trainer, step=step)
        rows = {**rows, **trainer.each(inputs)(hook)(members, rows["next_obs"], inputs.hp, inputs.guide)}
    rows = jax.vmap(trainer.layout.pack)(rows)
    if trainer.method.events.after_step is not None:
        hook = functools.partial(after_step, trainer, step=step)
        agents = trainer.each(inputs)(hook)(members.agent, ended, inputs.hp, inputs.guide)
        members = members.replace(agent=agents)
    over = members.env.done > 0
    keys = lambda: jax.vmap(lambda key: keys_for(key, step, "reset")[0])(members.key)
    members = members.replace(env=reset_ended(jax.vmap(trainer.env.reset_where), members.env, keys))
    if trainer.method.off_policy.begin is not None:
        members = members.replace(env=begun_in_traces(trainer, members, over, inputs, step))
    replay = insert(population.replay, rows, population.step)
    totals = totals.replace(
        episodes=totals.episodes + ended["episode"],
        episode_return=totals.episode_return + ended["return"],
        failures=totals.failures + ended["failure"],
        outcomes={name: total + ended[name] for name, total in totals.outcomes.items()},
    )
    return Population(members, replay, population.step + 1), totals


def select_action(trainer: Trainer, member: Members, hp: HParams, guide: Guide | None, step: jax.Array):
    """The action to execute and the transition columns it brings along."""
    act_key, random_key = keys_for(member.key, step, "act", "random")
    ctx = trainer.context(hp, step, guide)

    def explore():
        choice = trainer.method.act(member.agent, member.env.obs, act_key, ctx)
        return choice.action, {"action": choice.action, **choice.extras}

    def uniform():
        _, extras = jax.eval_shape(explore)
        action = trainer.setup.action_space.sample(random_key)
        return action, {**{k: jnp.zeros(v.shape, v.dtype) for k, v in extras.items()}, "action": action}

    if not trainer.loop.random_steps:
        return explore()
    return jax.lax.cond(step < trainer.loop.random_steps, uniform, explore)


def env_step(trainer: Trainer, member: Members, action: jax.Array, extras: dict[str, jax.Array]):
    """One environment step, the transition's columns, and what ended; no reset yet."""
    after = trainer.env.step(member.env, action)
    truncated = after.info["truncation"] * (0.0 if trainer.loop.timeout_is_terminal else 1.0)
    row = {
        "obs": member.env.obs,
        "reward": after.reward,
        "terminated": after.done * (1.0 - truncated),
        "next_obs": after.obs,
        **extras,
    }
    total = member.running_return + after.reward
    had = has_had(member.outcomes, after.metrics)
    ended = {
        **extras,
        **{name: after.done * value for name, value in had.items()},
        "obs": member.env.obs,
        "next_obs": after.obs,
        "reward": after.reward,
        "length": after.info["step"],
        "episode": after.done,
        "return": after.done * total,
        "failure": after.done * (1.0 - after.info["truncation"]),
    }
    # A reset would hide that the world failed on the way, so it is kept until the chunk's end.
    sound = member.alive & jnp.isfinite(after.obs).all() & jnp.isfinite(after.reward)
    member = member.replace(env=after, running_return=total * (1.0 - after.done), alive=sound)
    member = member.replace(outcomes={name: value * (1.0 - after.done) for name, value in had.items()})
    return member, row, ended


def after_next_obs(
    trainer: Trainer, member: Members, next_obs: jax.Array, hp: HParams, guide: Guide | None, step: jax.Array
):
    """The columns that depend on where the action led."""
    (key,) = keys_for(member.key, step, "arrive")
    hook = trainer.method.events.after_next_obs
    assert hook is not None
    return hook(member.agent, next_obs, key, trainer.context(hp, step, guide))


def after_step(
    trainer: Trainer, agent: Agent, ended: dict[str, jax.Array], hp: HParams, guide: Guide | None, step: jax.Array
):
    hook = trainer.method.events.after_step
    assert hook is not None
    return hook(agent, ended, trainer.context(hp, step, guide))


def begun_in_traces(trainer: Trainer, members: Members, over: jax.Array, inputs: Inputs, step: jax.Array) -> State:
    """Where an episode was `over`, the next one's start as the method's `begin` has it."""

    begin, traces = trainer.method.off_policy.begin, inputs.traces
    assert begin is not None and traces is not None

    def one(member: Members, over: jax.Array, hp: HParams, guide: Guide | None) -> State:
        (key,) = keys_for(member.key, step, "start")
        lengths = traces.lengths(member.seed)
        start = begin(member.agent, key, trainer.context(hp, step, guide), lengths)
        begun = start_state(member.env, start, member.seed, traces)
        return select(over, begun, member.env)

    everyone = lambda env: jax.vmap(one)(members.replace(env=env), over, inputs.hp, inputs.guide)
    return jax.lax.cond(jnp.any(over), everyone, lambda env: env, members.env)


def every_episode(trainer: Trainer, population: Population, inputs: Inputs) -> Population:
    """The hook `every_episode` for every member, where an episode's clock, or learning, began within this block."""
    event, step, starts = trainer.method.events.every_episode, population.step, trainer.loop.learning_starts
    assert event is not None
    before = step - trainer.loop.block
    length = trainer.env.episode_length
    fresh = ((step - 1) // length != (before - 1) // length) | (before <= starts)
    window = min(event.window, trainer.loop.capacity)
    count = jnp.minimum(step, window)

    def one(key, seed, agent, ring, hp, guide):
        (hook_key,) = keys_for(key, step, "refit")
        recent = trainer.columns(newest(ring, step, window).astype(jnp.float32))
        ctx, rows = trainer.context(hp, step, guide), rows_of(inputs.offline, seed)
        return event.hook(agent, recent, count, hook_key, ctx, rows)

    def everyone(agents: Agent) -> Agent:
        m = population.members
        return trainer.each(inputs)(one)(m.key, m.seed, agents, population.replay, inputs.hp, inputs.guide)

    agents = jax.lax.cond((step > starts) & fresh, everyone, lambda a: a, population.members.agent)
    return population.replace(members=population.members.replace(agent=agents))


def gradient_steps(trainer: Trainer, carry, inputs: Inputs, number: jax.Array):
    """One gradient step of every member on its own sample."""
    population, totals = carry
    step = population.step
    filled = jnp.minimum(step, trainer.loop.capacity)
    update_step = step - trainer.loop.block + number
    draw = functools.partial(sample, trainer, update_step=update_step, filled=filled, dataset=inputs.offline)
    learn = functools.partial(trainer.gradient_step, update_step=update_step)
    members = population.members
    rows = jax.vmap(draw)(members.key, members.seed, population.replay, inputs.hp)
    agents, metrics = trainer.each(inputs)(learn)(members.key, members.agent, inputs.hp, inputs.guide, rows)
    totals = totals.replace(
        updates=totals.updates + 1,
        metrics=jax.tree.map(jnp.add, totals.metrics, metrics),
    )
    return population.replace(members=members.replace(agent=agents)), totals


def sample(
    trainer: Trainer,
    key: jax.Array,
    seed: jax.Array,
    ring: jax.Array,
    hp: HParams,
    update_step: jax.Array,
    filled: jax.Array,
    dataset: jax.Array | None,
):
    """One member's rows for one update, of its own replay or mixed with the dataset; and the expert's beside them."""
    sample_key, dataset_key = keys_for(key, update_step, "sample", "offline")
    own = lambda: ring[sample_indices(sample_key, trainer.drawn, filled)].astype(jnp.float32)
    mixes = trainer.method.off_policy.mixes_dataset
    count = trainer.drawn if mixes else trainer.expert_batch
    if dataset is None or not count:
        return own(), None
    other = drawn_rows(dataset, seed, dataset_key, count)
    if not mixes:
        return own(), other
    mixed = jnp.arange(trainer.drawn) < jnp.round(hp["offline_ratio"] * trainer.drawn)
    return jnp.where(mixed[:, None], other, own()), None
