"""From a finished population to its record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from guided_rl.results import record_tables, records
from guided_rl.results.provenance import provenance

if TYPE_CHECKING:
    from guided_rl.training.run import Result


def from_result(
    result: Result,
    table: str,
    preset: str,
    cell: str,
    experts: Sequence[records.Expert] = (),
    variant: str = "",
    setting: str = "",
) -> records.Record:
    """The record of one `guided_rl.train` result; its task is `task/setting` where there is a setting."""
    config, history = result.config, result.history
    by_protocol = lambda values: {p: values[:, :, i] for i, p in enumerate(result.protocols)}
    members = (result.seeds, result.points)
    failed = {
        f"{seed}/{point}": int(step)
        for seed, point, step in zip(*members, np.asarray(result.died_at), strict=True)
        if step >= 0
    }
    return records.Record(
        table=table,
        cell=cell,
        task=f"{config.task}/{setting}" if setting else config.task,
        method=result.method.name,
        preset=preset,
        config=config.to_json(),
        seeds=tuple(int(seed) for seed in np.unique(result.seeds)),
        grid={name: tuple(map(float, values)) for name, values in config.grid.items()},
        returns=record_tables.returns_table(
            config.grid,
            *members,
            result.steps,
            by_protocol(history.evaluation["episode_return"]),
            by_protocol(history.evaluation["length"]),
            by_protocol(history.evaluation["failed"]),
            {name: by_protocol(values) for name, values in history.evaluation_outcomes().items()},
        ),
        training=record_tables.training_table(*members, result.steps, history.training_means(config.interval)),
        experts=tuple(experts),
        variant=variant,
        failed=failed,
        wall_seconds=result.wall_seconds,
        compile_seconds=result.compile_seconds,
        provenance=_origin(result),
    )


def _origin(result: Result) -> dict[str, Any]:
    """This process's provenance and, where it did not train all by itself, the `codes` that took part, in order."""
    here = provenance(getattr(result.env, "engine", None))
    own = {name: here[name] for name in ("commit", "dirty", "versions")}
    return here if list(result.codes) in ([], [own]) else {**here, "codes": list(result.codes)}
