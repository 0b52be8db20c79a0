"""Users' HDF5 datasets as flat columns: D4RL's layout and Minari's.

D4RL (Fu et al. 2020, arXiv 2004.07219): flat arrays `observations`, `actions`, `rewards`,
`terminals`, `timeouts` and, in its later files, `next_observations`. Minari: a group
`episode_<i>` each, with T + 1 `observations` and T of `actions`, `rewards`, `terminations`,
`truncations`; its actions are in the units of the Gymnasium task and are scaled to [-1, 1].
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.base import Env
from guided_rl.runtime.errors import UserError

EPISODE = re.compile(r"episode_(\d+)")
SHOWN = 3
MINARI = ("observations", "actions", "rewards", "terminations")


@dataclass(frozen=True)
class Contents:
    """What was read of a user's file: the columns that matter, and the names of everything in it."""

    columns: Mapping[str, np.ndarray]
    names: tuple[str, ...]


def read_hdf5(path: Path, env: Env, needed: Container[str]) -> Contents:
    """The `needed` columns of a D4RL or Minari file.

    Raises:
      UserError: the file is missing, truncated or in neither layout.
    """
    if not path.exists():
        raise UserError(f"there is no dataset {path}; name a file that exists")
    try:
        with h5py.File(path, "r") as file:
            episodes = sorted((name for name in file if EPISODE.fullmatch(name)), key=_number)
            if episodes:
                return Contents(_minari(file, episodes, path, env), tuple(file[episodes[0]]))
            columns = {name: _array(file[name], name, path) for name in file if name in needed}
            return Contents(columns, tuple(_shown(file)))
    except (OSError, RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"the dataset {path} cannot be read ({reason}); it is truncated or no HDF5 file") from error


def _shown(file: h5py.File) -> list[str]:
    """The names at the top of a file; of a group the first arrays in it, by path."""
    names = []
    for name, node in file.items():
        if isinstance(node, h5py.Group):
            inside: list[str] = []
            node.visititems(lambda path, part, inside=inside: _keep(path, part, inside))
            names += [f"{name}/{path}" for path in inside] or [f"{name} (an empty group)"]
        else:
            names.append(name)
    return names


def _keep(path: str, part: h5py.Dataset | h5py.Group, inside: list[str]) -> bool | None:
    """Note an array's path; true, which ends the walk, once there are enough."""
    if isinstance(part, h5py.Dataset):
        inside.append(path)
    return len(inside) >= SHOWN or None


def _number(name: str) -> int:
    return int(name.removeprefix("episode_"))


def _array(node: h5py.Dataset | h5py.Group, name: str, path: Path) -> np.ndarray:
    if isinstance(node, h5py.Group):
        raise UserError(f"{name} of the dataset {path} are a group of arrays; give one flat array of observations")
    return np.asarray(node[()])


def _minari(file: h5py.File, episodes: list[str], path: Path, env: Env) -> dict[str, np.ndarray]:
    """Every episode's transitions, one after another."""
    parts = [_episode(file[name], name, path) for name in episodes]
    try:
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    except ValueError as error:
        raise UserError(f"the episodes of the dataset {path} differ in shape ({error}); give one task's") from error
    columns["actions"] = _scaled(columns["actions"], env)
    return columns


def _episode(group: h5py.Group, name: str, path: Path) -> dict[str, np.ndarray]:
    for key in MINARI:
        if key not in group:
            raise UserError(f"{name} of the dataset {path} has no {key}; it has {', '.join(group)}")
    arrays = {key: _array(group[key], f"{name}/{key}", path) for key in MINARI}
    steps = {key: len(array) if array.ndim else 0 for key, array in arrays.items()}
    if len({steps["actions"], steps["rewards"], steps["terminations"]}) > 1:
        raise UserError(f"{name} of the dataset {path} is ragged: {steps}; actions, rewards, terminations must agree")
    if steps["observations"] != steps["actions"] + 1:
        raise UserError(
            f"{name} of the dataset {path} has {steps['observations']} observations for {steps['actions']} actions; "
            "Minari keeps one more"
        )
    obs = arrays["observations"]
    return {**arrays, "observations": obs[:-1], "next_observations": obs[1:]}


def _scaled(actions: np.ndarray, env: Env) -> np.ndarray:
    """Actions in the model's units, as Gymnasium takes them, on the scale [-1, 1]."""
    fits = actions.ndim == 2 and actions.shape[1] == env.action_size and actions.dtype.kind in "fiu"
    if not hasattr(env, "ctrl") or not fits:
        return actions  # the caller says what is wrong with them
    low, high = (np.asarray(env.ctrl(jnp.full(env.action_size, edge))) for edge in (-1.0, 1.0))
    return 2 * (actions - low) / (high - low) - 1
