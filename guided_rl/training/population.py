"""How one population learns: seeds × grid points, one compiled program.

Axis 0 of every array of `Population.members` and of the replay is the population. The step
count is shared and unbatched, so that ring pointers, schedules and warm-up stay branches of
the program instead of becoming selects.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from guided_rl.config import RunConfig
from guided_rl.data.replay import Layout
from guided_rl.envs.base import Env
from guided_rl.guides.base import Guide
from guided_rl.methods.acts import as_act
from guided_rl.methods.base import Act, Agent, Batch, Context, HParams, Method, OnPolicy, Planning, RollOut, Setup
from guided_rl.runtime.rng import KEYS
from guided_rl.training import outcomes
from guided_rl.training.execution import over_members
from guided_rl.training.loops import ADVANCE, on_policy
from guided_rl.training.loops.dataset import rows_of
from guided_rl.training.loops.planning import problem_of
from guided_rl.training.quarantine import quarantine
from guided_rl.training.sharding import SPLIT, sharded
from guided_rl.training.state import INPUTS, POPULATION, TOTALS, Inputs, Loop, Members, Population, Totals
from guided_rl.training.streams import keys_for


def setup_of(config: RunConfig, env: Env, method: Method, capacity: int) -> Setup:
    """The static facts of a run.

    Raises:
      UserError: the method plans, and the task is no table.
    """
    return Setup(
        env.observation_size,
        env.action_space,
        tuple(config.hidden),
        config.steps,
        config.activation,
        env.episode_length,
        capacity,
        config.critic_layer_norm,
        config.initialization,
        config.actor_head,
        problem_of(env, method),
    )


class Trainer:
    """The compiled programs of one (method, task, shape): `init`, and `chunk` for some steps."""

    def __init__(self, env: Env, method: Method, setup: Setup, loop: Loop):
        self.env, self.method, self.setup, self.loop = env, method, setup, loop
        self.layout = Layout.of(setup.observation_size, setup.action_space.width, method.columns(setup))
        how, self.expert_batch, self.drawn = method.loop, 0, 0
        if isinstance(how, OnPolicy):
            self.drawn = how.group * env.episode_length
        elif not isinstance(how, Planning):
            self.drawn, self.expert_batch = loop.batch * how.draws, how.expert_batch

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

        def init(seed: jax.Array, hp: HParams, guide: Guide | None) -> Members:
            known = rows_of(inputs.offline, seed) if inputs.traces is None else inputs.traces.of(seed)
            return self._init_member(seed, hp, guide, known)

        members = over_members(self.loop.execution, everyone)(init)(seeds, inputs.hp, inputs.guide)
        replay = jnp.zeros((seeds.shape[0], self.loop.capacity, self.layout.width), self.loop.replay_dtype)
        return Population(members, replay, jnp.int32(0))

    def _init_member(self, seed: jax.Array, hp: HParams, guide: Guide | None, known: Any) -> Members:
        key = jax.random.fold_in(jax.random.key(0, impl=KEYS), seed)
        agent_key, env_key, key = jax.random.split(key, 3)
        agent = self.method.init(agent_key, self.context(hp, jnp.int32(0), guide), known)
        zero, env = jnp.float32(0), self.env.reset(env_key)
        none = jax.tree.map(jnp.zeros_like, outcomes.of_task(env.metrics))
        spent = jnp.int32(0) if isinstance(self.method.loop, OnPolicy) else None
        return Members(seed, key, agent, env, zero, jnp.bool_(True), jnp.int32(-1), none, spent)

    def _chunk(self, population: Population, inputs: Inputs, steps: int) -> tuple[Population, Totals]:
        """`steps` environment steps and their updates, or offline updates alone; sums of what happened."""
        before, totals = population.members, self.no_totals(population, inputs)
        advance = ADVANCE[type(self.method.loop)]
        population, totals = advance(self, population, totals, inputs, steps)
        return population.replace(members=quarantine(before, population.members, population.step)), totals

    def context(self, hp: HParams, step: jax.Array, guide: Guide | None) -> Context:
        """What one member's hooks may read at this step."""
        groups = isinstance(self.method.loop, OnPolicy)
        return Context(hp, step, guide, self.setup, RollOut(jnp.int32(0), jnp.int32(0)) if groups else None)

    def gradient_step(self, key, agent: Agent, hp: HParams, guide: Guide | None, rows, update_step: jax.Array):
        """One member's gradient step."""
        (update_key,) = keys_for(key, update_step, "update")
        return self.method.update(agent, self._batch(rows), update_key, self.context(hp, update_step, guide))

    def _batch(self, rows: tuple[jax.Array, jax.Array | None] | None) -> Batch:
        """Named columns of the replay's rows, and of the expert's that come with them, if any; none in planning."""
        if rows is None:
            return {}
        own, expert = rows
        batch = self.columns(own)
        return batch if expert is None else {**batch, "expert": self.columns(expert)}

    def columns(self, rows: jax.Array) -> Batch:
        """Named columns of rows [..., width], the action in its space's type."""
        batch = self.layout.unpack(rows)
        return {**batch, "action": batch["action"].astype(self.setup.action_space.dtype)}

    def act_extras(self, population: Population, inputs: Inputs) -> dict[str, jax.Array]:
        """Shapes of what acting brings besides the action, none where no environment is stepped."""
        if self.method.offline:
            return {}
        return jax.eval_shape(functools.partial(self.play, self.method.act), population, inputs).extras

    def policies(self, population: Population, inputs: Inputs) -> list[Act]:
        """What every evaluation protocol would do in the members' present states."""
        return [self.play(policy, population, inputs) for policy in self.method.policies.values()]

    def play(self, policy: Callable[..., Act | jax.Array], population: Population, inputs: Inputs) -> Act:
        """What `policy` would do in the members' present states, leaves [population, ...]."""

        def one(m: Members, hp: HParams, guide: Guide | None) -> Act:
            return as_act(policy(m.agent, m.env.obs, m.key, self.context(hp, population.step, guide)))

        return jax.vmap(one)(population.members, inputs.hp, inputs.guide)

    def no_totals(self, population: Population, inputs: Inputs) -> Totals:
        """Sums of nothing, a zero for each of the update's metrics."""
        size = population.members.seed.shape
        zero = jnp.zeros(size)
        empty = lambda count: jnp.zeros((*size, count, self.layout.width))
        probe = (empty(self.drawn), empty(self.expert_batch) if self.expert_batch else None) if self.drawn else None

        def metrics_of(agent, hp, guide, key, rows):
            return self.method.update(agent, self._batch(rows), key, self.context(hp, population.step, guide))[1]

        m = population.members
        if isinstance(self.method.loop, OnPolicy):
            shapes = on_policy.metric_shapes(self, population, inputs)
        else:
            shapes = jax.eval_shape(jax.vmap(metrics_of), m.agent, inputs.hp, inputs.guide, m.key, probe)
        metrics = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        counted = (*m.outcomes, *outcomes.of_act(self.act_extras(population, inputs)))
        return Totals(zero, zero, zero, jnp.int32(0), metrics, dict.fromkeys(counted, zero))
