"""Offline rows by name: the experts' demonstrations, or a user's own file.

| written | is |
|---|---|
| `demos`, `demos@50` | 20 episodes of this task's SAC experts, at a quality level in per cent |
| `demos:5`, `demos@50:100` | another number of episodes, 1 to 1000 |
| `random`, `medium`, `medium-replay`, `medium-expert`, `expert` | D4RL's mixtures, see `recipes` |
| `fixed`, `play`, `diverse` | waypoints through a maze, see `maze_recipes` |
| `medium:50000` | the same with another number of rows per expert |
| `file.npz` | a user's own transitions, actions in [-1, 1] |
| `file.hdf5`, `file.h5` | D4RL's flat layout, or Minari's with a group per episode |

A flat file has `observations` [rows, obs], `actions` [rows, action], `rewards` [rows],
`terminations` (or `terminals`) [rows], and either `next_observations` [rows, obs] or
`truncations` (or `timeouts`) [rows]. Without the former, s' is the next row's observation, and
a row that was truncated, or ends the file, is dropped because its s' was not kept.

For a method that learns from observations alone, such a file needs no actions, rewards or
terminations; what it lacks is NaN in the rows.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from guided_rl.data import maze_recipes, recipes
from guided_rl.data.demonstrations import EPISODES, collect
from guided_rl.data.hdf5 import read_hdf5
from guided_rl.data.recipes import parse
from guided_rl.data.replay import Layout
from guided_rl.envs.base import Env
from guided_rl.errors import UserError, unknown
from guided_rl.guides import find_guide
from guided_rl.guides.checkpoint import LEVELS

NAMES = ("demos", *(f"demos@{level}" for level in LEVELS))
ALIASES = {"terminations": "terminals", "truncations": "timeouts"}
EDGE = 1e-3
REQUIRED = ("observations", "actions", "rewards", "terminations")


def find_dataset(named: str, env: Env, layout: Layout, observations_only: bool = False) -> np.ndarray:
    """The rows [experts, rows, width] that a name or a path stands for; a file counts as one expert.

    Args:
      named: see the module's table.
      layout: the replay's; a method with columns of its own cannot learn from a dataset.
      observations_only: whether nothing but pairs (s, s') is asked for.

    Raises:
      UserError: there is no such dataset, it is unreadable or not for `env`, or the method
        stores what no dataset has.
    """
    standard = Layout.of(env.observation_size, env.action_size)
    if layout != standard:
        extra = [name for name, _ in layout.columns if name not in dict(standard.columns)]
        raise UserError(f"the method stores {', '.join(extra)}, which the dataset {named!r} does not have")
    suffix = Path(named).suffix
    if suffix == ".npz":
        return _packed(_read_npz(Path(named)), named, env, observations_only)
    if suffix in (".hdf5", ".h5"):
        return _packed(read_hdf5(Path(named), env), named, env, observations_only)
    name = parse(named, (*recipes.MIXTURES, *maze_recipes.MIXTURES))
    if name is not None and name.mixture in maze_recipes.MIXTURES:
        return maze_recipes.dataset(name.mixture, name.rows, env)
    if name is not None:
        return recipes.dataset(name, env)
    return _demonstrations(named, env)


def _demonstrations(named: str, env: Env) -> np.ndarray:
    parts = re.fullmatch(r"([^:]+)(?::(-?\d+))?", named)
    if parts is None or parts[1] not in NAMES:
        raise unknown(
            "dataset", named, [*NAMES, *recipes.MIXTURES, *maze_recipes.MIXTURES, "demos:5", "file.npz", "file.hdf5"]
        )
    guide = find_guide(parts[1].replace("demos", "sac"), env)
    return collect(guide, env, EPISODES if parts[2] is None else int(parts[2]))


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise UserError(f"there is no dataset {path}; name a file that exists") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else "no archive"
        raise UserError(
            f"the dataset {path} cannot be read ({reason}); it must be a whole .npz of plain numbers"
        ) from error


def _packed(columns: Mapping[str, np.ndarray], named: str, env: Env, observations_only: bool) -> np.ndarray:
    """Rows [1, rows, width] of checked columns."""
    columns = _checked(columns, named, env, observations_only)
    obs, action, terminated = columns["observations"], columns["actions"], columns["terminations"]
    if "next_observations" in columns:
        follows, kept = columns["next_observations"], np.ones(len(obs), bool)
    else:
        # A terminated row's s' is never bootstrapped from, so any finite one will do; but it is no pair (s, s').
        useful = (terminated > 0) & (not observations_only)
        follows = np.where(useful[:, None], obs, np.roll(obs, -1, axis=0))
        kept = ((columns["truncations"] == 0) & ~(terminated > 0)) | useful
        kept[-1] &= useful[-1]
    rows = np.concatenate([obs, action, columns["rewards"][:, None], terminated[:, None], follows], axis=1)
    if not kept.any():
        raise UserError(f"the dataset {named} has no row whose next observation is known; give next_observations")
    return rows[kept].astype(np.float32)[None]


def _checked(columns: Mapping[str, np.ndarray], named: str, env: Env, observations_only: bool) -> dict[str, np.ndarray]:
    """The columns by their first names, float32, each of the right size; NaN where one need not be there.

    Raises:
      UserError: the first thing that is wrong.
    """
    columns = {name: np.asarray(columns[key]) for name, key in _present(columns).items()}
    for name in ("observations",) if observations_only else REQUIRED:
        if name not in columns:
            raise UserError(f"the dataset {named} has no {name}; it has {', '.join(sorted(columns)) or 'nothing'}")
    if "next_observations" not in columns and "truncations" not in columns:
        raise UserError(f"the dataset {named} has neither next_observations nor truncations; give one of them")
    counted = columns["observations" if observations_only else "rewards"]
    rows = len(counted) if counted.ndim else 0
    if rows == 0:
        raise UserError(f"the dataset {named} is empty; give at least one transition")
    widths = {"observations": env.observation_size, "actions": env.action_size}
    widths["next_observations"] = env.observation_size
    found = {name: _column(array, name, rows, widths.get(name), named, env) for name, array in columns.items()}
    lacking = {name: (rows, *((widths[name],) if name in widths else ())) for name in REQUIRED if name not in found}
    return found | {name: np.full(shape, np.nan, np.float32) for name, shape in lacking.items()}


def _present(columns: Mapping[str, np.ndarray]) -> dict[str, str]:
    """First name -> the name in the file, for the columns that matter."""
    names = ("observations", "actions", "rewards", "terminations", "next_observations", "truncations")
    found = {name: name if name in columns else ALIASES.get(name) for name in names}
    return {name: key for name, key in found.items() if key in columns}


def _column(array: np.ndarray, name: str, rows: int, width: int | None, named: str, env: Env) -> np.ndarray:
    """One column as float32 [rows] or [rows, width]."""
    if array.dtype.kind not in "fiub":
        raise UserError(f"{name} of the dataset {named} are {array.dtype}, not numbers; store them as float32")
    expected = (rows,) if width is None else (rows, width)
    if array.shape == (rows, 1) and width is None:
        array = array[:, 0]
    if array.shape != expected:
        raise UserError(
            f"{name} of the dataset {named} have shape {array.shape}, but {env.name} with {rows} rows needs {expected}"
        )
    if not np.isfinite(array).all():
        bad = int(np.argwhere(~np.isfinite(array))[0][0])
        raise UserError(f"{name} of the dataset {named} hold NaN or infinity, first in row {bad}; leave such rows out")
    if name in ("terminations", "truncations") and not np.isin(array, (0, 1)).all():
        raise UserError(f"{name} of the dataset {named} hold other values than 0 and 1; store flags")
    if name == "actions" and np.abs(array).max() > 1 + EDGE:
        raise UserError(
            f"actions of the dataset {named} reach {np.abs(array).max():.3g}, outside [-1, 1]; scale them to it"
        )
    array = array.astype(np.float32)
    return np.clip(array, -1, 1) if name == "actions" else array
