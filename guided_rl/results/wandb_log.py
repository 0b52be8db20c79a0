"""Weights & Biases: one run per seed and grid point, and one for the population at each grid point.

All runs of a cell share the group "table/task/method" and names of metrics, so that W&B's own dashboards compare
seeds; grid values and `seed` stand in their configurations. Runs are offline unless the user is logged in;
`WANDB_MODE` decides where it is set.
Nothing here may stop a training run: what goes wrong is said once, in one sentence.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from guided_rl.results.provenance import provenance
from guided_rl.results.records import plain
from guided_rl.results.statistics import iqm
from guided_rl.results.wandb_variables import asked_mode, give_cache, variables_in
from guided_rl.runtime.errors import UserError

PROJECT = "guided-rl"
MEMBERS = 64  # so many runs beside the population's; more make W&B's process slow to begin and end
TAG_LENGTH = 64  # W&B's own limit


def say_stderr(sentence: str) -> None:
    print(sentence, file=sys.stderr)


class Logger:
    """Logs a population's metrics to W&B; runs are opened when their members are first logged.

    Args:
      folder: where W&B keeps its files (in `<folder>/wandb`).
      group: "table/task/method".
      config: the run's configuration; each run adds its `seed` and grid values.
      seeds: each member's seed [population].
      points: each member's grid values, one mapping per member.
      limit: members that get a run of their own; where there are more, it is said. The population's runs have all.
      say: receives the one sentence when W&B cannot be used.
      timeout: seconds to wait for W&B's server before going on offline.
    """

    def __init__(
        self,
        folder: str | Path,
        group: str,
        config: Mapping[str, Any],
        seeds: Sequence[int],
        points: Sequence[Mapping[str, float]],
        limit: int = MEMBERS,
        say: Callable[[str], None] = say_stderr,
        timeout: float = 20.0,
    ):
        self._say, self._folder = say, Path(folder)
        self._first: int | None = None
        self._runs: list[Any] = []
        self._population: list[Any] = []
        self._labels = [_label(point) for point in points]
        self._start: Any = None  # where nothing is logged
        try:
            self._mode = asked_mode()
        except UserError as error:
            say(f"{error}; nothing is logged to W&B")
            return
        if self._mode == "disabled":
            return
        give_cache(self._folder)
        try:
            import wandb
        except ImportError:
            say("W&B is not installed, so nothing is logged to it; `pip install wandb` adds it")
            return
        self._members = [
            (f"seed {seed}{label and ' '}{label}", {"seed": int(seed), **point})
            for seed, point, label in zip(seeds, points, self._labels, strict=True)
        ][:limit]
        if len(seeds) > limit:
            say(f"W&B gets a run for each of the first {limit} of {len(seeds)} members; the population's have all")
        self._whole = [
            (f"population{label and ' '}{label}", {"seeds": [int(s) for s in dict.fromkeys(seeds)], **point})
            for label, point in dict(zip(self._labels, points, strict=True)).items()
        ]
        self._mode = self._mode or _login_mode(wandb)
        self._start = functools.partial(_start, wandb, self._folder, group, plain(config), timeout)

    def log(self, step: int, per_member: Mapping[str, np.ndarray], first: int = 0) -> None:
        """Log one step of the members from number `first` on, each in its own run.

        The runs of other members are closed then.

        Args:
          per_member: metrics, [members] each, NaN where a member has failed.
        """
        if self._start is None:
            return
        if first != self._first:
            width = len(next(iter(per_member.values())))
            self._turn_to(first, self._members[first : first + width])
        with self._telling():
            for member, run in enumerate(self._runs):
                run.log({name: float(value[member]) for name, value in per_member.items()}, step=int(step))

    def log_population(self, step: int, per_member: Mapping[str, np.ndarray]) -> None:
        """Log one step of all members in their grid points' runs.

        Args:
          per_member: metrics, [population] each, NaN where a member has failed.
        """
        with self._telling():
            for label, run in zip(dict.fromkeys(self._labels), self._population, strict=False):
                run.log(self._aggregate(per_member, label), step=int(step))

    def finish(self) -> None:
        """Close every run."""
        runs, self._start = [*self._runs, *self._population], None
        self._runs, self._population = [], []
        for run in runs:
            _quietly(run.finish)

    def _turn_to(self, first: int, members: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Open these members' runs instead of the ones that are open, and the population's if they are not."""
        for run in self._runs:
            _quietly(run.finish)
        wanted = [*members, *([] if self._population else self._whole)]
        started = self._start_somehow(wanted)
        self._first, self._runs = first, started[: len(members)]
        self._population = self._population or started[len(members) :]

    def _start_somehow(self, wanted: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]:
        """The runs, online if that is wanted and works, else offline; none, and never again, where that fails too."""
        if self._mode == "online":
            try:
                return self._start(wanted, "online")
            except Exception as error:  # W&B raises many kinds, none of which may end a training run
                if variables_in(error):
                    return self._give_up(error)
                self._say("W&B cannot be reached, so this run is logged offline; `wandb sync` uploads it later")
                self._mode = "offline"
        try:
            return self._start(wanted, self._mode)
        except Exception as error:
            return self._give_up(error)

    def _give_up(self, error: Exception) -> list[Any]:
        """Say why there are no runs, and try no more."""
        self._start = None
        if named := variables_in(error):
            why = f"W&B does not take {' and '.join(named)} ({_first_line(error)})"
        elif isinstance(error, OSError):
            why = f"W&B cannot write to {self._folder} ({_first_line(error)})"
        else:
            why = f"W&B does not start ({_first_line(error)})"
        self._say(f"{why}, so nothing is logged to it")
        return []

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """An error of W&B's is said once, and ends its part in the run."""
        try:
            yield
        except Exception as error:
            self._say(f"W&B stopped taking data ({_first_line(error)}); training goes on without it")
            self._start, self._runs, self._population = None, [], []

    def _aggregate(self, per_member: Mapping[str, np.ndarray], label: str) -> dict[str, float]:
        """Mean and IQM of each metric over the finite members of a grid point."""
        values, mine = {}, np.asarray([other == label for other in self._labels])
        for name, value in per_member.items():
            finite = np.asarray(value, np.float64)[mine]
            finite = finite[np.isfinite(finite)]
            values[f"{name}/members"] = float(finite.size)
            if finite.size:
                values[f"{name}/mean"] = float(finite.mean())
                values[f"{name}/iqm"] = float(iqm(finite))
        return values


