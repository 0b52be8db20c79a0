"""Run what a paper's table lacks, and report it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import dai, pag, pex, sac_eo
from benchmarks.cells import PaperTable, cells_of, sweep_cell
from benchmarks.launchers import LAUNCHERS, Launcher
from benchmarks.running import ROOT, Place, finished, records_root
from guided_rl.errors import UserError, unknown
from guided_rl.reporting import page, records, report

TABLES = {table.name: table for table in (dai.TABLE, sac_eo.TABLE, pag.TABLE, pex.TABLE)}


def find_table(name: str) -> PaperTable:
    """The paper's table by name."""
    if name not in TABLES:
        raise unknown("table", name, TABLES)
    return TABLES[name]


def find_launcher(name: str) -> Launcher:
    """Who runs the cells, by name."""
    if name not in LAUNCHERS:
        raise unknown("launcher", name, LAUNCHERS)
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
) -> report.Content:
    """Run the cells that have no record yet, then build the report from the records alone.

    Args:
      tasks, names: which cells, as for `cells_of`.
      root: the checkout, or a folder like it.

    Raises:
      UserError: an unknown name, or a setting that cannot run, before anything is trained.
    """
    launch = find_launcher(launcher)
    table, place = find_table(name), Place(name, preset, root)
    cells = cells_of(table, preset, seeds, physics, tasks, names)
    missing = [cell for cell in cells if not finished(place, cell)]
    say(f"{table.title}, preset {preset}: {len(cells)} cells, {len(cells) - len(missing)} of them done before")
    launch(place, missing, say)
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
    """Run the cell that sweeps one of the paper's axes on a task, if it has no record yet."""
    launch, place = find_launcher(launcher), Place(name, preset)
    cell = sweep_cell(find_table(name), axis, preset, task, seeds, physics)
    if not finished(place, cell):
        launch(place, [cell], say)
    return records.read(place.record(cell))


def build_report(name: str, preset: str, root: Path = ROOT) -> report.Content:
    """Tables, figures and claims of a paper from its records alone, written beside them in place of the last ones."""
    table, kept = find_table(name), records_root(preset, root)
    found = records.read_all(kept, name, preset)
    more = {"more": table.figures, "published": table.published}
    content = report.build(found, table.title, preset, table.claims, table.pairs, table.sweeps, table.ours, **more)
    folder = kept / name / preset / "report"
    written = report.write(content, folder)
    kinds = {path.suffix for path in written}  # a neighbour's half-written files are left alone
    for left in set(folder.iterdir()) - set(written):
        if left.suffix in kinds:
            left.unlink(missing_ok=True)
    return content


def write_page(path: Path | None = None) -> Path:
    """One HTML page of every table and preset that has records."""
    sections = []
    for name in TABLES:
        for preset in ("paper", "cpu", "quick"):
            if any((records_root(preset) / name / preset).glob("*/record.json")):
                sections.append(report.section(build_report(name, preset)))
    if not sections:
        raise UserError("there are no records to report on; run a table first, such as make table-dai")
    lead = "Does expert guidance make the agent learn faster, by how much, and how sure are we?"
    return page.write(path or ROOT / "results" / "report.html", "guided-rl", lead, sections)
