"""Run what a paper's table lacks, and report it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.papers import find_papers
from benchmarks.report import build, page
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
    together = COMMITTED if preset in COMMITTED else (preset,)
    found = {other: records.read_all(home.parent, name, other) for other in together}
    more = {"more": table.figures, "published": table.published, "paper_networks": table.paper_networks}
    content = build.build(
        found[preset], table.title, preset, table.claims, table.pairs, table.sweeps, table.ours, ledger=found, **more
    )
    once = preset in COMMITTED
    if once:
        _clear(home / "report", build.write_tables({"claims": content.claims}, home / "report"))
    _clear(home / preset / "report", build.write(content, home / preset / "report", claims=not once))
    return content


def _clear(folder: Path, written: Sequence[Path]) -> None:
    """Remove what an earlier report left of the same kinds of files; a neighbour's half-written ones are left alone."""
    kinds = {path.suffix for path in written}
    for left in set(folder.iterdir()) - set(written):
        if left.suffix in kinds:
            left.unlink(missing_ok=True)


def write_pages(path: Path | None = None, root: Path = ROOT, presets: Sequence[str] = PRESETS) -> list[Path]:
    """One HTML page of every table whose records are committed, and another, beside them, of those that are scratch.

    Args:
      path: of the committed records' page; `results/report.html` if None. presets: which records are reported.

    Raises:
      UserError: there are no such records at all.
    """
    pages: dict[Path, list[page.Section]] = {}  # by the folder that records and page share
    for name in TABLES:
        for kept, sections in _sections(name, root, presets).items():
            pages.setdefault(kept, []).extend(sections)
    if not pages:
        raise UserError("there are no records to report on; run a table first, such as make table-dai")
    committed = records_root("cpu", root)
    lead = "Does expert guidance make the agent learn faster, by how much, and how sure are we?"
    place = lambda kept: path if path is not None and kept == committed else kept / "report.html"
    return [page.write(place(kept), "guided-rl", lead, sections) for kept, sections in pages.items()]


def _sections(name: str, root: Path, presets: Sequence[str]) -> dict[Path, list[page.Section]]:
    """A table's part of the pages, by the folder of the records; committed presets have one ledger, ahead of them."""
    found: dict[Path, list[page.Section]] = {}
    for preset in reversed([preset for preset in PRESETS if preset in presets]):
        kept, once = records_root(preset, root), preset in COMMITTED
        if not any((kept / name / preset).glob("*/record.json")):
            continue
        content = build_report(name, preset, root)
        if once and kept not in found:
            found[kept] = [page.Section(content.claims.title, build.LEDGER, (content.claims,))]
        as_paper = TABLES[name].paper_networks and preset == "long"
        lead = build.SCALES["paper"] if as_paper else None
        found.setdefault(kept, []).append(build.section(content, lead, claims=not once))
    return found
