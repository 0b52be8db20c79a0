"""An expert's traces: the simulator states along whole successful episodes, to which an environment can be put back."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from guided_rl.envs import make
from guided_rl.envs.base import Env, State
from guided_rl.envs.spaces import Discrete, Space
from guided_rl.guides import find_guide
from guided_rl.guides.base import Guide
from guided_rl.runtime.errors import UserError

COUNT, SEED = 16, 5_200_001
AT_ONCE, MOST = 256, 20_000  # episodes tried side by side, and in all
SUCCESS = 0.5  # of a return that is 1 for success and 0 otherwise


@struct.dataclass
class Traces:
    """Traces of several experts; `of` chooses one, whose arrays have no axis `experts`.

    Attributes:
      states: leaves [experts, traces, steps + 1, …], each with clock and key, as they were before every action and
        at the end; behind a trace's end they repeat.
      obs: [experts, traces, steps, obs]. action: [experts, traces, steps] or [experts, traces, steps, action], of the
        learner's space. length: actions in each, [experts, traces].
      tried, steps: episodes that each expert played for them, failures too, and the steps of those, [experts].
    """

    states: State
    obs: jax.Array
    action: jax.Array
    length: jax.Array
    tried: jax.Array
    steps: jax.Array

    def of(self, seed: jax.Array) -> Traces:
        """Those of expert `seed mod n`."""
        return jax.tree.map(lambda leaf: leaf[seed % leaf.shape[0]], self)

    def lengths(self, seed: jax.Array) -> jax.Array:
        """Actions in each trace of expert `seed mod n`, [traces]."""
        return self.length[seed % self.length.shape[0]]

    def state(self, seed: jax.Array, trace: jax.Array, index: jax.Array) -> State:
        """The state of one of those traces before its action `index`."""
        expert = seed % self.length.shape[0]
        return jax.tree.map(lambda leaf: leaf[expert, trace, index], self.states)


def expert_traces(env: Env, guide: Guide | None, named: Guide | str | None, count: int) -> Traces | None:
    """`count` traces of `guide`, of every expert, for learning in `env`; None where none are asked for.

    Where the task is demonstrated in another one, whose expert can do more, that one's guide of the same name acts.

    Raises:
      UserError: as `record_traces`, or there is no such guide.
    """
    if not count:
        return None
    assert guide is not None  # who needs traces needs a guide
    world = getattr(getattr(env, "task", None), "demonstrated_in", "")
    if not world:
        return record_traces(env, env, guide, count)
    source = make(world)
    return record_traces(source, env, find_guide(named, source), count)


def record_traces(env: Env, learner: Env, guide: Guide, count: int = COUNT) -> Traces:
    """`count` successful traces of every expert of `guide`, which acts in `env`, for the actions of `learner`.

    Where fewer succeed in what is tried, those there are stand several times.

    Raises:
      UserError: an expert never succeeds.
    """
    experts = [guide.of(number) for number in range(guide.size or 1)]
    found = [_of_one(env, learner.action_space, expert, count) for expert in experts]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)


def _of_one(env: Env, space: Space, guide: Guide, count: int) -> Traces:
    play = jax.jit(functools.partial(_episodes, env, guide))
    kept: list[tuple] = []
    tried = steps = 0
    while len(kept) < count and tried < MOST:
        states, actions, returns, lengths = play(jax.random.fold_in(jax.random.key(SEED), tried))
        tried += AT_ONCE
        steps += int(np.sum(lengths))
        for number in np.flatnonzero(np.asarray(returns) > SUCCESS)[: count - len(kept)]:
            kept.append((jax.tree.map(lambda leaf, n=number: leaf[n], states), actions[number], lengths[number]))
    if not kept:
        raise UserError(
            f"the guide {guide.name!r} succeeded in none of {tried:,} episodes of {env.name}, so that it has left no "
            "trace to start from; give a better guide"
        )
    kept = [kept[number % len(kept)] for number in range(count)]
    states, actions, lengths = jax.tree.map(lambda *leaves: jnp.stack(leaves), *kept)
    if isinstance(space, Discrete):
        actions = jnp.minimum(actions, space.n - 1)
    return Traces(states, states.obs[:, :-1], actions, lengths, jnp.int32(tried), jnp.int32(steps))


def _episodes(env: Env, guide: Guide, key: jax.Array):
    """States [episodes, steps + 1, …], actions, returns and lengths of `AT_ONCE` whole episodes."""
    start, acting = jax.random.split(key)
    first = jax.vmap(env.reset)(jax.random.split(start, AT_ONCE))

    def step(carry, keys):
        state, total, active = carry
        action = jax.vmap(functools.partial(drawn_action, env.action_space, guide))(state.obs, keys)
        after = jax.vmap(env.step)(state, action, active)
        total = total + jnp.where(active, after.reward, 0.0)
        return (after, total, active & (after.done == 0)), (state, action, active)

    keys = jax.random.split(acting, (env.episode_length, AT_ONCE))
    (last, total, _), (states, actions, active) = jax.lax.scan(
        step, (first, jnp.zeros(AT_ONCE), jnp.ones(AT_ONCE, bool)), keys
    )
    states = jax.tree.map(lambda along, end: jnp.concatenate([along, end[None]]), states, last)
    states, actions = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, 1), (states, actions))
    return states, actions, total, jnp.sum(active, axis=0, dtype=jnp.int32)


def drawn_action(space: Space, guide: Guide, obs: jax.Array, key: jax.Array) -> jax.Array:
    """What the guide does at one `obs`: drawn from its distribution where actions are discrete."""
    if isinstance(space, Discrete):
        return jax.random.categorical(key, jnp.log(guide.action(obs, key))).astype(jnp.int32)
    return guide.action(obs, key)
