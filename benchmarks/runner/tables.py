"""Run what a paper's table lacks, and report it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.papers import find_papers
from benchmarks.report import build, inputs
from benchmarks.report.site.catalogue import Paper
from benchmarks.report.site.write import write_site
from benchmarks.runner.cells import COMMITTED, PRESETS, Cell, PaperTable, cells_of, sweep_cell
from benchmarks.runner.launchers import LAUNCHERS, Launcher
from benchmarks.runner.paths import (
    ROOT,
    CellPaths,
    cell_status,
    changes,
    finished,
    records_root,
    refuse_to_lose,
    with_needs,
)
from guided_rl.results import records
from guided_rl.runtime.errors import UserError, unknown_name

TABLES = find_papers()


def find_table(name: str) -> PaperTable:
    """The paper's table by name."""
    if name not in TABLES:
        raise unknown_name("table", name, TABLES)
    return TABLES[name]


def find_launcher(name: str) -> Launcher:
    """Who runs the cells, by name."""
    if name not in LAUNCHERS:
        raise unknown_name("launcher", name, LAUNCHERS)
    return LAUNCHERS[name]


def run_table(
    name: str,
    preset: str = "quick",
    seeds: int | None = None,
    physics: str = "auto",
    launcher: str = "local",
    tasks: Sequence[str] = (),
    names: Sequence[str] = (),
    say: Callable[[str], None] = print,
    root: Path = ROOT,
) -> build.Content:
    """Run the cells that have no record of what the table asks for, then build the report from the records alone.

    A record of other settings stays, and in the report, until its cell has been run again.

    Args:
      tasks, names: which cells, as for `cells_of`.
      root: the checkout, or a folder like it.

    Raises:
      UserError: an unknown name, a setting that cannot run, or a record that would be lost by the choice
        of seeds or engine, before anything is trained.
    """
    launch = find_launcher(launcher)
    table, place = find_table(name), CellPaths(name, preset, root)
    cells = cells_of(table, preset, seeds, physics, tasks, names)
    refuse_to_lose(place, cells, seeds is not None)
    missing = [cell for cell in cells if not finished(place, cell)]
    say(f"{table.title}, preset {preset}: {len(cells)} cells, {len(cells) - len(missing)} of them done before")
    _launch(launch, place, missing, say)
    return build_report(name, preset, root)


def run_sweep(
    name: str,
    axis: str,
    preset: str,
    task: str,
    seeds: int | None = None,
    physics: str = "auto",
    launcher: str = "local",
    say: Callable[[str], None] = print,
) -> records.Record:
    """Run the cell that sweeps one of the paper's axes on a task, as `run_table` does, and read its record."""
    launch, place = find_launcher(launcher), CellPaths(name, preset)
    cell = sweep_cell(find_table(name), axis, preset, task, seeds, physics)
    refuse_to_lose(place, [cell], seeds is not None)
    if not finished(place, cell):
        _launch(launch, place, [cell], say)
    return records.read(place.record(cell))


def _launch(launch: Launcher, place: CellPaths, cells: Sequence[Cell], say: Callable[[str], None]) -> None:
    """Run the cells, and say before which records that replaces."""
    for cell in with_needs(cells):
        runs = cell in cells or not place.agents(cell).exists()
        if runs and changes(place, cell):
            say(f"{cell.name}: {cell_status(place, cell)}; its record stays until the new one is whole")
    launch(place, cells, say)


def planned(name: str, preset: str, seeds: int | None = None, physics: str = "auto") -> list[tuple[Cell, str]]:
    """A table's cells, each with whether it is to run, see `standing`."""
    place = CellPaths(name, preset)
    return [(cell, cell_status(place, cell)) for cell in cells_of(find_table(name), preset, seeds, physics)]


def build_report(name: str, preset: str, root: Path = ROOT) -> build.Content:
    """Tables, figures and claims of a paper from its records alone, written beside them in place of the last ones.

    The claims of committed presets are judged together, and written once, to the table's own `report` folder.
    """
    table, home = find_table(name), records_root(preset, root) / name
    made_from = _digest(name, preset, root)
    found = {other: records.read_all(home.parent, name, other) for other in _together(preset)}
    content = content_of(table, preset, found)
    once, folder, ledger = preset in COMMITTED, home / preset / "report", []
    (folder / inputs.NAME).unlink(missing_ok=True)
    if once:
        ledger = build.write_tables({"claims": content.claims}, home / "report")
        _clear(home / "report", ledger)
    written = build.write(content, folder, claims=not once)
    _clear(folder, [*written, inputs.keep(folder, made_from, [*ledger, *written])])
    return content


