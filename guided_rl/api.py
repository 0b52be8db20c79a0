"""The suite from Python: a run whose dataset and guide are found by their names."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from guided_rl import methods
from guided_rl.config import RunConfig
from guided_rl.datasets.lookup import find_dataset
from guided_rl.guides.base import Guide
from guided_rl.methods.base import Offline
from guided_rl.results.policies import keep_policies
from guided_rl.training.processes import is_main_process
from guided_rl.training.run import Result, Run
from guided_rl.training.waves import Observer


def make_run(config: RunConfig, guide: Guide | str | None = None, offline: np.ndarray | None = None) -> Run:
    """The run of `config`, made concrete; its dataset is looked up by name unless rows are given.

    Args:
      guide, offline: as for `train`.

    Raises:
      UserError: the configuration cannot run.
    """
    if offline is None and config.dataset is not None:
        loop = methods.build(config.method, config.options).loop
        tail = loop.tail if isinstance(loop, Offline) else 0
        return Run(config, guide, functools.partial(find_dataset, config.dataset, tail=tail))
    return Run(config, guide, offline)


def train(
    config: RunConfig,
    *,
    folder: str | Path | None = None,
    guide: Guide | str | None = None,
    offline: np.ndarray | None = None,
    observers: Sequence[Observer] = (),
    checkpoint_seconds: float = 60.0,
) -> Result:
    """Train every seed and grid point of `config`.

    Args:
      config: what to run.
      folder: where checkpoints go, from where a stopped run resumes, and where the policies of a finished one lie, for
        `--guide run:FOLDER`; None keeps nothing.
      guide: overrides `config.guide`, as a value or a name.
      offline: overrides `config.dataset` with shared rows [experts, rows, width] in the replay's layout.
      observers: called at every evaluation point.
      checkpoint_seconds: least time between checkpoints.

    Raises:
      UserError: the configuration cannot run. Interrupted: stopped on request, state saved.
    """
    result = make_run(config, guide, offline).execute(folder, observers, checkpoint_seconds)
    if folder is not None and is_main_process():
        keep_policies(result, Path(folder))
    return result
