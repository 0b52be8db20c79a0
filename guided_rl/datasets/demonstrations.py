"""What an expert did: transitions of its deterministic policy, made on first use and kept.

The same number of rows from every expert: `episodes` streams of the task's episode length
each. An episode that ends early is followed by a fresh one in the same stream, and a stream's
last episode may be cut; no row pretends that a cut is an end.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.data.replay import Layout
from guided_rl.data.rollout import row_and_next
from guided_rl.envs.base import Env, State
from guided_rl.guides.base import Guide
from guided_rl.runtime.env_vars import home_cache
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.files import replace_file
from guided_rl.runtime.hashing import content_hash

EPISODES = 20
MOST_EPISODES = 1000
_VERSIONS = ("guided-rl", "jax", "mujoco", "mujoco-mjx")


def collect(guide: Guide, env: Env, episodes: int = EPISODES, seed: int = 0) -> np.ndarray:
    """Rows [experts, episodes · episode length, width] in the replay's standard layout, float32.

    Kept under `data_folder()` by the hash of their recipe where the guide knows its source; a
    kept file that was altered is made again.

    Raises:
      UserError: the number of episodes is not in [1, 1000].
    """
    if not 1 <= episodes <= MOST_EPISODES:
        raise UserError(
            f"{episodes} episodes of demonstrations were asked for; give a number from 1 to {MOST_EPISODES}"
        )
    if guide.source is None:
        return refuse_failed(play(guide, env, episodes, seed))
    recipe = {
        "guide": guide.source,
        "task": env.name,
        "engine": getattr(env, "backend", None),
        "episodes": episodes,
        "seed": seed,
        "versions": versions(),
    }
    return kept(recipe, lambda: play(guide, env, episodes, seed))


def versions() -> dict[str, str]:
    """Of the packages that decide what an expert does."""
    return {name: importlib.metadata.version(name) for name in _VERSIONS}


def kept(recipe: Mapping[str, Any], make: Callable[[], np.ndarray]) -> np.ndarray:
    """The rows kept under `data_folder()` for `recipe`, else those that `make` gives, kept from now on."""
    text = json.dumps(recipe, sort_keys=True)
    path = data_folder() / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"
    rows = _read(path, text)
    if rows is None:
        rows = make()
        refuse_failed(rows)
        _write(path, text, rows)
    return rows


def refuse_failed(rows: np.ndarray) -> np.ndarray:
    """The rows, unless a simulation or a policy failed while they were made.

    Raises:
      UserError: some are NaN or infinite.
    """
    bad = int(np.count_nonzero(~np.isfinite(rows).all(-1)))
    if bad:
        raise UserError(
            f"{bad} of {rows[..., 0].size} rows that were made for the dataset are NaN, by physics that ran away or a "
            "policy's NaN action; give another guide or dataset"
        )
    return rows


def play(guide: Guide, env: Env, episodes: int, seed: int) -> np.ndarray:
    """As `collect`, always played anew."""
    count = guide.size or 1
    layout = Layout.of(env.observation_size, env.action_space.width)
    experts = guide if guide.size is None else jax.vmap(guide.of)(jnp.arange(count))

    def advise(expert: Guide, obs: jax.Array) -> jax.Array:
        return jax.vmap(lambda o: expert.best_action(o, env.action_space))(obs)

    def step(state: State, key: jax.Array) -> tuple[State, jax.Array]:
        action = jax.vmap(advise, in_axes=(0 if guide.size else None, 0))(experts, state.obs)
        return row_and_next(env, layout, state, action, key)

    @jax.jit
    def run(key: jax.Array) -> jax.Array:
        first, later = jax.random.split(key)
        state = jax.vmap(jax.vmap(env.reset))(jax.random.split(first, (count, episodes)))
        return jax.lax.scan(step, state, jax.random.split(later, env.episode_length))[1]

    rows = np.asarray(run(jax.random.key(seed)))
    return np.ascontiguousarray(np.moveaxis(rows, 0, 2)).reshape(count, -1, layout.width)


def data_folder() -> Path:
    """`$GUIDED_RL_CACHE/demonstrations`, else `~/.cache/guided-rl/demonstrations`."""
    return home_cache() / "demonstrations"


def _read(path: Path, recipe: str) -> np.ndarray | None:
    """The rows kept for `recipe`, or None where there are none that are whole."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            rows, sound = kept["rows"], str(kept["recipe"]) == recipe
            sound = sound and str(kept["sha256"]) == content_hash(rows)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        sound = False
    if not sound:
        warnings.warn(f"{path} was truncated or altered; its demonstrations are made again", stacklevel=3)
        return None
    return rows


def _write(path: Path, recipe: str, rows: np.ndarray) -> None:
    """Keep `rows`; a folder that cannot be written costs only the time to make them again."""
    try:
        replace_file(path, lambda file: np.savez(file, rows=rows, recipe=recipe, sha256=content_hash(rows)))
    except OSError as error:
        warnings.warn(f"demonstrations are not kept, because {path.parent}: {error.strerror}", stacklevel=3)
