"""A competitor's record: read, trained, or extended by the seeds that it lacks; guides and data made where needed.

Everything of one comparison lies in one folder:

    <folder>/<competitor>/<first>-<last>/   one run each, with its checkpoints and its record
    <folder>/offline/<method>__<hash>/      the offline agents that a competitor goes on from

so that the same command, or one with more seeds or competitors, trains only what is missing.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from guided_rl import api
from guided_rl.comparison.entries import Entry, config_of
from guided_rl.config import RunConfig, differences
from guided_rl.datasets.expert_metadata import experts_behind
from guided_rl.datasets.lookup import OF_GUIDE
from guided_rl.guides.spec import OFFLINE, is_offline
from guided_rl.methods import switches
from guided_rl.results import collect, merging, records
from guided_rl.results.agents import keep_agents
from guided_rl.runtime.errors import UserError, note
from guided_rl.runtime.hashing import named_folder
from guided_rl.training.checkpoint import content_changes
from guided_rl.training.run import Observer, Result, Run

CHECKPOINT_SECONDS = 60.0
AGENTS = 10  # however many seeds are compared, so that more of them go on from the same agents
Watch = Callable[[Run, str, Path], AbstractContextManager[list[Observer]]]


def unwatched(run: Run, group: str, folder: Path) -> AbstractContextManager[list[Observer]]:
    """Nobody looks on."""
    return nullcontext([])


def gather(entry: Entry, base: RunConfig, folder: Path, seeds: int, offline_steps: int, watch: Watch) -> records.Record:
    """The record of `entry` with the first `seeds` seeds; what is missing of them is trained.

    Raises:
      UserError: its method needs a guide or data that nobody gave, or what stands behind a name changed since.
    """
    if entry.record is not None:
        return _read(entry, entry.record, seeds)
    config = config_of(entry, with_data(entry, base))
    if (offline := entry.build().needs.agents) is not None and not is_offline(config.guide):
        agents = offline_agents(offline, entry, config, folder / "offline", offline_steps, watch)
        config = dataclasses.replace(config, guide=f"{OFFLINE}:{agents}")
    own = folder / re.sub(r"[^\w.=,-]", "_", entry.label)
    parts = stored(config, own)
    wanted = range(config.first_seed, config.first_seed + seeds)
    missing = sorted(set(wanted) - {seed for part in parts for seed in part.seeds})
    for first, last in _spans(missing):
        part = dataclasses.replace(config, first_seed=first, seeds=last - first + 1)
        parts.append(train(part, own / f"{first}-{last}", entry.label, watch)[0])
    kept = [part for part in parts if set(part.seeds) & set(wanted)]
    record = merging.merge(kept) if len(kept) > 1 else kept[0]
    return dataclasses.replace(first_seeds(record, wanted), cell=entry.label, method=entry.label)


def with_data(entry: Entry, base: RunConfig) -> RunConfig:
    """`base` with the guide's own demonstrations as dataset, where the method needs rows and none were given."""
    if not entry.build().needs.dataset or base.dataset is not None:
        return base
    if base.guide is None:
        raise UserError(f"{entry.label} needs a guide or a dataset; give --guide or --dataset")
    return dataclasses.replace(base, dataset=f"{OF_GUIDE}{base.guide}")


def offline_agents(method: str, entry: Entry, config: RunConfig, folder: Path, steps: int, watch: Watch) -> Path:
    """The archive of the `AGENTS` offline agents that a competitor's seeds go on from in turns.

    Raises:
      UserError: it was trained on what stood behind a name then and does not now.
    """
    shared = {name: value for name, value in entry.options.items() if name in switches(method)}
    offline = dataclasses.replace(
        config, method=method, guide=None, hparams={}, options=shared, steps=steps, seeds=AGENTS
    )
    own = named_folder(folder, method, content=offline.to_json())
    archive = own / "agents.npz"
    if archive.exists() and (unlike := content_changes(own, api.make_run(offline).advice())):
        raise UserError(unlike)
    if not archive.exists():
        _, result, run = train(offline, own, method, watch)
        assert run.offline is not None  # it learns from nothing else
        keep_agents(result, archive, run.offline.shape[1])
    return archive


def stored(config: RunConfig, folder: Path) -> list[records.Record]:
    """The records of a competitor that its folder has.

    Raises:
      UserError: one is of other settings, or what stood behind a name of it has changed.
    """
    found = {path.parents[1]: records.read(path.parent) for path in sorted(folder.glob("*-*/record/record.json"))}
    advice = api.make_run(config).advice() if found else {}
    for run, record in found.items():
        asked = dataclasses.replace(config, first_seed=record.config["first_seed"], seeds=record.config["seeds"])
        if changed := differences(record.config, asked.to_json()):
            raise UserError(f"{run} holds a run with {'; '.join(changed)}; remove it or name another --folder")
        if unlike := content_changes(run, advice):
            raise UserError(unlike)
    return list(found.values())


def train(config: RunConfig, folder: Path, label: str, watch: Watch) -> tuple[records.Record, Result, Run]:
    """Train, or go on, in `folder`, and leave the record in `folder/record`."""
    run = api.make_run(config)
    experts = experts_behind(run.method, config.guide, config.dataset, run.env, rows=run.offline)
    if len({expert.source for expert in experts}) == 1:  # of one expert's data, so that agents are what seeds share
        experts = tuple(dataclasses.replace(expert, source="") for expert in experts)
    with watch(run, f"compare/{config.task}/{label}", folder) as observers:
        result = run.execute(folder, observers, CHECKPOINT_SECONDS)
    record = collect.from_result(result, "compare", "own", label, experts)
    records.write(record, folder / "record")
    return record, result, run


def first_seeds(record: records.Record, wanted: Sequence[int]) -> records.Record:
    """The record with no more than these seeds."""
    if set(record.seeds) <= set(wanted):
        return record
    seeds = tuple(seed for seed in record.seeds if seed in wanted)
    keep = lambda table: table.filter([seed in wanted for seed in table["seed"].to_pylist()])
    return dataclasses.replace(
        record,
        seeds=seeds,
        config={**record.config, "seeds": len(seeds), "first_seed": seeds[0]},
        returns=keep(record.returns),
        training=keep(record.training),
        failed={name: step for name, step in record.failed.items() if int(name.partition("/")[0]) in wanted},
    )


def _read(entry: Entry, folder: Path, seeds: int) -> records.Record:
    record = records.read(folder)
    if len(record.points) > 1:
        raise UserError(f"the record in {entry.label} is of a grid; compare runs of one setting each")
    if len(record.seeds) < seeds:
        note(f"{entry.label} has {len(record.seeds)} seeds; a record cannot be extended, so these are compared")
    return dataclasses.replace(record, cell=entry.label, method=entry.label, variant="")


def _spans(seeds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of every stretch of consecutive seeds."""
    starts = [seed for seed in seeds if seed - 1 not in seeds]
    ends = [seed for seed in seeds if seed + 1 not in seeds]
    yield from zip(starts, ends, strict=True)
