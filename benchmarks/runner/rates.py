"""How long cells take: by the rate of a record of the same method and networks, else by a measurement here.

A record's rate is that of the machine that made it, beside whatever ran there then; one of this kind of
processor is preferred. Without such a record, this machine times physics and matrix products for a moment.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.runner.cells import COMMITTED, Cell
from benchmarks.runner.paths import ROOT, records_root
from guided_rl import api, envs
from guided_rl.config import RunConfig
from guided_rl.data.replay import Layout
from guided_rl.results.provenance import provenance
from guided_rl.runtime.errors import UserError
from guided_rl.training.cost import expected_seconds

HOURS = (
    "Hours: by the rate of a committed record of the same method and networks, if possible of the same task and on "
    "this kind of processor; else by a probe of this machine, which leaves out refits of models."
)
RECORD, PROBE, UNKNOWN = "record", "probe", "–"


def heads(root: Path = ROOT) -> list[dict[str, Any]]:
    """What every committed record says of itself, without its rows."""
    found = [path for preset in COMMITTED for path in records_root(preset, root).glob(f"*/{preset}/*/record.json")]
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(found)]


def hours(cell: Cell, known: Sequence[dict[str, Any]], seeds: int | None = None) -> tuple[float | None, str]:
    """Hours of the cell, or of so many of its seeds, and whether a record or a probe says so; None if neither can."""
    seeds = cell.config.seeds if seeds is None else seeds
    members = seeds * len(cell.config.points())
    rate = seconds_per_step(cell, known)
    if rate is not None:
        return members * cell.config.steps * rate / 3600, RECORD
    probed = _probe(cell.config)
    return (None, UNKNOWN) if probed is None else (probed * seeds / cell.config.seeds / 3600, PROBE)


def seconds_per_step(cell: Cell, known: Sequence[dict[str, Any]]) -> float | None:
    """Seconds of one member's environment step with all that it entails, of the records that are most like the cell."""
    here = provenance()["processor"]
    alike: dict[tuple[bool, ...], list[float]] = {}
    for head in known:
        if (head["method"], *_size(head["config"])) == (cell.config.method, *_size(cell.config.to_json())):
            near = (head["config"]["task"] == cell.config.task, head["variant"] == cell.variant)
            near += (head["provenance"].get("processor") == here,)
            alike.setdefault(near, []).append(_rate(head))
    return statistics.median(alike[max(alike)]) if alike else None


def _size(config: dict[str, Any]) -> tuple[Any, ...]:
    """What makes a step dear: widths, batch, and switches that are numbers or lists of them."""
    numbers = {name: v for name, v in config["options"].items() if not isinstance(v, str | bool | None)}
    return tuple(config["hidden"]), config["batch"], repr(sorted(numbers.items()))


def _rate(head: dict[str, Any]) -> float:
    points = int(np.prod([len(values) for values in head["grid"].values()], initial=1))
    steps = len(head["seeds"]) * points * head["config"]["steps"]
    return (head["wall_seconds"] - head["compile_seconds"]) / steps


def _probe(config: RunConfig) -> float | None:
    """This machine's expectation for a run; a dataset's rows do not matter to it."""
    try:
        rows = None
        if config.dataset is not None:
            env = envs.make(config.task, config.physics)
            rows = np.zeros((1, 4, Layout.of(env.observation_size, env.action_space.width).width), np.float32)
        return expected_seconds(api.make_run(config, offline=rows))
    except UserError:
        return None
