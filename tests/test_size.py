"""Code stays in pieces that are read at a sitting: files up to 300 lines, functions up to 50, without their docstring.

A function counts with the functions inside it. What must be longer is named below, with its reason.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("guided_rl", "benchmarks", "experts", "tests")
MOST_LINES, MOST_OF_A_FUNCTION = 300, 50
LONGER: dict[str, str] = {}  # "path" or "path::function": why
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, those of the docstring apart."""
    first, last = function.body[0], function.end_lineno
    told = first.end_lineno - first.lineno + 1 if ast.get_docstring(function, clean=False) is not None else 0
    return last - function.lineno + 1 - told


def too_long(path: str, text: str) -> dict[str, int]:
    """Name and length of each file or function above its limit."""
    found = {path: text.count("\n")} if text.count("\n") > MOST_LINES else {}
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, FUNCTIONS)]
    return found | {f"{path}::{f.name}": length(f) for f in functions if length(f) > MOST_OF_A_FUNCTION}


def test_files_and_functions_are_short_but_for_those_with_a_reason():
    found = {}
    for path in FILES:
        found |= too_long(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    assert not {name: lines for name, lines in found.items() if name not in LONGER}
    assert not LONGER.keys() - found.keys(), "these have become short; leave them out of LONGER"


@pytest.mark.parametrize(("lines", "long"), [(MOST_OF_A_FUNCTION - 1, False), (MOST_OF_A_FUNCTION, True)])
def test_a_docstring_does_not_count_and_a_function_inside_does(lines, long):
    body = "\n".join(["    def inside():", *["        pass"] * (lines - 1)])
    text = f'def outside():\n    """Told.\n\n    At length.\n    """\n{body}\n'
    assert (too_long("x.py", text) == {"x.py::outside": lines + 1}) == long


def test_a_file_of_one_line_more_is_too_long():
    assert too_long("x.py", "pass\n" * MOST_LINES) == {}
    assert too_long("x.py", "pass\n" * (MOST_LINES + 1)) == {"x.py": MOST_LINES + 1}


def test_every_test_that_the_code_names_is_there():
    for path in (path for path in FILES if path.relative_to(ROOT).parts[0] != "tests"):
        for file, _, name in re.findall(r"(tests/[\w/]+\.py)(::(\w+))?", path.read_text(encoding="utf-8")):
            assert (ROOT / file).exists(), f"{path} names {file}"
            assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8"), f"{path} names {file}::{name}"
