"""Whether a report is made anew: a digest of the records and of the code that it is computed from.

The digest lies beside the report, in `inputs.json`, with the names of the files that were written. It holds no time
and no path of a machine, so that a fresh clone draws nothing again.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from guided_rl.runtime import files

NAME = "inputs.json"
DATA = ("guided_rl/envs/expert_returns.json",)
WITHIN = (
    "guided_rl/results/",
    "guided_rl/envs/reference_returns.py",
    "benchmarks/claims/",
    "benchmarks/report/",
    "benchmarks/papers/",
)
"""Where code lies that numbers and figures depend on; what lies elsewhere, such as a learner, is in the records."""


def code_of(checkout: Path, starts: Iterable[str], within: Sequence[str] = WITHIN) -> list[Path]:
    """The files below `within` that some files import, those they import in turn, and `DATA`, sorted.

    Args:
      starts: names of files in the checkout; one that is not there is left out.
    """
    found: set[str] = set()
    waiting = [name for name in starts if (checkout / name).is_file()]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [other for other in _imported(checkout, name) if other.startswith(tuple(within))]
    return sorted(checkout / name for name in (*found, *DATA) if (checkout / name).is_file())


def _imported(checkout: Path, name: str) -> list[str]:
    """The files of the checkout that a file's imports name, wherever in it they stand."""
    modules = []
    for node in ast.walk(ast.parse((checkout / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    paths = [f"{module.replace('.', '/')}.py" for module in modules]
    return [path for path in paths if (checkout / path).is_file()]


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
