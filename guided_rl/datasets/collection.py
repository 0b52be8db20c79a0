"""Transitions of behaviour policies that act by samples, many streams side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from guided_rl.data.replay import Layout
from guided_rl.data.rollout import row_and_next
from guided_rl.envs.base import Env, State
from guided_rl.runtime.progress import ProgressBar

BLOCKS = 10


@dataclass(frozen=True)
class Actor:
    """n behaviour policies: `params` with leaves [n, ...] and `act(params, obs [obs], key) -> [action]`."""

    params: Any
    act: Callable[[Any, jax.Array, jax.Array], jax.Array]

    @property
    def size(self) -> int:
        return jax.tree.leaves(self.params)[0].shape[0]


def collect(actor: Actor, env: Env, rows: int, seed: int, title: str) -> np.ndarray:
    """Rows [n, rows, width] in the replay's standard layout, float32, one stream after another.

    As many streams run as make one episode length each; one that ends is followed by a fresh
    episode, and a stream's last episode may be cut. A time limit is no end of the task: such a row
    keeps its true next observation and is not terminated.
    """
    streams = -(-rows // env.episode_length)
    steps = -(-rows // streams)
    steps += -steps % BLOCKS
    layout = Layout.of(env.observation_size, env.action_space.width)
    keys_of = lambda key: jax.random.split(key, (actor.size, streams))

    def step(state: State, key: jax.Array) -> tuple[State, jax.Array]:
        act_key, reset_key = jax.random.split(key)
        choose = jax.vmap(jax.vmap(actor.act, in_axes=(None, 0, 0)))
        action = choose(actor.params, state.obs, keys_of(act_key))
        return row_and_next(env, layout, state, action, reset_key)

    advance = jax.jit(lambda state, keys: jax.lax.scan(step, state, keys), donate_argnums=0)
    first, later = jax.random.split(jax.random.key(seed))
    state = jax.jit(lambda key: jax.vmap(jax.vmap(env.reset))(keys_of(key)))(first)
    out = np.empty((actor.size, streams, steps, layout.width), np.float32)
    with ProgressBar(f"{title} of {env.name}", steps, actor.size * streams) as bar:
        for part, keys in enumerate(jax.random.split(later, (BLOCKS, steps // BLOCKS))):
            state, block = advance(state, keys)
            place = slice(part * steps // BLOCKS, (part + 1) * steps // BLOCKS)
            out[:, :, place] = np.moveaxis(np.asarray(block), 0, 2)
            bar.update(place.stop)
    return np.ascontiguousarray(out.reshape(actor.size, -1, layout.width)[:, :rows])
