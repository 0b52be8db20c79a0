"""Errors that a user can mend, each one clear sentence; the CLI prints it and exits 2."""

from __future__ import annotations

import contextlib
import difflib
import functools
import io
import sys
from collections.abc import Iterable, Iterator


class UserError(Exception):
    """What is wrong, where, and what to do, in one sentence."""


class Interrupted(Exception):
    """The user asked to stop; the state is saved and the same command goes on from it."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """An error for a name that does not exist, with the nearest ones that do."""
    names = sorted(known)
    lowered = {n.lower(): n for n in names}
    near = [lowered[n] for n in difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.4)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return UserError(f"unknown {kind} {name!r}; {hint}")


def lenient_output() -> None:
    """Print what a terminal's encoding lacks, such as ± in one that is not UTF-8, as a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@functools.cache
def note(sentence: str) -> None:
    """Tell the user, once, what was taken for granted; on stderr."""
    print(f"note: {sentence}", file=sys.stderr)


def reason(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


@contextlib.contextmanager
def exit_on_user_error() -> Iterator[None]:
    """For scripts: an error that a user can mend is one sentence on stderr, and exit status 2."""
    lenient_output()
    try:
        yield
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
