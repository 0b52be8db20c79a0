"""Files and folders that appear complete or not at all, whenever the process is killed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO


def file_name(text: str) -> str:
    """`text` as a name that every file system and archive keeps: ASCII letters, digits, points and hyphens.

    Greek letters are spelled out, `Φ × δ` as `phi___delta`; any other character is an underscore.
    """
    return "".join(map(_plain, text))


def _plain(character: str) -> str:
    if character.isascii():
        return character if character.isalnum() or character in ".-" else "_"
    greek = re.fullmatch(r"GREEK (?:SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    return greek[1].lower().replace("lamda", "lambda") if greek else "_"  # Unicode's own spelling


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put `files` (name to content) at `folder`, in place of what is there.

    They are written beside it, synced and renamed into place. A kill between the two renames
    leaves the old folder aside under a hidden name, from which `heal` brings it back.

    Raises:
      OSError: it could not be written; the old folder is still there, and nothing else is.
    """
    part, previous = _aside(folder, "part"), _aside(folder, "previous")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        heal(folder)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for name, content in files.items():
            _write_synced(part / name, content)
        _sync_folder(part)
        if folder.exists():
            os.rename(folder, previous)
        os.rename(part, folder)
        _sync_folder(folder.parent)
        shutil.rmtree(previous, ignore_errors=True)
    except OSError:
        heal(folder)
        shutil.rmtree(part, ignore_errors=True)
        raise


def replace_file(path: Path, content: bytes | Callable[[BinaryIO], None]) -> None:
    """Put `content`, or what it writes to a file, at `path`; readers see the old file or the whole new one.

    Of several processes that write the same file the last one's stays.

    Raises:
      OSError: it could not be written; the old file is still there.
    """
    part = _aside(path, f"{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_synced(part, content)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def heal(folder: Path) -> None:
    """Put the previous folder back where a kill struck between the two renames."""
    previous = _aside(folder, "previous")
    with contextlib.suppress(OSError):
        if not previous.exists():
            return
        if folder.exists():
            shutil.rmtree(previous, ignore_errors=True)
        else:
            os.rename(previous, folder)


def heal_all(parent: Path) -> None:
    """`heal` every folder under `parent` that was left aside."""
    for previous in parent.glob(".*.previous"):
        heal(parent / previous.name[1 : -len(".previous")])


def _aside(path: Path, suffix: str) -> Path:
    """A hidden sibling that readers never take for the thing itself."""
    return path.with_name(f".{path.name}.{suffix}")


def _write_synced(path: Path, content: bytes | Callable[[BinaryIO], None]) -> None:
    with path.open("wb") as file:
        if callable(content):
            content(file)
        else:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
