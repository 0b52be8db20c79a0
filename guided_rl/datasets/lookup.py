"""Offline rows by name: the experts' demonstrations, or a user's own file.

| written | is |
|---|---|
| `demos`, `demos@50` | 20 episodes of this task's experts (SAC's, or DQN's), at a quality level in per cent |
| `demos:5`, `demos@50:100` | another number of episodes, 1 to 1000 |
| `guide:bc`, `guide:my_expert.py:act,episodes=50` | 20 episodes of any guide, see `guides.find`, or another number |
| `GridMaze-medium-8/guide:exact` | that of another task which sees the same, for methods that read (s, s') alone |
| `random`, `medium`, `medium-replay`, `medium-expert`, `expert` | D4RL's mixtures, see `recipes` |
| `fixed`, `play`, `diverse` | waypoints through a maze, see `maze_recipes` |
| `medium:50000` | the same with another number of rows per expert |
| `medium+200`, `medium:50000+200` | the same, and behind it so many rows of the task's expert |
| `file.npz` | a user's own transitions, actions in [-1, 1], or numbers from 0 on where they are discrete |
| `file.hdf5`, `file.h5` | D4RL's flat layout, or Minari's with a group per episode |
| `folder` | a Minari dataset's, which holds `data/main_data.hdf5` |

A flat file has `observations` [rows, obs], `actions` [rows, action], or [rows] of discrete ones, `rewards` [rows],
`terminations` (or `terminals`) [rows], and either `next_observations` [rows, obs] or
`truncations` (or `timeouts`) [rows]. Without the former, s' is the next row's observation, and
a row that was truncated, or ends the file, is dropped because its s' was not kept. Other columns
are not read. A file without next observations whose flags leave a trajectory longer than an
episode of the task is refused, since somewhere in it s' would be another episode's.

For a method that learns from observations alone, such a file needs no actions, rewards or
terminations; what it lacks is NaN in the rows.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from guided_rl import envs
from guided_rl.data.files import read_hdf5
from guided_rl.data.replay import Layout
from guided_rl.datasets import maze_recipes, recipes
from guided_rl.datasets.demonstrations import EPISODES, collect
from guided_rl.datasets.own_files import NEEDED, packed, read_npz
from guided_rl.datasets.recipes import parse
from guided_rl.envs.base import Env, MujocoEnv
from guided_rl.guides import find_guide
from guided_rl.guides.expert_weights import LEVELS
from guided_rl.guides.find import demonstrator
from guided_rl.runtime.errors import UserError, unknown_name

NAMES = ("demos", *(f"demos@{level}" for level in LEVELS))
HDF5 = (".hdf5", ".h5")
OF_GUIDE = "guide:"
IN_MINARI_FOLDER = Path("data") / "main_data.hdf5"
ELSEWHERE = re.compile(r"([^/]+)/((?:demos|guide:)[^/]*)")


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
        return packed(read_npz(path), named, env, observations_only)
    if path.suffix.lower() in HDF5 and not path.is_dir():
        return packed(read_hdf5(path, env, NEEDED), named, env, observations_only)
    if (path / IN_MINARI_FOLDER).is_file():
        return packed(read_hdf5(path / IN_MINARI_FOLDER, env, NEEDED), named, env, observations_only)
    if elsewhere := ELSEWHERE.fullmatch(named):
        return _of_another_task(elsewhere[1], elsewhere[2], env, observations_only)
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


def _of_another_task(task: str, named: str, env: Env, observations_only: bool) -> np.ndarray:
    """What the experts of another task did, whose observations are this one's, though its actions need not be.

    Raises:
      UserError: the method reads more than observations, or they are of another size.
    """
    other = envs.make(task, getattr(env, "backend", "auto") if isinstance(env, MujocoEnv) else "auto")
    if not observations_only:
        raise UserError(f"the dataset {task}/{named} is of another task, which only methods that read (s, s') can use")
    if other.observation_size != env.observation_size:
        sizes = f"{other.observation_size} entries, those of {env.name} {env.observation_size}"
        raise UserError(f"observations of {task} have {sizes}; give a dataset of a task that sees the same")
    layout = Layout.of(other.observation_size, other.action_space.width)
    rows = layout.unpack(find_dataset(named, other, layout))
    action = np.full((*rows["reward"].shape, max(1, env.action_space.width)), np.nan, np.float32)
    columns = [rows["obs"], action, rows["reward"][..., None], rows["terminated"][..., None], rows["next_obs"]]
    return np.concatenate(columns, axis=-1)


def _demonstrations(named: str, env: Env) -> np.ndarray:
    parts = re.fullmatch(r"([^:]+)(?::(-?\d+))?", named)
    if parts is None or parts[1] not in NAMES:
        refuse_format(Path(named))
        raise unknown_name(
            "dataset", named, [*NAMES, *recipes.MIXTURES, *maze_recipes.MIXTURES, "demos:5", "file.npz", "file.hdf5"]
        )
    guide = find_guide(parts[1].replace("demos", demonstrator(env)), env)
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
