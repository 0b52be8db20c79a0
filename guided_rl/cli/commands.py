"""What each command takes and does. Heavy imports wait until a command runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from guided_rl.cli.settings import Physics, RunOptions, Task, default_folder, floats
from guided_rl.cli.table_commands import Evidence, Export, Merge, Report, Reproduce, Results, Table, Verify
from guided_rl.runtime.errors import UserError


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


@dataclass(frozen=True)
class Compare:
    """Does guidance help on this task? Train what is missing, then judge every competitor against the first.

    A competitor is a method, such as dai-sac, also with settings of its own, as in dai-sac:t_change=0.25, or the
    folder of a finished run. Demonstrations and offline agents that a method needs are made from the guide. The same
    command goes on where it was stopped, and trains only what is new. For example:

        guided-rl compare sac dai-sac bc-finetune-sac pex --task my_task.py:make --guide my_expert.py:act --seeds 20

    Attributes:
      competitors: the first is what the others are compared with.
      guide: who advises, as in `run`.
      dataset: offline rows; 20 episodes of the guide, where a method needs rows, if not given.
      steps: environment steps per seed.
      seeds: of each competitor; ten at least for a verdict.
      metric: of the learner's own policy, that decides: auc, early or final.
      until_decided: add ten seeds at a time until there is a verdict on every competitor, or --max-seeds.
      max_seeds: the most that --until-decided adds up to.
      offline_steps: updates of the offline agents that some methods go on from; as many as --steps if not given.
      evaluations: evenly spaced evaluation points.
      episodes: evaluation episodes at each point, per seed.
      hidden: widths of every network's hidden layers.
      batch: transitions per update.
      folder: of runs and results; runs/compare/<task>__<hash> if not given.
    """

    competitors: Positional[tuple[str, ...]]
    task: Task = "HalfCheetah-v5"
    guide: str | None = None
    dataset: str | None = None
    steps: int = 100_000
    seeds: int = 10
    metric: str = "auc"
    until_decided: bool = False
    max_seeds: int = 100
    offline_steps: int | None = None
    evaluations: int = 20
    episodes: int = 10
    hidden: tuple[int, ...] = (64, 64)
    batch: int = 128
    physics: Physics = "auto"
    folder: Path | None = None

    def execute(self) -> None:
        from guided_rl.cli import comparing
        from guided_rl.config import RunConfig

        shared = ("task", "guide", "dataset", "steps", "seeds", "evaluations", "episodes", "hidden", "batch", "physics")
        how = ("metric", "until_decided", "max_seeds", "offline_steps")
        config = RunConfig(**{name: getattr(self, name) for name in shared})
        comparing.run(self.competitors, config, self.folder, **{name: getattr(self, name) for name in how})


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
    seeds: int | None = None  # type: ignore[assignment]  # where not given, `execute` puts a number

    def execute(self) -> None:
        from guided_rl.cli import planning

        if self.table is None:
            seeds = RunOptions.seeds if self.seeds is None else self.seeds
            planning.show_run(replace(self, seeds=seeds).config())
        else:
            planning.show_table(self.table, self.preset, self.seeds, self.physics)


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
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Plan, tyro.conf.subcommand("plan")]
    | Annotated[Reproduce, tyro.conf.subcommand("reproduce")]
    | Annotated[Table, tyro.conf.subcommand("table")]
    | Annotated[Merge, tyro.conf.subcommand("merge")]
    | Annotated[Evidence, tyro.conf.subcommand("evidence")]
    | Annotated[Verify, tyro.conf.subcommand("verify")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Results, tyro.conf.subcommand("results")]
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
