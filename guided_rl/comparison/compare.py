"""Train what is missing, judge each competitor against the first, and write record, page and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from guided_rl import envs
from guided_rl.comparison.entries import Entry, parse_entry
from guided_rl.comparison.gather import Watch, gather, unwatched
from guided_rl.comparison.output import write_output
from guided_rl.comparison.teacher import Teacher, measured, spent
from guided_rl.config import RunConfig
from guided_rl.results.comparing import METRICS, Row, answer, judge
from guided_rl.results.likeness import unlike
from guided_rl.results.records import Record
from guided_rl.results.sequential import SeedPlan
from guided_rl.results.statistics import LEAST_SEEDS
from guided_rl.results.verdicts import ALPHA
from guided_rl.runtime.errors import UserError, unknown_name
from guided_rl.runtime.hashing import named_folder

BATCH = 10


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
      rows: the competitors, the first being what the others are compared with.
      metric: that decided. sentence: the answer in words.
      teacher: who advised, what it returns and what it cost, None where nobody did.
      folder: where record, page and figures are.
    """

    rows: tuple[Row, ...]
    metric: str
    sentence: str
    teacher: Teacher | None
    folder: Path


def compare(
    competitors: Sequence[str],
    config: RunConfig | None = None,
    *,
    metric: str = "auc",
    until_decided: bool = False,
    max_seeds: int = 100,
    offline_steps: int | None = None,
    folder: str | Path | None = None,
    watch: Watch = unwatched,
    say: Callable[[str], None] = lambda sentence: None,
) -> Comparison:
    """Whether, and by how much, each competitor is better than the first.

    Args:
      competitors: methods, with settings of their own, or folders of records; see `comparison.entries`.
      config: task, guide, dataset, budget, networks and seeds, the same for all; its method is not read.
      metric: of the learner's own policy, that decides: `auc`, `early` or `final`.
      until_decided: add seeds, ten at a time, until every competitor has a verdict or there are `max_seeds`; the rule
        for several looks (Lan and DeMets 1983) keeps the error rate of one.
      offline_steps: updates of the offline agents that some methods go on from; as many as the budget if None.
      folder: of runs and results; runs/compare/<task>__<hash> if None. The same again trains only what is missing.
      watch: observers of each run. say: told what goes on.

    Raises:
      UserError: nothing to compare, or a competitor cannot run, or two cannot be compared. Interrupted: stopped on
        request; the same call goes on.
    """
    config = config or RunConfig()
    entries = _entries(competitors)
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    folder = Path(folder) if folder is not None else default_folder(config)
    offline = offline_steps or config.steps
    looks = SeedPlan(config.seeds, BATCH, max(max_seeds, config.seeds)).looks if until_decided else (config.seeds,)
    plan = SeedPlan(looks[0], BATCH, looks[-1])
    if until_decided and looks[0] < LEAST_SEEDS:
        raise UserError(f"seeds is {looks[0]}; a verdict needs {LEAST_SEEDS} at least, so begin with as many")
    for seeds in looks:
        records = [gather(entry, config, folder, seeds, offline, watch) for entry in entries]
        _refuse_unlike(records)
        level = plan.level(seeds) if until_decided else ALPHA
        rows = judge(records, metric, level)
        if not until_decided or all(r.gain is None or r.p <= r.level for r in rows):
            break
        say(f"{seeds} seeds: {answer(rows, metric)}")
    teacher = measured(config, envs.make(config.task, config.physics), folder)
    rows = [dataclasses.replace(row, steps=spent(row.record, teacher)) for row in rows]
    found = Comparison(tuple(rows), metric, answer(rows, metric), teacher, folder)
    write_output(found)
    return found


def default_folder(config: RunConfig) -> Path:
    """`runs/compare/<task>__<hash>`, of all settings that competitors share; the number of seeds may grow."""
    shared = {**dataclasses.asdict(config), "seeds": 0, "method": "", "hparams": {}, "options": {}, "grid": {}}
    return named_folder(Path("runs") / "compare", config.task, content=shared)


def _entries(competitors: Sequence[str]) -> list[Entry]:
    if len(competitors) < 2:
        raise UserError("name at least two competitors, the first being what the others are compared with: sac dai-sac")
    if repeated := sorted({name for name in competitors if list(competitors).count(name) > 1}):
        raise UserError(f"{repeated[0]} is named twice; give each competitor once, or with other settings")
    return [parse_entry(text) for text in competitors]


def _refuse_unlike(records: Sequence[Record]) -> None:
    """Refuse records that no comparison may rest on.

    Raises:
      UserError: they are of several tasks, or differ in what is nobody's method.
    """
    tasks = sorted({record.task for record in records})
    if len(tasks) > 1:
        raise UserError(f"the competitors are on {' and '.join(tasks)}; compare what ran on one task")
    if differ := unlike(records):
        raise UserError(f"the competitors differ in {'; '.join(differ)}; compare what ran under the same settings")
