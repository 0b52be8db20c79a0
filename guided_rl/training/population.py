"""How one population learns: seeds × grid points, one compiled program.

Axis 0 of every array of `Population.members` and of the replay is the population. The step
count is shared and unbatched, so that ring pointers, schedules and warm-up stay branches of
the program instead of becoming selects.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from guided_rl.data.replay import Layout, insert, newest, sample_indices
from guided_rl.envs.base import Env, State
from guided_rl.guides.base import Guide
from guided_rl.methods.base import Agent, Batch, Context, HParams, Method, Setup
from guided_rl.runtime.rng import KEYS
from guided_rl.training.execution import over_members
from guided_rl.training.quarantine import quarantine
from guided_rl.training.sharding import SPLIT, sharded
from guided_rl.training.state import INPUTS, POPULATION, TOTALS, Inputs, Loop, Members, Population, Totals
from guided_rl.training.streams import keys_for


class Trainer:
    """The compiled programs of one (method, task, shape): `init`, and `chunk` for some steps."""

    def __init__(self, env: Env, method: Method, setup: Setup, loop: Loop):
        self.env, self.method, self.setup, self.loop = env, method, setup, loop
        self.layout = Layout.of(setup.observation_size, setup.action_space.width, method.columns(setup))
        self.drawn = loop.batch * method.loop.draws
        self.expert_batch = 0 if method.offline else method.loop.expert_batch

    def each(self, inputs: Inputs) -> Callable[[Callable], Callable]:
        """How this device runs a function of one member for all of its members."""
        return over_members(self.loop.execution, jnp.sum(inputs.real))

    def init(self, mesh: Mesh) -> Callable[[jax.Array, Inputs], Population]:
        """A fresh population for member seeds [population]."""
        return sharded(self._init, mesh, (SPLIT, INPUTS), POPULATION)

    def chunk(self, mesh: Mesh, steps: int) -> Callable[[Population, Inputs], tuple[Population, Totals]]:
        """The compiled advance by `steps`; the population it is given is consumed."""
        advance = functools.partial(self._chunk, steps=steps)
        return sharded(advance, mesh, (POPULATION, INPUTS), (POPULATION, TOTALS), donate_argnums=0)

    def _init(self, seeds: jax.Array, inputs: Inputs) -> Population:
        """A fresh population for member seeds [population]."""
        everyone = jnp.sum(seeds >= 0)  # what only fills up a device is a proper member at first: it is stepped too
        init = lambda seed, hp, guide: self._init_member(seed, hp, guide, offline_rows(inputs.offline, seed))
        members = over_members(self.loop.execution, everyone)(init)(seeds, inputs.hp, inputs.guide)
        replay = jnp.zeros((seeds.shape[0], self.loop.capacity, self.layout.width), self.loop.replay_dtype)
        return Population(members, replay, jnp.int32(0))

    def _init_member(self, seed: jax.Array, hp: HParams, guide: Guide | None, rows: jax.Array | None) -> Members:
        key = jax.random.fold_in(jax.random.key(0, impl=KEYS), seed)
        agent_key, env_key, key = jax.random.split(key, 3)
        agent = self.method.init(agent_key, Context(hp, jnp.int32(0), guide, self.setup), rows)
        zero = jnp.float32(0)
        return Members(seed, key, agent, self.env.reset(env_key), zero, jnp.bool_(True), jnp.int32(-1))

    def _chunk(self, population: Population, inputs: Inputs, steps: int) -> tuple[Population, Totals]:
        """`steps` environment steps and their updates, or offline updates alone; sums of what happened."""
        before, totals = population.members, self.no_totals(population, inputs)
        advance = self._study if self.method.offline else self._experience
        population, totals = advance(population, totals, inputs, steps)
        return population.replace(members=quarantine(before, population.members, population.step)), totals

    def _study(self, population: Population, totals: Totals, inputs: Inputs, steps: int) -> tuple[Population, Totals]:
        """Offline nobody acts, so that each member takes all its gradient steps before the next one's begin.

        One by one, this keeps a learner in the cache, and copies it out of the population once.
        """
        first = jnp.clip(self.loop.learning_starts - population.step, 0, steps)

        def study(key, seed, agent, ring, hp, guide, metrics):
            def one(number, carry):
                agent, sums = carry
                stamp = population.step + number
                rows = self._sample(key, seed, ring, hp, offline=inputs.offline, stamp=stamp, filled=stamp)
                agent, metrics = self._learn(key, agent, hp, guide, rows, stamp=stamp)
                return agent, jax.tree.map(jnp.add, sums, metrics)

            return jax.lax.fori_loop(first, steps, one, (agent, metrics))

        m = population.members
        read = m.key, m.seed, m.agent, population.replay, inputs.hp, inputs.guide, totals.metrics
        agents, metrics = self.each(inputs)(study)(*read)
        population = population.replace(members=m.replace(agent=agents), step=population.step + steps)
        return population, totals.replace(updates=steps - first, metrics=metrics)

    def _experience(
        self, population: Population, totals: Totals, inputs: Inputs, steps: int
    ) -> tuple[Population, Totals]:
        """Blocks of environment steps, each followed by as many updates.

        All members take a step before any takes the next, since the engine steps all of them in one call.
        """
        blocks, rest = divmod(steps, self.loop.block)
        if rest:
            raise ValueError(f"a chunk of {steps} steps is not a whole number of blocks of {self.loop.block}")

        def block(carry, _):
            carry, _ = jax.lax.scan(lambda c, _: (self._collect(c, inputs), None), carry, length=self.loop.block)
            learn = carry[0].step > self.loop.learning_starts
            if self.method.events.every_episode is not None:
                carry = (self._every_episode(carry[0], inputs), carry[1])
            numbers = jnp.arange(self.loop.block)
            return jax.lax.cond(
                learn,
                lambda c: jax.lax.scan(lambda x, n: (self._update(x, inputs, n), None), c, numbers)[0],
                lambda c: c,
                carry,
            ), None

        return jax.lax.scan(block, (population, totals), length=blocks)[0]

    def _collect(self, carry, inputs: Inputs):
        """Every member acts once; one slice of the ring is written."""
        population, totals = carry
        step = population.step
        choose = functools.partial(self._choose, step=step)
        executed, stored = self.each(inputs)(choose)(population.members, inputs.hp, inputs.guide)
        members, rows, ended = jax.vmap(self._live)(population.members, executed, stored)
        if self.method.events.after_next_obs is not None:
            after_next_obs = functools.partial(self._after_next_obs, step=step)
            rows = {**rows, **self.each(inputs)(after_next_obs)(members, rows["next_obs"], inputs.hp, inputs.guide)}
        rows = jax.vmap(self.layout.pack)(rows)
        if self.method.events.after_step is not None:
            after_step = functools.partial(self._after_step, step=step)
            agents = self.each(inputs)(after_step)(members.agent, ended, inputs.hp, inputs.guide)
            members = members.replace(agent=agents)
        members = members.replace(env=self._reset_ended(members, step))
        replay = insert(population.replay, rows, population.step)
        totals = totals.replace(
            episodes=totals.episodes + ended["episode"],
            episode_return=totals.episode_return + ended["return"],
            failures=totals.failures + ended["failure"],
        )
        return Population(members, replay, population.step + 1), totals

    def _choose(self, member: Members, hp: HParams, guide: Guide | None, step: jax.Array):
        """The action to execute and the transition columns it brings along."""
        act_key, random_key = keys_for(member.key, step, "act", "random")
        ctx = Context(hp, step, guide, self.setup)

        def explore():
            choice = self.method.act(member.agent, member.env.obs, act_key, ctx)
            return choice.action, {"action": choice.action, **choice.extras}

        def uniform():
            _, stored = jax.eval_shape(explore)
            action = self.setup.action_space.sample(random_key)
            return action, {**{k: jnp.zeros(v.shape, v.dtype) for k, v in stored.items()}, "action": action}

        if not self.loop.random_steps:
            return explore()
        return jax.lax.cond(step < self.loop.random_steps, uniform, explore)

    def _live(self, member: Members, executed: jax.Array, stored: dict[str, jax.Array]):
        """One environment step, the transition's columns, and what ended; no reset yet."""
        after = self.env.step(member.env, executed)
        truncated = after.info["truncation"] * (0.0 if self.loop.timeout_is_terminal else 1.0)
        row = {
            "obs": member.env.obs,
            "reward": after.reward,
            "terminated": after.done * (1.0 - truncated),
            "next_obs": after.obs,
            **stored,
        }
        total = member.running_return + after.reward
        ended = {
            **stored,
            "reward": after.reward,
            "length": after.info["step"],
            "episode": after.done,
            "return": after.done * total,
            "failure": after.done * (1.0 - after.info["truncation"]),
        }
        # A reset would hide that the world failed on the way, so it is kept until the chunk's end.
        sound = member.alive & jnp.isfinite(after.obs).all() & jnp.isfinite(after.reward)
        member = member.replace(env=after, running_return=total * (1.0 - after.done), alive=sound)
        return member, row, ended

    def _after_next_obs(self, member: Members, next_obs: jax.Array, hp: HParams, guide: Guide | None, step: jax.Array):
        """The columns that depend on where the action led."""
        (key,) = keys_for(member.key, step, "arrive")
        return self.method.events.after_next_obs(member.agent, next_obs, key, Context(hp, step, guide, self.setup))

    def _after_step(self, agent: Agent, ended: dict[str, jax.Array], hp: HParams, guide: Guide | None, step: jax.Array):
        return self.method.events.after_step(agent, ended, Context(hp, step, guide, self.setup))

    def _reset_ended(self, members: Members, step: jax.Array) -> State:
        """Fresh starts where an episode ended; at most steps none did, and nothing is drawn or called."""

        def reset(env: State) -> State:
            keys = jax.vmap(lambda key: keys_for(key, step, "reset")[0])(members.key)
            return jax.vmap(self.env.reset_where)(env.done > 0, env, keys)

        return jax.lax.cond(jnp.any(members.env.done > 0), reset, lambda env: env, members.env)

    def _every_episode(self, population: Population, inputs: Inputs) -> Population:
        """The hook `every_episode` for every member, where an episode's clock, or learning, began within this block."""
        event, step, starts = self.method.events.every_episode, population.step, self.loop.learning_starts
        before = step - self.loop.block
        length = self.env.episode_length
        fresh = ((step - 1) // length != (before - 1) // length) | (before <= starts)
        window = min(event.window, self.loop.capacity)
        count = jnp.minimum(step, window)

        def one(key, seed, agent, ring, hp, guide):
            (hook_key,) = keys_for(key, step, "refit")
            recent = self._columns(newest(ring, step, window).astype(jnp.float32))
            ctx, rows = Context(hp, step, guide, self.setup), offline_rows(inputs.offline, seed)
            return event.hook(agent, recent, count, hook_key, ctx, rows)

        def everyone(agents: Agent) -> Agent:
            m = population.members
            return self.each(inputs)(one)(m.key, m.seed, agents, population.replay, inputs.hp, inputs.guide)

        agents = jax.lax.cond((step > starts) & fresh, everyone, lambda a: a, population.members.agent)
        return population.replace(members=population.members.replace(agent=agents))

    def _update(self, carry, inputs: Inputs, number: jax.Array):
        """One gradient step of every member on its own sample."""
        population, totals = carry
        step = population.step
        filled = jnp.minimum(step, self.loop.capacity)
        stamp = step - self.loop.block + number
        sample = functools.partial(self._sample, offline=inputs.offline, stamp=stamp, filled=filled)
        learn = functools.partial(self._learn, stamp=stamp)
        members = population.members
        rows = jax.vmap(sample)(members.key, members.seed, population.replay, inputs.hp)
        agents, metrics = self.each(inputs)(learn)(members.key, members.agent, inputs.hp, inputs.guide, rows)
        totals = totals.replace(
            updates=totals.updates + 1,
            metrics=jax.tree.map(jnp.add, totals.metrics, metrics),
        )
        return population.replace(members=members.replace(agent=agents)), totals

    def _sample(self, key, seed, ring, hp: HParams, offline: jax.Array | None, stamp: jax.Array, filled: jax.Array):
        """One member's rows for one update: of its own replay, of the shared data, or of both; and the expert's."""
        sample_key, offline_key = keys_for(key, stamp, "sample", "offline")
        own = lambda: ring[sample_indices(sample_key, self.drawn, filled)].astype(jnp.float32)
        mixes = self.method.offline or self.method.loop.mixes_dataset
        count = self.drawn if mixes else self.expert_batch
        if not count:
            return own(), None
        expert, size = seed % offline.shape[0], offline.shape[1]
        other = offline[expert, sample_indices(offline_key, count, size)]
        if self.method.offline:
            return other, None
        if not mixes:
            return own(), other
        mixed = jnp.arange(self.drawn) < jnp.round(hp["offline_ratio"] * self.drawn)
        return jnp.where(mixed[:, None], other, own()), None

    def _learn(self, key, agent: Agent, hp: HParams, guide: Guide | None, rows, stamp: jax.Array):
        """One member's gradient step."""
        (update_key,) = keys_for(key, stamp, "update")
        return self.method.update(agent, self._batch(rows), update_key, Context(hp, stamp, guide, self.setup))

    def _batch(self, rows: tuple[jax.Array, jax.Array | None]) -> Batch:
        """Named columns of the replay's rows, and of the expert's that come with them, if any."""
        own, expert = rows
        batch = self._columns(own)
        return batch if expert is None else {**batch, "expert": self._columns(expert)}

    def _columns(self, rows: jax.Array) -> Batch:
        """Named columns of rows [..., width], the action in its space's type."""
        batch = self.layout.unpack(rows)
        return {**batch, "action": batch["action"].astype(self.setup.action_space.dtype)}

    def no_totals(self, population: Population, inputs: Inputs) -> Totals:
        """Sums of nothing, a zero for each of the update's metrics."""
        size = population.members.seed.shape
        zero = jnp.zeros(size)
        empty = lambda count: jnp.zeros((*size, count, self.layout.width))
        probe = empty(self.drawn), empty(self.expert_batch) if self.expert_batch else None

        def metrics_of(agent, hp, guide, key, rows):
            ctx = Context(hp, population.step, guide, self.setup)
            return self.method.update(agent, self._batch(rows), key, ctx)[1]

        m = population.members
        shapes = jax.eval_shape(jax.vmap(metrics_of), m.agent, inputs.hp, inputs.guide, m.key, probe)
        metrics = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        return Totals(zero, zero, zero, jnp.int32(0), metrics)


def offline_rows(offline: jax.Array | None, seed: jax.Array) -> jax.Array | None:
    """The rows [rows, width] of expert `seed mod n` in shared data [n, rows, width]."""
    return None if offline is None else offline[seed % offline.shape[0]]
