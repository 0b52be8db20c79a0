"""What is compared, as it is written: a method, with settings of its own, or a folder that holds a record.

| written | is |
|---|---|
| `dai-sac` | a method with its defaults |
| `dai-sac:t_change=0.25,stored=policy` | the same with a hyper-parameter and a switch of its own |
| `runs/mine` | the record of a finished run |
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guided_rl import methods
from guided_rl.config import RunConfig
from guided_rl.methods.base import Method, Offline
from guided_rl.runtime.assignments import assignments, number, word
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.plugin_loader import is_plugin


@dataclass(frozen=True)
class Entry:
    """One competitor.

    Attributes:
      label: as it was written, which names it in tables and figures.
      method: the method's name; empty for a record.
      hparams, options: its own settings.
      record: the folder of its record; None for a method, which is trained.
    """

    label: str
    method: str = ""
    hparams: dict[str, float] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    record: Path | None = None

    def build(self) -> Method:
        return methods.build(self.method, self.options)


def parse_entry(text: str) -> Entry:
    """The competitor that `text` names.

    Raises:
      UserError: there is no such method, setting or record.
    """
    if (folder := _record_in(Path(text))) is not None:
        return Entry(text, record=folder)
    method, settings = _parted(text)
    known = methods.switches(method)
    given = assignments(f"{text}:", filter(None, settings.split(",")), word)
    options = {name: value for name, value in given.items() if name in known}
    hparams = {name: number(name, str(value)) for name, value in given.items() if name not in known}
    entry = Entry(text, method, hparams, options)
    built = entry.build()
    if unknown := sorted(set(hparams) - set(built.hparams)):
        raise UserError(f"{method} has no setting {unknown[0]}; it has {', '.join([*built.hparams, *known])}")
    if isinstance(built.loop, Offline):
        raise UserError(f"{method} learns offline and is no competitor of online methods; compare what goes on from it")
    return entry


def config_of(entry: Entry, base: RunConfig) -> RunConfig:
    """`base` with the competitor's method and settings; no guide or dataset that its method does not read."""
    needs = entry.build().needs
    return dataclasses.replace(
        base,
        method=entry.method,
        hparams=dict(entry.hparams),
        options=dict(entry.options),
        guide=base.guide if needs.guide else None,
        dataset=base.dataset if needs.dataset else None,
    )


def _record_in(path: Path) -> Path | None:
    """The folder of the record at `path`, which may be that of its run."""
    return next((folder for folder in (path, path / "record") if (folder / "record.json").is_file()), None)


def _parted(text: str) -> tuple[str, str]:
    """Method and settings; a method of one's own, file.py:NAME, has a colon of its own."""
    method, _, settings = text.partition(":")
    if method not in methods.METHODS and is_plugin(text):
        name, _, settings = settings.partition(":")
        return f"{method}:{name}", settings
    if method not in methods.METHODS and re.search(r"[/\\]", method):
        raise UserError(f"there is no record in {text}; name a method, or the folder of a finished run")
    return method, settings