def _start(
    wandb: Any,
    folder: Path,
    group: str,
    config: Mapping[str, Any],
    timeout: float,
    members: Sequence[tuple[str, Mapping[str, Any]]],
    mode: str,
) -> list[Any]:
    """One open run for each (name, extra configuration), in order; none stays open if one fails."""
    folder.mkdir(parents=True, exist_ok=True)
    settings, made = _settings(wandb, timeout), provenance()
    runs: list[Any] = []
    try:
        for name, extra in members:
            whole = {**config, **plain(extra)}
            run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                group=group,
                job_type="seed" if "seed" in extra else "population",
                tags=[part[:TAG_LENGTH] for part in (*group.split("/"), str(config.get("physics", ""))) if part],
                notes=f"guided-rl at commit {made['commit'] or 'unknown'}",
                name=f"{group} {name}",
                id=_identity(folder, group, name, whole, mode),
                config={**whole, "commit": made["commit"]},
                dir=str(folder),
                mode=mode,
                resume="allow" if mode == "online" else None,
                reinit="create_new",
                settings=settings,
            )
            runs.append(run)
    except Exception:
        for run in runs:
            _quietly(run.finish)
        raise
    return runs


def _settings(wandb: Any, timeout: float) -> Any:
    """Quiet runs, without what a record's provenance says better."""
    return wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        init_timeout=timeout,
        x_disable_stats=True,
        x_disable_meta=True,
        x_save_requirements=False,
    )


def _identity(folder: Path, group: str, name: str, config: Mapping[str, Any], mode: str) -> str:
    """The same for the same run, so that a resumed one goes on in the same place."""
    text = json.dumps([str(folder.resolve()), group, name, config, mode], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _login_mode(wandb: Any) -> str:
    """Online for a user who is logged in, else offline; asks nobody and no server."""
    try:
        wandb.setup(settings=wandb.Settings(silent=True))
        return "online" if wandb.login(prompt=False, verify=False) else "offline"
    except Exception:  # an unreadable login is no login
        return "offline"


def _label(point: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:g}" for name, value in point.items())


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _quietly(function: Callable[[], Any]) -> None:
    try:
        function()
    except Exception:  # closing must not hide what is being reported
        return
