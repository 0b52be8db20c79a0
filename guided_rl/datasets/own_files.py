"""A user's own transitions: what columns a file must have, and the rows that they become; `lookup` has the formats."""

from __future__ import annotations

import difflib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from guided_rl.data.files import Contents
from guided_rl.envs.base import Env
from guided_rl.envs.spaces import Discrete
from guided_rl.runtime.errors import UserError

ALIASES = {"terminations": "terminals", "truncations": "timeouts"}
COLUMNS = ("observations", "actions", "rewards", "terminations", "next_observations", "truncations")
# What other suites call a column.
OTHERS = {
    "observations": ("obs", "observation", "states", "state"),
    "actions": ("acts", "action", "act"),
    "rewards": ("rews", "reward", "rew"),
    "terminations": ("terminated", "termination", "dones", "done"),
    "next_observations": ("next_obs", "next_states", "observations_next"),
    "truncations": ("truncated", "truncation", "timeout"),
}
NEEDED = frozenset((*COLUMNS, *ALIASES.values()))
SHOWN = 12
EDGE = 1e-3
REQUIRED = ("observations", "actions", "rewards", "terminations")


def read_npz(path: Path) -> Contents:
    """The columns that matter of the archive, and the names of all that are there."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is one array without a name")
            names = tuple(archive.files)
            return Contents({name: _numbers(archive, name, path) for name in names if name in NEEDED}, names)
    except FileNotFoundError:
        raise UserError(f"there is no dataset {path}; name a file that exists") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else "no archive"
        raise UserError(
            f"the dataset {path} cannot be read ({reason}); it must be a whole .npz of plain numbers"
        ) from error


def _numbers(archive: Mapping[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    try:
        return archive[name]
    except ValueError as error:  # NumPy's word for an array of Python objects, which are pickled
        reason = str(error).splitlines()[0]
        raise UserError(f"{name} of the dataset {path} cannot be read ({reason}); store plain numbers") from error


def packed(contents: Contents, named: str, env: Env, observations_only: bool) -> np.ndarray:
    """Rows [1, rows, width] of checked columns."""
    columns = _checked(contents, named, env, observations_only)
    obs, terminated = columns["observations"], columns["terminations"]
    action = columns["actions"].reshape(len(obs), -1)
    if "next_observations" in columns:
        follows, kept = columns["next_observations"], np.ones(len(obs), bool)
    else:
        # A terminated row's s' is never bootstrapped from, so any finite one will do; but it is no pair (s, s').
        useful = (terminated > 0) & (not observations_only)
        follows = np.where(useful[:, None], obs, np.roll(obs, -1, axis=0))
        kept = ((columns["truncations"] == 0) & ~(terminated > 0)) | useful
        kept[-1] &= useful[-1]
        _refuse_lost_ends(columns, named, env)
    rows = np.concatenate([obs, action, columns["rewards"][:, None], terminated[:, None], follows], axis=1)
    if not kept.any():
        raise UserError(f"the dataset {named} has no row whose next observation is known; give next_observations")
    return rows[kept].astype(np.float32)[None]


def _refuse_lost_ends(columns: Mapping[str, np.ndarray], named: str, env: Env) -> None:
    """Refuse flags between which more rows lie than an episode can have, one more than its length at most.

    Raises:
      UserError: where the first such trajectory begins.
    """
    last = np.flatnonzero((columns["terminations"] > 0) | (columns["truncations"] > 0))
    last = np.union1d(last, [len(columns["observations"]) - 1])
    lengths = np.diff(last, prepend=-1)
    long = np.flatnonzero(lengths > env.episode_length + 1)
    if long.size:
        first, rows = last[long[0]] - lengths[long[0]] + 1, lengths[long[0]]
        raise UserError(
            f"the dataset {named} has no end marked in {rows} rows from row {first} on, but an episode of {env.name} "
            f"has at most {env.episode_length}; mark where episodes end in truncations, or give next_observations"
        )


def _checked(contents: Contents, named: str, env: Env, observations_only: bool) -> dict[str, np.ndarray]:
    """The columns by their first names, float32, each of the right size; NaN where one need not be there.

    Raises:
      UserError: the first thing that is wrong.
    """
    columns = {name: np.asarray(contents.columns[key]) for name, key in _present(contents.columns).items()}
    missing = [name for name in (("observations",) if observations_only else REQUIRED) if name not in columns]
    if missing:
        raise UserError(f"the dataset {named} has no {', '.join(missing)}; {_instead(missing, contents.names)}")
    if "next_observations" not in columns and "truncations" not in columns:
        raise UserError(
            f"the dataset {named} has neither next_observations nor truncations; give one of them; "
            f"{_instead(['next_observations', 'truncations'], contents.names)}"
        )
    counted = columns["observations" if observations_only else "rewards"]
    rows = len(counted) if counted.ndim else 0
    if rows == 0:
        raise UserError(f"the dataset {named} is empty; give at least one transition")
    widths = {"observations": env.observation_size, "next_observations": env.observation_size}
    widths |= {} if isinstance(env.action_space, Discrete) else {"actions": env.action_size}
    found = {name: _column(array, name, rows, widths.get(name), named, env) for name, array in columns.items()}
    lacking = {name: (rows, *((widths[name],) if name in widths else ())) for name in REQUIRED if name not in found}
    return found | {name: np.full(shape, np.nan, np.float32) for name, shape in lacking.items()}


def _present(columns: Mapping[str, np.ndarray]) -> dict[str, str]:
    """First name -> the name in the file, for the columns that matter."""
    found = {name: name if name in columns else ALIASES.get(name) for name in COLUMNS}
    return {name: key for name, key in found.items() if key is not None and key in columns}


def _instead(missing: Sequence[str], names: Sequence[str]) -> str:
    """What a file has, and which of it may be what is missing under another name."""
    shown = ", ".join(sorted(names)[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    meant = [f"{other} to {name}" for name in missing for other in _meant(name, names)]
    limits = ", where they mark no time limit" if any(other.startswith("done") for other in meant) else ""
    return f"it has {shown or 'nothing'}" + (f"; rename {', '.join(meant)}{limits}" if meant else "")


def _meant(name: str, names: Sequence[str]) -> list[str]:
    """Which of a file's names most likely stands for a column, if any."""
    known = [other for other in OTHERS[name] if other in names]
    return known[:1] or [n for n in difflib.get_close_matches(name, names, n=1, cutoff=0.85) if n not in COLUMNS]


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
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        bad = int(np.argwhere(~np.isfinite(array))[0][0])
        raise UserError(
            f"{name} of the dataset {named} hold NaN or infinity in float32, first in row {bad}; leave such rows out"
        )
    if name in ("terminations", "truncations") and not np.isin(array, (0, 1)).all():
        raise UserError(f"{name} of the dataset {named} hold other values than 0 and 1; store flags")
    return _actions(array, named, env) if name == "actions" else array


def _actions(array: np.ndarray, named: str, env: Env) -> np.ndarray:
    """The actions, once they are some of the task's.

    Raises:
      UserError: they leave its space.
    """
    space = env.action_space
    if isinstance(space, Discrete):
        if not np.isin(array, np.arange(space.n)).all():
            raise UserError(f"actions of the dataset {named} are not all of 0 to {space.n - 1}, those of {env.name}")
        return array
    if np.abs(array).max() > 1 + EDGE:
        raise UserError(
            f"actions of the dataset {named} reach {np.abs(array).max():.3g}, outside [-1, 1]; scale them to it"
        )
    return np.clip(array, -1, 1)
