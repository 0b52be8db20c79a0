"""`run` and `sweep`: train one population under the eyes of its user, keep its record, print its returns."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from guided_rl import api
from guided_rl.cli.watch import watching
from guided_rl.config import RunConfig, differences
from guided_rl.datasets.expert_metadata import experts_behind
from guided_rl.envs.base import MujocoEnv
from guided_rl.results import collect, merging, records, summary_tables
from guided_rl.results.agents import keep_agents
from guided_rl.results.policies import keep_policies
from guided_rl.results.tables import Table, to_rich
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.plugin_loader import is_plugin
from guided_rl.training.checkpoint import content_changes
from guided_rl.training.processes import is_main_process
from guided_rl.training.run import Run

CHECKPOINT_SECONDS = 60

PIPED_WIDTH = 160


def run(config: RunConfig, folder: Path) -> records.Record | None:
    """Train, or go on where it was stopped; the record is also in `folder/record`.

    Of several processes the leading one keeps and returns it, the others return None.
    """
    done = folder / "record"
    if (done / "record.json").exists() and not differences((record := records.read(done)).config, config.to_json()):
        if changed := _changes_behind(config, folder):
            raise UserError(changed)
        print(f"this run was finished before; its record is in {done}")
        show(summary_tables.returns_table([record], f"{record.method} on {record.task}"))
        return record
    run = api.make_run(config)
    if not is_main_process():
        run.execute(folder, (), checkpoint_seconds=CHECKPOINT_SECONDS)
        return None
    experts = experts_behind(run.method, config.guide, config.dataset, run.env, rows=run.offline)
    with watching(run, f"run/{config.task}/{run.method.name}", folder) as observers:
        result = run.execute(folder, observers, checkpoint_seconds=CHECKPOINT_SECONDS)
    record = collect.from_result(result, "run", "own", folder.name, experts)
    records.write(record, done)
    show(summary_tables.returns_table([record], f"{record.method} on {record.task}"))
    print(f"record in {done}")
    kept = keep_policies(result, folder)
    print("\n".join(next_steps(run, folder)))
    if kept is not None:
        print(f"learn from it: --guide run:{folder}")
    if run.offline is not None and run.method.leaves_agents and not config.grid:
        agents = keep_agents(result, folder / "agents.npz", run.offline.shape[1])
        print(f"offline agents in {agents}; go on online with --guide offline:{agents}")
    return record


def next_steps(run: Run, folder: Path) -> list[str]:
    """Commands that go on from a finished run."""
    found = [f"read it from Python: guided_rl.results.records.read({str(folder / 'record')!r})"]
    if isinstance(run.env, MujocoEnv):
        found.append(f"see it: guided-rl video {run.config.task} --folder {folder}")
    if any(folder.glob("wandb/offline-run-*")):
        found.append(f"send it: wandb sync {folder}/wandb/offline-run-*")
    return found


def merge(parts: Sequence[Path], out: Path) -> records.Record:
    """Merge the records in these folders, or in their `record` folders, into one in `out`.

    Raises:
      UserError: a folder has no record, they are not parts of one run, or `out` holds a record already.
    """
    if (out / "record.json").exists():
        raise UserError(f"{out} holds a record already; name another folder with --out")
    inside = [part / "record" if (part / "record" / "record.json").exists() else part for part in parts]
    merged = replace(merging.merge([records.read(folder) for folder in inside]), cell=out.name)
    records.write(merged, out)
    show(summary_tables.returns_table([merged], f"{merged.method} on {merged.task}"))
    print(f"record of seeds {merged.seeds[0]} to {merged.seeds[-1]} in {out}")
    return merged


def _changes_behind(config: RunConfig, folder: Path) -> str:
    """What changed behind the names of a finished run, as a sentence; a run of our own names alone cannot change."""
    if config.guide is None and config.dataset is None and not (is_plugin(config.task) or is_plugin(config.method)):
        return ""
    return content_changes(folder, api.make_run(config).advice())


def show_sweep(record: records.Record, parameter: str, folder: Path) -> None:
    """A finished sweep's returns, printed, and its plot."""
    show(summary_tables.returns_table([record], f"{record.method} on {record.task}"))
    save_sweep(record, parameter, folder)


def save_sweep(record: records.Record, parameter: str, folder: Path) -> None:
    """The sweep's plot as `sweep_<parameter>.svg` and `.png` in `folder`; a sweep of one value has none."""
    from guided_rl.results import figures, plot_style

    figure = figures.sweep([record], parameter)
    if figure is not None:
        print(f"plot in {plot_style.save(figure, folder, f'sweep_{parameter}')[1]}")


def show(*tables: Table) -> None:
    """Print tables, as wide as the terminal, or wide where the output goes to a file."""
    console = Console()
    width = console.width if console.is_terminal else max(shutil.get_terminal_size().columns, PIPED_WIDTH)
    console = Console(width=width)
    for table in tables:
        console.print(to_rich(table, width))
