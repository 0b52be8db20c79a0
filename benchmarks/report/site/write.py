"""Puts a site in place: its pages, its data and what they load; what an earlier one left is removed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import inputs
from benchmarks.report.site.catalogue import Catalogue, Paper
from benchmarks.report.site.curve_data import curve_scripts
from benchmarks.report.site.pages import Pages
from guided_rl.results import records
from guided_rl.runtime import files
from guided_rl.runtime.errors import UserError

STATIC = Path(__file__).parent / "static"
LIST = "files.json"
CODE = ("benchmarks/report/site/curve_data.py",)
"""What the curves are computed by, with what it imports."""


def write_site(
    home: Path, kept: Path, papers: Sequence[Paper], checkout: Path, say: Callable[[str], None] = print
) -> Path:
    """Write the site; a file is replaced whole, and one that is the same stays as it is.

    Args:
      home: its folder. kept: folder of the records. papers: all, those that have a report with its presets.
      checkout: where the code lies. say: takes a line on each table whose curves are read anew.

    Returns:
      The front page.

    Raises:
      UserError: a file cannot be written, or a record cannot be read.
    """
    try:
        data, folders = _curve_files(home, kept, papers, checkout, say)
        curves = {name: read_script(data[name]) for name in data}
        shown = tuple(paper for paper in papers if paper.presets)
        waiting = [paper for paper in papers if not paper.presets]
        pages = Pages(Catalogue(kept, shown), home, curves, waiting).all()
        written = {f"data/{name}.js" for name in data} | {f"data/{folder}/{inputs.NAME}" for folder in folders}
        for name, content in {**pages, **_static()}.items():
            _replace(home / name, content)
            written.add(name)
        _clear(home, written)
    except OSError as error:
        raise UserError(f"cannot write the report to {home}: {error.strerror or error}") from error
    return home / "index.html"


def read_script(content: bytes) -> Any:
    """The value that a script of `scripts.script` hands over."""
    return json.loads(content.decode().partition(",")[2].removesuffix(");\n"))


def _curve_files(
    home: Path, kept: Path, papers: Sequence[Paper], checkout: Path, say: Callable[[str], None]
) -> tuple[dict[str, bytes], list[str]]:
    """The curve scripts by name, those of changed records made anew, and the folders below `data` that hold them."""
    found: dict[str, bytes] = {}
    folders = []
    code = inputs.code_of(checkout, CODE)
    for paper in papers:
        for preset in paper.presets:
            folder = home / "data" / "curves" / paper.name / preset
            made_from = inputs.digest(kept, [f"{paper.name}/{preset}"], checkout, code)
            if not inputs.unchanged(folder, made_from):
                say(f"{paper.title}, preset {preset}: reading every seed's curves")
                scripts = curve_scripts(records.read_all(kept, paper.name, preset), paper.name, preset)
                for name, content in scripts.items():
                    _replace(home / "data" / f"{name}.js", content)
                inputs.keep(folder, made_from, [home / "data" / f"{name}.js" for name in scripts])
            stored = json.loads((folder / inputs.NAME).read_text(encoding="utf-8"))["files"]
            folders.append(folder.relative_to(home / "data").as_posix())
            for file in stored:
                found[f"{folders[-1]}/{file.removesuffix('.js')}"] = (folder / file).read_bytes()
    return found, folders


def _static() -> dict[str, bytes]:
    """Style, scripts and the plotting library, by their names in the site."""
    return {f"static/{path.name}": path.read_bytes() for path in sorted(STATIC.iterdir()) if path.is_file()}


def _replace(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        files.replace_file(path, content)


def _clear(home: Path, written: Iterable[str]) -> None:
    """Remove what an earlier site wrote and this one did not, by its own list; nothing else is touched."""
    listed, names = home / LIST, sorted(written)
    try:
        earlier = json.loads(listed.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # such as a list that a merge left with two sides
        earlier = []
    for name in sorted(set(earlier) - set(names)):
        (home / name).unlink(missing_ok=True)
        for folder in (home / name).parents:
            if folder == home or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
    _replace(listed, (json.dumps(names, indent=0, ensure_ascii=False) + "\n").encode())
