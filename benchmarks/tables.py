"""Run a paper's table cell by cell and report it: `python -m benchmarks.tables NAME [options]`.

A finished cell leaves a record and is never run again; an interrupted one goes on from its
checkpoint. Records of presets cpu and paper are kept in `results/`, the others in `runs/`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import dai, pag, pex, sac_eo
from benchmarks.cells import Cell, PaperTable, agents_file, cells_of, sweep_cell
from guided_rl.cli.watch import watching
from guided_rl.errors import UserError, unknown
from guided_rl.guides.quotes import experts_behind
from guided_rl.reporting import collect, page, records, report
from guided_rl.training.checkpoint import differences
from guided_rl.training.offline import keep_agents
from guided_rl.training.run import Session

ROOT = Path(__file__).resolve().parent.parent
TABLES = {table.name: table for table in (dai.TABLE, sac_eo.TABLE, pag.TABLE, pex.TABLE)}
LAUNCHERS = ("local",)


def find_table(name: str) -> PaperTable:
    """The paper's table by name."""
    if name not in TABLES:
        raise unknown("table", name, TABLES)
    return TABLES[name]


def records_root(preset: str) -> Path:
    """Where a preset's records live: committed for cpu and paper, scratch for the rest."""
    return ROOT / "results" if preset in ("cpu", "paper") else ROOT / "runs" / "records"


def run_table(
    name: str,
    preset: str = "quick",
    seeds: int | None = None,
    physics: str = "auto",
    launcher: str = "local",
    tasks: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> report.Content:
    """Run the cells that have no record yet, then build the report from the records alone.

    Raises:
      UserError: an unknown name, or a setting that cannot run, before anything is trained.
    """
    if launcher not in LAUNCHERS:
        raise unknown("launcher", launcher, LAUNCHERS)
    table = find_table(name)
    cells = cells_of(table, preset, seeds, physics, tasks)
    missing = [cell for cell in cells if not finished(table, preset, cell)]
    say(f"{table.title}, preset {preset}: {len(cells)} cells, {len(cells) - len(missing)} of them done before")
    for number, cell in enumerate(missing, 1):
        run_cell(table, preset, cell, say, f"{number}/{len(missing)} ")
    return build_report(name, preset)


def run_sweep(
    name: str,
    axis: str,
    preset: str,
    task: str,
    seeds: int | None = None,
    physics: str = "auto",
    say: Callable[[str], None] = print,
) -> records.Record:
    """Run the cell that sweeps one of the paper's axes on a task, if it has no record yet."""
    table = find_table(name)
    cell = sweep_cell(table, axis, preset, task, seeds, physics)
    if not finished(table, preset, cell):
        run_cell(table, preset, cell, say)
    return records.read(records.cell_folder(records_root(preset), name, preset, cell.name))


def finished(table: PaperTable, preset: str, cell: Cell) -> bool:
    """Whether a record of just this configuration exists.

    Raises:
      UserError: there is a record of another configuration in its place.
    """
    folder = records.cell_folder(records_root(preset), table.name, preset, cell.name)
    if not (folder / "record.json").exists():
        return False
    changed = differences(records.read(folder).config, cell.config.to_json())
    if changed:
        raise UserError(f"{folder} was made with other settings ({'; '.join(changed)}); remove it to run it again")
    return True


def run_cell(table: PaperTable, preset: str, cell: Cell, say: Callable[[str], None], label: str = "") -> None:
    """Train one cell, or go on with it, and keep its record; what it needs is trained first if it is missing."""
    if cell.needs is not None and not (ROOT / agents_file(cell.needs.config)).exists():
        say(f"{label}{cell.needs.name}: its agents are not on this machine, so they are trained again")
        run_cell(table, preset, cell.needs, say, label)
    session = Session(cell.config)
    experts = experts_behind(session.method, cell.config.guide, cell.config.dataset, session.env, rows=session.offline)
    run_folder = ROOT / "runs" / "cells" / table.name / preset / cell.name
    say(f"{label}{cell.name}")
    group = f"{table.name}/{cell.config.task}/{cell.config.method}"
    with watching(session, group, ROOT / "runs" / "curves" / table.name / preset / cell.name) as observers:
        result = session.run(run_folder, observers, checkpoint_seconds=120)
    if session.method.offline:
        keep_agents(result, ROOT / agents_file(cell.config), session.offline.shape[1])
    record = collect.from_result(result, table.name, preset, cell.name, experts, cell.variant, cell.setting)
    if not finished(table, preset, cell):
        records.write(record, records.cell_folder(records_root(preset), table.name, preset, cell.name))
    shutil.rmtree(run_folder, ignore_errors=True)
    final = np.nanmean(result.history.evaluation["episode_return"][-1, :, 0])
    say(f"{label}{cell.name}: {result.wall_seconds:.0f} s, last return {final:,.0f}")


def build_report(name: str, preset: str) -> report.Content:
    """Tables, figures and claims of a paper from its records alone, written beside them."""
    table = find_table(name)
    found = records.read_all(records_root(preset), name, preset)
    content = report.build(found, table.title, preset, table.claims, table.pairs, table.sweeps, more=table.figures)
    report.write(content, records_root(preset) / name / preset / "report")
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
