"""The options of a population on the command line: `RunConfig`'s fields, mappings as NAME=VALUE."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from guided_rl.config import RunConfig
from guided_rl.envs import OWN_TASKS, TASKS
from guided_rl.methods import METHODS
from guided_rl.physics import ENGINES
from guided_rl.runtime.errors import UserError

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


def assignments(option: str, given: Sequence[str], read: Callable[[str, str], Any]) -> dict[str, Any]:
    """`NAME=VALUE` texts as a dictionary; `read(option, value)` turns each value into what it stands for."""
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UserError(f"{option} {text} is not of the form NAME=VALUE, such as --set gamma=0.98")
        if name in pairs:
            raise UserError(f"{option} is given {name} twice; give it once")
        pairs[name] = read(option, value)
    return pairs


def number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{option} has the value {text!r} where a number is needed") from None


def floats(option: str, text: str) -> tuple[float, ...]:
    """Numbers parted by commas."""
    return tuple(number(option, part) for part in text.split(","))


def word(option: str, text: str) -> Any:
    """A switch's value: true, false, none and numbers as Python has them, anything else as text."""
    try:
        return json.loads({"True": "true", "False": "false", "none": "null", "None": "null"}.get(text, text))
    except ValueError:
        return text


def default_folder(config: RunConfig) -> Path:
    """`runs/<task>__<method>__<hash>`: the same command goes on in the same place, another one elsewhere."""
    text = json.dumps(config.to_json(), sort_keys=True)
    parts = ("".join(c if c.isalnum() or c in ".-" else "_" for c in part) for part in (config.task, config.method))
    return Path("runs") / "__".join([*parts, hashlib.sha256(text.encode()).hexdigest()[:8]])
