"""Stepping environments: whole episodes side by side, and streams of rows in which episode follows episode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.data.replay import Layout, transition
from guided_rl.envs.base import Env, State, refuse_too_many
from guided_rl.guides.base import Guide

Found = TypeVar("Found")


def play_episodes(
    env: Env,
    act: Callable[[State, jax.Array], tuple[jax.Array, Any]],
    state: State,
    note: Callable[[Found, Any, State, jax.Array], Found],
    found: Found,
    active: jax.Array | None = None,
    length: int | None = None,
) -> Found:
    """What `note` has gathered once the last of these episodes has ended; ended ones rest.

    Args:
      act: `(state, time) -> (action, said)` of all environments, at control step `time` of the episodes; `said` is
        whatever `note` is to know.
      state: fresh episodes, leaves [...] of any leading axes, such as [population, protocol, episode].
      note: `(found, said, after, active) -> found`, after every step; `active` are those that took it.
      found: what it begins with.
      active: which episodes are played, [...]; all if None.
      length: control steps after which they are left; the environment's episode length if None.
    """
    length = env.episode_length if length is None else length
    step = env.step
    for _ in state.done.shape:
        step = jax.vmap(step)

    def goes_on(carry):
        _, _, active, time = carry
        return jnp.any(active) & (time < length)

    def advance(carry):
        state, found, active, time = carry
        action, said = act(state, time)
        state = step(state, action, active)
        return state, note(found, said, state, active), active & (state.done == 0), time + 1

    active = jnp.ones(state.done.shape, bool) if active is None else active
    return jax.lax.while_loop(goes_on, advance, (state, found, active, jnp.int32(0)))[1]


def add_reward(total: jax.Array, said: Any, after: State, active: jax.Array) -> jax.Array:
    """A `note`: the undiscounted return so far, of the shape of `active`."""
    return total + jnp.where(active, after.reward, 0.0)


def reset_ended(
    reset_where: Callable[[jax.Array, State, jax.Array], State], state: State, keys: Callable[[], jax.Array]
) -> State:
    """Fresh starts where an episode has ended; at most steps none has, and nothing is drawn or called.

    Args:
      reset_where: the environment's, for all of `state` at once.
      keys: a key for each.
    """
    return jax.lax.cond(jnp.any(state.done > 0), lambda s: reset_where(s.done > 0, s, keys()), lambda s: s, state)


def row_and_next(env: Env, layout: Layout, state: State, action: jax.Array, key: jax.Array) -> tuple[State, jax.Array]:
    """One step of [n, streams] environments, those that ended begun anew, and its rows [n, streams, width].

    A time limit is no end of the task: such a row keeps its true next observation and is not terminated.
    """
    each = lambda function: jax.vmap(jax.vmap(function))
    after = each(env.step)(state, action)
    rows = each(layout.pack)(each(transition)(state.obs, action, after))
    return reset_ended(each(env.reset_where), after, lambda: jax.random.split(key, after.done.shape)), rows


def measure(env: Env, act: Callable[[jax.Array, jax.Array], jax.Array], episodes: int, seed: int = 0) -> np.ndarray:
    """Undiscounted returns [episodes], one whole episode each, of `act(key, obs [episodes, n])`.

    Raises:
      UserError: the engine cannot step so many at once.
    """
    refuse_too_many(env, episodes)

    def run(key: jax.Array) -> jax.Array:
        start, actions = jax.random.split(key)
        state = jax.vmap(env.reset)(jax.random.split(start, episodes))
        keys = jax.random.split(actions, env.episode_length)
        choose = lambda state, time: (act(keys[time], state.obs), None)
        return play_episodes(env, choose, state, add_reward, jnp.zeros(episodes))

    return np.asarray(jax.jit(run)(jax.random.key(seed)), np.float64)


def measure_guide(env: Env, guide: Guide, episodes: int, seed: int = 0) -> np.ndarray:
    """Returns [episodes] of what one guide does, its mode."""
    best = jax.vmap(lambda obs: guide.best_action(obs, env.action_space))
    return measure(env, lambda key, obs: best(obs), episodes, seed)


def measure_random(env: Env, episodes: int = 1000, seed: int = 0) -> np.ndarray:
    """Returns [episodes] of actions drawn uniformly from those that there are."""
    return measure(env, lambda key, obs: env.action_space.sample(key, obs.shape[:1]), episodes, seed)


def measure_zero(env: Env, episodes: int = 1000, seed: int = 0) -> np.ndarray:
    """Returns [episodes] of the action 0, the middle of the actuators' range."""
    return measure(env, lambda key, obs: jnp.zeros((obs.shape[0], env.action_size)), episodes, seed)
