"""Offline rows by name: the experts' demonstrations, or a user's own file.

| written | is |
|---|---|
| `demos`, `demos@50` | 20 episodes of this task's SAC experts, at a quality level in per cent |
| `demos:5`, `demos@50:100` | another number of episodes, 1 to 1000 |
| `guide:bc`, `guide:my_expert.py:act,episodes=50` | 20 episodes of any guide, see `guides.find`, or another number |
| `random`, `medium`, `medium-replay`, `medium-expert`, `expert` | D4RL's mixtures, see `recipes` |
| `fixed`, `play`, `diverse` | waypoints through a maze, see `maze_recipes` |
| `medium:50000` | the same with another number of rows per expert |
| `medium+200`, `medium:50000+200` | the same, and behind it so many rows of the task's expert |
| `file.npz` | a user's own transitions, actions in [-1, 1] |
| `file.hdf5`, `file.h5` | D4RL's flat layout, or Minari's with a group per episode |
| `folder` | a Minari dataset's, which holds `data/main_data.hdf5` |

A flat file has `observations` [rows, obs], `actions` [rows, action], `rewards` [rows],
`terminations` (or `terminals`) [rows], and either `next_observations` [rows, obs] or
`truncations` (or `timeouts`) [rows]. Without the former, s' is the next row's observation, and
a row that was truncated, or ends the file, is dropped because its s' was not kept. Other columns
are not read. A file without next observations whose flags leave a trajectory longer than an
episode of the task is refused, since somewhere in it s' would be another episode's.

For a method that learns from observations alone, such a file needs no actions, rewards or
terminations; what it lacks is NaN in the rows.
"""

from __future__ import annotations

import difflib
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from guided_rl.data.files import Contents, read_hdf5
from guided_rl.data.replay import Layout
from guided_rl.datasets import maze_recipes, recipes
from guided_rl.datasets.demonstrations import EPISODES, collect
from guided_rl.datasets.recipes import parse
from guided_rl.envs.base import Env
from guided_rl.guides import find_guide
from guided_rl.guides.expert_weights import LEVELS
from guided_rl.runtime.errors import UserError, unknown_name

NAMES = ("demos", *(f"demos@{level}" for level in LEVELS))
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
HDF5 = (".hdf5", ".h5")
OF_GUIDE = "guide:"
IN_MINARI_FOLDER = Path("data") / "main_data.hdf5"
NEEDED = frozenset((*COLUMNS, *ALIASES.values()))
SHOWN = 12
EDGE = 1e-3
REQUIRED = ("observations", "actions", "rewards", "terminations")


def find_dataset(named: str, env: Env, layout: Layout, observations_only: bool = False, tail: int = 0) -> np.ndarray:
    """The rows [experts, rows, width] that a name or a path stands for; a file counts as one expert.

    Args:
      named: see the module's table.
      layout: the replay's; a method with columns of its own cannot learn from a dataset.
      observations_only: whether nothing but pairs (s, s') is asked for.
      tail: how many of its last rows the method takes for an expert's; in a file it is the user who puts them there.

    Raises:
      UserError: there is no such dataset, it is unreadable or not for `env`, or the method
        stores what no dataset has.
    """
    standard = Layout.of(env.observation_size, env.action_space.width)
    if layout != standard:
        extra = [name for name, _ in layout.columns if name not in dict(standard.columns)]
        raise UserError(f"the method stores {', '.join(extra)}, which the dataset {named!r} does not have")
    if (played := guide_of(named)) is not None:
        return collect(find_guide(played[0], env), env, played[1])
    path = Path(named)
    if path.suffix.lower() == ".npz":
        return _packed(_read_npz(path), named, env, observations_only)
    if path.suffix.lower() in HDF5 and not path.is_dir():
        return _packed(read_hdf5(path, env, NEEDED), named, env, observations_only)
    if (path / IN_MINARI_FOLDER).is_file():
        return _packed(read_hdf5(path / IN_MINARI_FOLDER, env, NEEDED), named, env, observations_only)
    name = parse(named, (*recipes.MIXTURES, *maze_recipes.MIXTURES))
    if tail and (name is None or name.tail != tail):
        raise UserError(
            f"the method learns from {tail} expert rows at the end of its dataset, and {named!r} "
            f"{'ends with ' + str(name.tail) if name is not None and name.tail else 'has none'}; write "
            f"{named.partition('+')[0]}+{tail}, or give a file whose last {tail} rows are an expert's"
        )
    if name is not None and name.tail and name.mixture in maze_recipes.MIXTURES:
        raise UserError(f"the dataset {named} of a maze has no expert rows to put behind it; leave out +{name.tail}")
    if name is not None and name.mixture in maze_recipes.MIXTURES:
        return maze_recipes.dataset(name.mixture, name.rows, env)
    if name is not None:
        return recipes.dataset(name, env)
    return _demonstrations(named, env)


def guide_of(named: str) -> tuple[str, int] | None:
    """The guide and the number of episodes that `guide:GUIDE,episodes=20` names; None where it is no such name."""
    if not named.startswith(OF_GUIDE):
        return None
    guide, _, episodes = named.removeprefix(OF_GUIDE).partition(",episodes=")
    if not guide or (episodes and not episodes.isdigit()):
        raise UserError(f"the dataset {named!r} names no guide and episodes; write guide:bc or guide:bc,episodes=50")
    return guide, int(episodes or EPISODES)


def _demonstrations(named: str, env: Env) -> np.ndarray:
    parts = re.fullmatch(r"([^:]+)(?::(-?\d+))?", named)
    if parts is None or parts[1] not in NAMES:
        refuse_format(Path(named))
        raise unknown_name(
            "dataset", named, [*NAMES, *recipes.MIXTURES, *maze_recipes.MIXTURES, "demos:5", "file.npz", "file.hdf5"]
        )
    guide = find_guide(parts[1].replace("demos", "sac"), env)
    return collect(guide, env, EPISODES if parts[2] is None else int(parts[2]))


def refuse_format(path: Path) -> None:
    """Refuse what is meant as a file, but of no format that is read.

    Raises:
      UserError: what it is, and what to give.
    """
    give = "give .npz, .hdf5 or a Minari folder"
    if path.is_dir():
        raise UserError(f"the folder {path} holds no dataset of Minari's, which has data/main_data.hdf5; {give}")
    if path.suffix.lower() in (".pkl", ".pickle", ".pt", ".pth"):
        raise UserError(f"the dataset {path} is a pickle, which may run code and is not read; save it as .npz")
    if path.is_file() or re.fullmatch(r"\.[A-Za-z]\w*", path.suffix):
        raise UserError(f"the dataset {path} is of no format that can be read ({path.suffix or 'no suffix'}); {give}")


def _read_npz(path: Path) -> Contents:
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


def _packed(contents: Contents, named: str, env: Env, observations_only: bool) -> np.ndarray:
    """Rows [1, rows, width] of checked columns."""
    columns = _checked(contents, named, env, observations_only)
    obs, action, terminated = columns["observations"], columns["actions"], columns["terminations"]
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
    widths = {"observations": env.observation_size, "actions": env.action_size}
    widths["next_observations"] = env.observation_size
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
    if name == "actions" and np.abs(array).max() > 1 + EDGE:
        raise UserError(
            f"actions of the dataset {named} reach {np.abs(array).max():.3g}, outside [-1, 1]; scale them to it"
        )
    return np.clip(array, -1, 1) if name == "actions" else array
