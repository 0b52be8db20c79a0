"""Whether a report is made anew: a digest of the records and of the code that it is computed from.

The digest lies beside the report, in `inputs.json`, with the names of the files that were written. It holds no time
and no path of a machine, so that a fresh clone draws nothing again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from guided_rl.runtime import files

NAME = "inputs.json"
CODE = (
    "guided_rl/results/*.py",
    "guided_rl/envs/reference_returns.py",
    "guided_rl/envs/expert_returns.json",
    "benchmarks/claims/*.py",
    "benchmarks/report/*.py",
)
"""What every table is computed by, as patterns in the checkout; a paper's own folder comes beside them."""


def code_files(checkout: Path, patterns: Sequence[str]) -> list[Path]:
    """The files that patterns name, sorted."""
    return sorted({path for pattern in patterns for path in checkout.glob(pattern)})


def digest(records: Path, folders: Iterable[str], checkout: Path, code: Iterable[Path]) -> str:
    """SHA-256 over records and code.

    A record enters by its `record.json`, which holds the checksums of its data.

    Args:
      records: folder of the tables. folders: those of them that are read, such as `dai/cpu`.
      checkout, code: files below it, by their names in it.
    """
    found = hashlib.sha256()
    heads = [head for folder in sorted(folders) for head in sorted((records / folder).glob("*/record.json"))]
    for base, paths in ((records, heads), (checkout, sorted(code))):
        for path in paths:
            found.update(path.relative_to(base).as_posix().encode() + b"\0")
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def unchanged(folder: Path, expected: str) -> bool:
    """Whether the report in a folder was made from these inputs, and all its files are there."""
    try:
        stored = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return stored["digest"] == expected and all((folder / name).exists() for name in stored["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def keep(folder: Path, made_from: str, written: Iterable[Path]) -> Path:
    """Store the digest and the names of the files that were written from it.

    Raises:
      OSError: the folder cannot be written.
    """
    names = sorted(Path(os.path.relpath(path, folder)).as_posix() for path in written)
    text = json.dumps({"digest": made_from, "files": names}, indent=1) + "\n"
    files.replace_file(folder / NAME, text.encode())
    return folder / NAME
