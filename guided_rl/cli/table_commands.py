"""The commands of tables and their records. Heavy imports wait until a command runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from guided_rl.cli.settings import Physics
from guided_rl.runtime.errors import UserError


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
class Reproduce:
    """The main job: the quick cells of every paper's table, then one screen of verdicts, live and on record.

    Details go to the page that it names. The same command goes on where it was stopped.
    """

    physics: Physics = "auto"

    def execute(self) -> None:
        from guided_rl.cli.running import show
        from guided_rl.runtime.checkout import module

        table, words = module("runner.main_job").reproduce(self.physics)
        show(table)
        print("\n".join(words))


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
class Verify:
    """Check a paper's results: its tables, claims and words from the stored records; or train a cell again.

    Without --retrain it takes seconds to a minute, and trains nothing. With it, seeds of a cell are trained again
    beside the stored ones. That takes as long as `guided-rl plan` says. Returns are bit-identical on the same kind
    of machine.

    Attributes:
      name: of the paper, such as dai.
      retrain: the cell to train again, as `guided-rl plan --table` names it.
      preset: that of the cell.
      seeds: how many of its first seeds to train again; all if not given.
    """

    name: Positional[str]
    retrain: str | None = None
    preset: str = "cpu"
    seeds: int | None = None

    def execute(self) -> None:
        from guided_rl.runtime.checkout import module

        verifying = module("runner.verifying")
        if self.retrain is not None:
            print(verifying.retrained(self.name, self.retrain, self.preset, self.seeds))
            return
        found = verifying.check(self.name)
        if found.absent:
            print(f"words: not in a table, so look for their own command: {'; '.join(found.absent)}")
        if found.differ:
            raise UserError(
                f"{len(found.differ)} of {found.tables + len(found.differ)} stored tables are not what the records "
                f"say: {', '.join(found.differ)}; run guided-rl report --table {self.name}, and see what changed"
            )
        print(
            f"{found.tables} stored tables are what the records say; {found.found} intervals of the words are in them"
        )


@dataclass(frozen=True)
class Results:
    """Look through what is on record: papers; or of those that are named, cells with returns, or claims with verdicts.

    For example `guided-rl results pag --claims --verdict 'does not hold'`.

    Attributes:
      names: of the papers, such as dai.
      claims: show claims instead of cells.
      preset: only cells of such presets. This and what follows take patterns such as 'Hopper*'.
      task: only cells or claims of such tasks.
      method: only cells or claims of such methods.
      verdict: only claims with such verdicts.
    """

    names: Positional[tuple[str, ...]] = ()
    claims: bool = False
    preset: str = "*"
    task: str = "*"
    method: str = "*"
    verdict: str = "*"

    def execute(self) -> None:
        from guided_rl.cli.running import show
        from guided_rl.runtime.checkout import module

        browsing = module("runner.browsing")
        if not self.names:
            show(browsing.papers())
        elif self.claims:
            show(browsing.claims(self.names, self.verdict, self.task, self.method))
        else:
            show(browsing.cells(self.names, self.preset, self.task, self.method))


@dataclass(frozen=True)
class Export:
    """Write every seed's data of the committed records as Parquet, with a dataset card and Croissant metadata.

    Attributes:
      names: of the papers, such as dai; all if none is given.
      out: a folder, in which each paper gets its own.
    """

    names: Positional[tuple[str, ...]] = ()
    out: Path = Path("runs") / "export"

    def execute(self) -> None:
        from guided_rl.runtime.checkout import module

        module("runner.export").export(self.names, self.out)


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
    """Compute tables, figures and claims from the stored records, and write the site that shows them.

    A table is computed again only where its records, or the code that it is computed by, have changed. Presets smoke
    and quick, whose records are scratch, have a site of their own, runs/records/site.

    Attributes:
      table: compute only these papers' tables again, such as `--table pag dai`; the pages show all.
      site: folder for the pages of presets cpu, long and paper; results/site of the checkout if not given.
    """

    table: tuple[str, ...] = ()
    site: Path | None = None

    def execute(self) -> None:
        from guided_rl.runtime.checkout import tables

        for page in tables().write_pages(self.site, names=self.table):
            print(f"wrote {page}")