def content_of(
    table: PaperTable, preset: str, found: Mapping[str, Sequence[records.Record]], draw: bool = True
) -> build.Content:
    """A paper's report at a preset as a value.

    Args:
      found: records by preset, all that its claims are judged from together. draw: whether the figures too.

    Raises:
      UserError: the preset has no records.
    """
    return build.build(
        found[preset],
        table.title,
        preset,
        table.claims_at(preset),
        table.pairs,
        table.sweeps,
        table.ours,
        more=table.figures,
        published=table.published,
        paper_networks=table.paper_networks,
        ledger=found,
        draw=draw,
    )


def _together(preset: str) -> tuple[str, ...]:
    """The presets whose records a report reads."""
    return COMMITTED if preset in COMMITTED else (preset,)


def _digest(name: str, preset: str, root: Path) -> str:
    """Of all that a table's report at a preset is made from."""
    code = inputs.code_of(ROOT, ("benchmarks/report/build.py", f"benchmarks/papers/{name.replace('-', '_')}/table.py"))
    folders = [f"{name}/{other}" for other in _together(preset)]
    return inputs.digest(records_root(preset, root), folders, ROOT, code)


def _clear(folder: Path, written: Sequence[Path]) -> None:
    """Remove what an earlier report left of the same kinds of files; a neighbour's half-written ones are left alone."""
    kinds = {path.suffix for path in written}
    for left in set(folder.iterdir()) - set(written):
        if left.suffix in kinds:
            left.unlink(missing_ok=True)


def write_pages(
    path: Path | None = None,
    root: Path = ROOT,
    presets: Sequence[str] = PRESETS,
    names: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> list[Path]:
    """The site of every table whose records are committed, and another, beside them, of those that are scratch.

    A table is computed again where its records or the code that it is computed by have changed.

    Args:
      path: folder of the committed records' site; `results/site` if None. presets: which records are reported.
      names: the only tables to compute again, all if empty; every table that has a report is on the pages.
      say: takes a line on each table.

    Returns:
      The front page of each site.

    Raises:
      UserError: an unknown name, there are no such records at all, or a file cannot be written.
    """
    asked = [find_table(name).name for name in names] or list(TABLES)
    _refresh(asked, root, presets, say)
    written = []
    for kept in dict.fromkeys(records_root(preset, root) for preset in reversed(PRESETS) if preset in presets):
        papers = [_paper(name, kept, root, presets) for name in TABLES]
        if any(paper.presets for paper in papers):
            home = path if path is not None and kept == records_root("cpu", root) else kept / "site"
            written.append(write_site(home, kept, papers, ROOT, say))
    if not written:
        raise UserError("there are no records to report on; run a table first, such as make table-dai")
    return written


def _refresh(names: Sequence[str], root: Path, presets: Sequence[str], say: Callable[[str], None]) -> None:
    """Compute the reports of these tables that are not of their records as they are."""
    for name in names:
        for preset in reversed([preset for preset in PRESETS if preset in presets]):
            home = records_root(preset, root) / name / preset
            count = len(list(home.glob("*/record.json")))
            if not count:
                continue
            if inputs.unchanged(home / "report", _digest(name, preset, root)):
                say(f"{TABLES[name].title}, preset {preset}: unchanged")
            else:
                say(f"{TABLES[name].title}, preset {preset}: computing from {count} records")
                build_report(name, preset, root)


def _paper(name: str, kept: Path, root: Path, presets: Sequence[str]) -> Paper:
    """What the site says of a paper beside its report: it has the presets that have one below `kept`."""
    table, folder = TABLES[name], f"benchmarks.papers.{name.replace('-', '_')}"
    there = [p for p in PRESETS if p in presets and records_root(p, root) == kept]
    there = [p for p in reversed(there) if (kept / name / p / "report" / inputs.NAME).exists()]
    module, answer = sys.modules.get(f"{folder}.table"), ROOT / Path(*folder.split(".")) / "answer.md"
    committed = kept == records_root("cpu", root) and answer.exists()
    return Paper(
        name,
        table.title,
        inspect.cleandoc(module.__doc__ or "") if module else "",
        answer.read_text(encoding="utf-8").strip() if committed else "",
        tuple(there),
        tuple(table.pairs),
        tuple(sorted({cell.config.method for preset in PRESETS for cell in table.cells(preset)})),
        table.paper_networks,
    )
