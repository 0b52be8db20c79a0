"""What each command takes and does. Heavy imports wait until a command runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from guided_rl.cli.settings import Physics, RunOptions, Task, default_folder, floats
from guided_rl.runtime.errors import UserError

Positional = tyro.conf.Positional


@dataclass(frozen=True, kw_only=True)
class Run(RunOptions):
    """Train one population; the same command goes on where it was stopped.

    Writes a record to FOLDER/record, curves to W&B (offline unless you are logged in) and prints
    the returns. For example:

        guided-rl run --task Hopper-v5 --method dai-sac --guide bc --seeds 5 --grid t_change=0.1,0.5

    Attributes:
      folder: for checkpoints and the record; runs/<task>__<method>__<hash> if not given.
    """

    folder: Path | None = None

    def execute(self) -> None:
        from guided_rl.cli.running import run

        config = self.config()
        run(config, self.folder or default_folder(config))


@dataclass(frozen=True, kw_only=True)
class Sweep(RunOptions):
    """Sweep one hyper-parameter: all values × seeds in one compile, a table and a plot.

    For example:

        guided-rl sweep t_change 0.1,0.25,0.5,1.0 --task HalfCheetah-v5 --method dai-sac --guide bc --seeds 8

    Attributes:
      parameter: the hyper-parameter, such as t_change.
      values: its values, parted by commas.
      folder: for checkpoints, record and plot; runs/<task>__<method>__<hash> if not given.
    """

    parameter: Positional[str]
    values: Positional[str]
    folder: Path | None = None

    def execute(self) -> None:
        from dataclasses import replace

        from guided_rl.cli.running import run, save_sweep

        config = self.config()
        if self.parameter in config.grid:
            raise UserError(f"{self.parameter} is both swept and in --grid; leave one out")
        config = replace(config, grid={self.parameter: floats(self.parameter, self.values), **config.grid})
        folder = self.folder or default_folder(config)
        record = run(config, folder)
        if record is not None:
            save_sweep(record, self.parameter, folder)


@dataclass(frozen=True, kw_only=True)
class Plan(RunOptions):
    """Say what a run will take before anything compiles: memory, waves, time, schedules in steps.

    Takes the options of `run`, and lists the method's hyper-parameters and switches with what they may be.
    With --table, the cells of a paper's table and their cost instead.

    Attributes:
      table: a paper's table, such as dai.
      preset: of that table: smoke, quick, cpu, long or paper.
      seeds: of the run, or of every cell of the table; as many as each has by itself if not given.
    """

    table: str | None = None
    preset: str = "cpu"
    seeds: int | None = None

    def execute(self) -> None:
        from guided_rl.cli import planning

        if self.table is None:
            seeds = RunOptions.seeds if self.seeds is None else self.seeds
            planning.show_run(replace(self, seeds=seeds).config())
        else:
            planning.show_table(self.table, self.preset, self.seeds, self.physics)


@dataclass(frozen=True)
class Table:
    """Run a paper's table: the cells without a record, then returns, gains and claims.

    Attributes:
      name: of the paper, such as dai.
      preset: smoke (seconds), quick (minutes), cpu (hours), long (a day or more) or paper (an accelerator).
      seeds: per cell; the preset's own number if not given.
      launcher: local, one cell after another, or ray, as many as a Ray cluster takes at once.
      tasks: only these.
      cells: only those whose name matches one of these patterns, such as 'PointFall__*'; `plan --table` lists them.
      sweep: run nothing but the paper's grid over this hyper-parameter, on the one task named.
    """

    name: Positional[str]
    preset: str = "quick"
    seeds: int | None = None
    physics: Physics = "auto"
    launcher: str = "local"
    tasks: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    sweep: str | None = None

    def execute(self) -> None:
        from guided_rl.cli.running import show, show_sweep
        from guided_rl.runtime.checkout import tables

        if os.environ.get("GUIDED_RL_PROCESSES"):
            raise UserError("each cell of a table has one process; unset GUIDED_RL_PROCESSES and use --launcher ray")
        how = (self.seeds, self.physics, self.launcher)
        if self.sweep is not None:
            if len(self.tasks) != 1:
                raise UserError("a sweep runs on one task; name it, such as --tasks HalfCheetah-v5")
            if self.cells:
                raise UserError("--sweep is a cell by itself; leave out --cells")
            found = tables().run_sweep(self.name, self.sweep, self.preset, *self.tasks, *how)
            show_sweep(found, self.sweep, Path("runs") / "sweeps" / self.name / self.preset / self.tasks[0])
            return
        content = tables().run_table(self.name, self.preset, *how, self.tasks, self.cells)
        show(content.overview, content.returns, content.gains, content.claims)


@dataclass(frozen=True)
class Merge:
    """Put records of one run on different seeds together, as if all had been trained at once.

    For example, after `guided-rl run --seeds 5 --folder a` and `guided-rl run --seeds 5 --first-seed 5 --folder b`:

        guided-rl merge a b --out whole

    Attributes:
      parts: folders of runs or of records.
      out: folder of the merged record; not one that holds a record already.
    """

    parts: Positional[tuple[Path, ...]]
    out: Path

    def execute(self) -> None:
        from guided_rl.cli.running import merge

        merge(self.parts, self.out)


@dataclass(frozen=True)
class Evidence:
    """Run what the papers' tables still lack at presets cpu, long and paper, the most wanted first, until stopped.

    The same command goes on after a stop.

    Attributes:
      list: only say what is missing, and how many hours it will take.
      commit: commit each finished cell or shard of results/ by itself.
      hours: begin nothing after so many.
      cells: run at most so many cells or shards.
    """

    list: bool = False
    commit: bool = False
    hours: float | None = None
    cells: int | None = None

    def execute(self) -> None:
        from guided_rl.cli.running import show
        from guided_rl.runtime.checkout import module

        evidence = module("runner.evidence")
        if self.list:
            show(evidence.missing_table())
        else:
            evidence.gather(self.commit, self.hours, self.cells)


@dataclass(frozen=True)
class Report:
    """Recompute every table, figure and claim from the stored records, and write the HTML page.

    Presets smoke and quick, whose records are scratch, have a page of their own, runs/records/report.html.

    Attributes:
      page: where to write that of presets cpu, long and paper; results/report.html of the checkout if not given.
    """

    page: Path | None = None

    def execute(self) -> None:
        from guided_rl.runtime.checkout import tables

        for page in tables().write_pages(self.page):
            print(f"wrote {page}")


@dataclass(frozen=True)
class Evaluate:
    """Play whole fresh episodes of a guide and say what it returns.

    For example:

        guided-rl evaluate HalfCheetah-v5 bc@50

    Attributes:
      guide: who plays, as in `run`; `random` plays uniform actions.
      episodes: per expert.
      seed: of the episodes.
    """

    task: Positional[Task]
    guide: Positional[str]
    episodes: int = 100
    seed: int = 0
    physics: Physics = "auto"

    def execute(self) -> None:
        from guided_rl.cli.evaluating import evaluate

        evaluate(self.task, self.guide, self.episodes, self.seed, self.physics)


@dataclass(frozen=True)
class Video:
    """Render one episode to a .gif, or to an .mp4 where imageio-ffmpeg is installed.

    For example:

        guided-rl video HalfCheetah-v5 --guide bc --out cheetah.gif

    Attributes:
      guide: who plays, as in `run`; `random` plays uniform actions.
      folder: a run's folder: its learner plays instead.
      seed: of the episode and, with --folder, which learner.
      out: the file; <task>.gif if not given.
      size: width and height in pixels.
      steps: at most so many control steps.
    """

    task: Positional[Task]
    guide: str = "random"
    folder: Path | None = None
    seed: int = 0
    out: Path | None = None
    size: tuple[int, int] = (480, 360)
    steps: int = 1000
    physics: Physics = "auto"

    def execute(self) -> None:
        from guided_rl.cli import video

        player = video.find_player(self.task, self.guide, self.folder, self.seed, self.physics)
        print(f"wrote {video.record(player, self.out, self.seed, self.size, self.steps)}")


@dataclass(frozen=True)
class Doctor:
    """Print devices, versions, engines, compile cache, W&B and experts, and what is wrong: then exit status 2."""

    def execute(self) -> int:
        from guided_rl.cli.doctor import examine

        return 2 if examine() else 0


Command = (
    Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Sweep, tyro.conf.subcommand("sweep")]
    | Annotated[Plan, tyro.conf.subcommand("plan")]
    | Annotated[Table, tyro.conf.subcommand("table")]
    | Annotated[Merge, tyro.conf.subcommand("merge")]
    | Annotated[Evidence, tyro.conf.subcommand("evidence")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Video, tyro.conf.subcommand("video")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)


def parse(arguments: Sequence[str] | None) -> Command:
    """The command that the arguments spell."""
    about = "Does expert guidance make this agent learn faster, by how much, and am I sure?"
    config = (tyro.conf.PositionalMetavarFromFieldName,)
    return tyro.cli(Command, args=arguments, prog="guided-rl", description=about, config=config)
