"""The command line, `guided-rl COMMAND`. Exit codes: 0 done, 2 something to mend, 130 stopped on request."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence

from guided_rl.cli.ending import as_process
from guided_rl.runtime import env_vars, opengl
from guided_rl.runtime.errors import Interrupted, UserError

REPEATABLE = ("--grid", "--set", "--option")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every failure that a user can mend is one sentence on stderr.

    Args:
      arguments: command and options; those of the process if None.

    Raises:
      SystemExit: from the parser, for `--help` (0) and for options that it cannot read (2).
    """
    if arguments is None:
        return as_process(lambda: run(sys.argv[1:]))
    return run(list(arguments))


def run(given: list[str]) -> int:
    """As `main`, within a process that may go on afterwards."""
    try:
        command = _parse(given)
        if given[0] != "doctor":  # which lists what is wrong with them beside all else
            env_vars.check()
        return command.execute() or 0
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"there is not enough memory for this ({error or 'no size given'}); ask for less", file=sys.stderr)
        return 2
    except (Interrupted, KeyboardInterrupt) as stop:
        print(str(stop) or "stopped; what was saved stays", file=sys.stderr)
        return 130


def _parse(arguments: list[str]):
    """The command. MuJoCo is imported here, and with it the OpenGL that `$MUJOCO_GL` names."""
    if arguments[:1] == ["video"]:
        opengl.choose()
    try:
        from guided_rl.cli.commands import parse
    except Exception as error:
        if "MUJOCO_GL" in os.environ:
            raise UserError(f"MUJOCO_GL={os.environ['MUJOCO_GL']} cannot be used here; {opengl.INSTALL}") from error
        raise
    refuse_repeated(arguments)
    return parse(arguments)


def refuse_repeated(arguments: Sequence[str]) -> None:
    """Refuse an option that is given twice, of which the parser would take the last without a word.

    Raises:
      UserError: the first such option; those of the form NAME=VALUE may be repeated.
    """
    seen: set[str] = set()
    for argument in itertools.takewhile(lambda text: text != "--", arguments):
        option = argument.partition("=")[0].replace("_", "-")
        if not option.startswith("--") or option in REPEATABLE:
            continue
        option = "--" + option.removeprefix("--").removeprefix("no-")  # a flag and its opposite are one option
        if option in seen:
            raise UserError(f"{option} is given twice; give it once")
        seen.add(option)
