"""`--help` says of every option what it is, and names the tasks, methods and engines there are."""

from __future__ import annotations

import dataclasses
import re
import typing
from dataclasses import dataclass

import pytest
import tyro

from guided_rl.cli import main
from guided_rl.cli.commands import Command
from guided_rl.envs import OWN_TASKS, TASKS
from guided_rl.methods import METHODS
from guided_rl.physics import ENGINES

COMMANDS = {part.__metadata__[0].name: part.__origin__ for part in typing.get_args(Command)}


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")


def explained(printed: str) -> dict[str, str]:
    """Each option or argument of a help page and what is said of it, its default aside."""
    entries: list[list[str]] = []
    for line in re.findall(r"^[│ ] (.*?\S) *│?$", printed, re.MULTILINE):  # a box, or blanks where there are none
        if not line.startswith(" "):
            entries.append([line])
        elif entries:
            entries[-1].append(line)
    found = {}
    for first, *others in entries:
        name, *texts = [*re.split(r"\s{2,}", first, maxsplit=1), *(line.strip() for line in others)]
        found[name] = re.sub(r"\((default: .*|repeatable|required)\)$", "", " ".join(texts)).strip()
    return found


def shown(capsys, parse) -> dict[str, str]:
    with pytest.raises(SystemExit) as stop:
        parse()
    assert stop.value.code == 0
    return explained(capsys.readouterr().out)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_every_option_is(command, capsys):
    entries = shown(capsys, lambda: main([command, "--help"]))
    assert len(entries) == len(dataclasses.fields(COMMANDS[command])) + 1  # and --help itself
    assert all(len(text) > 5 for text in entries.values()), entries


def test_an_option_without_a_word_of_help_would_be_noticed(capsys):
    @dataclass
    class Bare:
        """A command.

        Attributes:
          told: what is told.
        """

        told: int = 3
        untold: tuple[int, ...] = (1, 2)

    entries = shown(capsys, lambda: tyro.cli(Bare, args=["--help"]))
    assert [text for name, text in entries.items() if "help" not in name] == ["what is told.", ""]


def test_help_names_every_task_method_and_engine(capsys):
    entries = shown(capsys, lambda: main(["run", "--help"]))
    for option, names in {
        "--task": {**TASKS, **OWN_TASKS},
        "--method": METHODS,
        "--physics": ("auto", *ENGINES),
    }.items():
        (text,) = (text for name, text in entries.items() if name.startswith(option))
        assert set(names) <= set(re.split(r"[,;] ", text)), option
