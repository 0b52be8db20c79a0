"""The options of a population on the command line: `RunConfig`'s fields, mappings as NAME=VALUE."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from guided_rl.config import RunConfig
from guided_rl.envs import OWN_TASKS, TASKS
from guided_rl.methods import METHODS
from guided_rl.physics import ENGINES
from guided_rl.runtime.assignments import assignments, floats, number, word
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.hashing import named_folder

Assignments = tyro.conf.UseAppendAction[tuple[str, ...]]


def named(known: Iterable[str], *others: str) -> str:
    """All names that an option takes, as its help; made from where they are defined, so never out of date."""
    return f"{', '.join(known)}{'; ' if others else ''}{' or '.join(others)}."


TASK = named((*TASKS, *OWN_TASKS), "brax:<name>", "a task of your own, file.py:function")
METHOD = named(METHODS, "a method of your own, file.py:NAME")
Task = Annotated[str, tyro.conf.arg(help=TASK)]
Physics = Annotated[str, tyro.conf.arg(help=named(("auto", *ENGINES), "auto is native on CPU, else mjx"))]


@dataclass(frozen=True, kw_only=True)
class RunOptions(RunConfig):
    """One population: a method on a task for every seed and grid point.

    Attributes:
      grid: hyper-parameter and its values, as t_change=0.1,0.5; every combination runs for every seed.
      hparams: a hyper-parameter's value, as gamma=0.98; `guided-rl plan --method METHOD` lists them all.
      options: a static switch of the method, as stored=policy; `guided-rl plan --method METHOD` lists them all.
    """

    task: Task = RunConfig.task
    method: Annotated[str, tyro.conf.arg(help=METHOD)] = RunConfig.method
    physics: Physics = RunConfig.physics
    # Words of the command line, which `config` turns into the mappings of the same names.
    grid: Annotated[Assignments, tyro.conf.arg(metavar="NAME=X,Y")] = ()  # type: ignore[assignment]
    hparams: Annotated[Assignments, tyro.conf.arg(name="set", metavar="NAME=X")] = ()  # type: ignore[assignment]
    options: Annotated[Assignments, tyro.conf.arg(name="option", metavar="NAME=WORD")] = ()  # type: ignore[assignment]

    def config(self) -> RunConfig:
        """What the options ask for.

        Raises:
          UserError: an assignment is not NAME=VALUE, or its value is no number.
        """
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(RunConfig)}
        values["grid"] = assignments("--grid", self.grid, floats)
        values["hparams"] = assignments("--set", self.hparams, number)
        values["options"] = assignments("--option", self.options, word)
        if both := sorted(values["grid"].keys() & values["hparams"].keys()):
            raise UserError(f"{', '.join(both)} is both in --grid and in --set; leave one out")
        return RunConfig(**values)


def default_folder(config: RunConfig) -> Path:
    """`runs/<task>__<method>__<hash>`: the same command goes on in the same place, another one elsewhere."""
    return named_folder(Path("runs"), config.task, config.method, content=config.to_json())
