"""Reading back what `experts.train` kept: every expert's policy at each evaluation point."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experts.train import RUNS, ladder_folder
from guided_rl.config import RunConfig
from guided_rl.guides.expert_weights import Layers
from guided_rl.runtime.errors import UserError


@dataclass(frozen=True)
class Ladder:
    """Policies of e experts at p points.

    Attributes:
      steps: environment steps of one expert at each point [p].
      returns: [p, e, episodes], the deterministic policies', from which points are selected.
      layers: leaves [p, e, ...]; each network gives mean and log standard deviation.
    """

    steps: np.ndarray
    returns: np.ndarray
    layers: Layers

    def pick(self, points: np.ndarray, experts: np.ndarray) -> Layers:
        """Layers [n, ...] of the given (point, expert) pairs, [n] each."""
        return [{part: array[points, experts] for part, array in layer.items()} for layer in self.layers]


def read_ladder(task: str) -> Ladder:
    """The ladder of `task` up to the last point that all its experts have come to.

    Raises:
      UserError: there is no such point yet, or a file cannot be read.
    """
    waves = [[_read(path) for path in files] for files in _waves(task)]
    length = min((len(points) for points in waves), default=0)
    if not length:
        raise UserError(f"no expert of {task} was trained yet; run `python -m experts.train {task}`")
    joined = lambda name: np.stack([np.concatenate([wave[p][name] for wave in waves]) for p in range(length)])
    count = len({name.split("/")[2] for name in waves[0][0] if name.startswith("params/")})
    layers = [{part: joined(f"params/MLP_0/Dense_{i}/{part}") for part in ("kernel", "bias")} for i in range(count)]
    return Ladder(np.array([int(p["step"]) for p in waves[0][:length]]), joined("returns"), layers)


def _waves(task: str) -> list[list[Path]]:
    """Each wave's files by point, the waves by their first seeds. Older files, of one wave, are named by points."""
    found: dict[int, dict[int, Path]] = {}
    older: dict[int, Path] = {}
    for path in ladder_folder(task).glob("*.npz"):
        point, _, first_seed = path.stem.partition("_")
        if point.isdigit() and first_seed.isdigit():
            found.setdefault(int(first_seed), {})[int(point)] = path
        elif point.isdigit() and not first_seed:
            older[int(point)] = path
    waves = [found[first_seed] for first_seed in sorted(found)] or [{}]
    waves[0] = {**older, **waves[0]}
    return [[wave[point] for point in sorted(wave)] for wave in waves]


def trained_config(task: str) -> RunConfig:
    """The configuration that the ladder of `task` was trained with.

    Raises:
      UserError: it was not kept.
    """
    path = RUNS / task / "config.json"
    try:
        return RunConfig(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({error}); train {task} again") from error


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"the ladder file {path} cannot be read ({error}); remove its task's folder") from error
