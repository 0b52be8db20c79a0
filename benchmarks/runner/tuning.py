"""What a paper tunes is chosen on seeds of its own: the grid point with the best mean, and how that was seen."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.runner.cells import Tuning
from guided_rl.results import statistics
from guided_rl.results.records import Record, plain
from guided_rl.results.summaries import sample
from guided_rl.runtime import files
from guided_rl.runtime.errors import UserError

CHOICE = "choice.json"


def choose(record: Record, tuning: Tuning) -> dict[str, float]:
    """The grid point with the best mean over its healthy seeds, the first of equals.

    Raises:
      UserError: every seed of every point failed.
    """
    means = np.asarray([_mean(record, tuning, point) for point in range(len(record.points))])
    if not np.isfinite(means).any():
        raise UserError(f"nothing can be chosen from {record.cell}: every seed of every point failed")
    return record.points[int(np.nanargmax(means))]


def choice(record: Record, tuning: Tuning) -> dict[str, Any]:
    """The choice as plain JSON: every point with its mean and 95 % interval, and which one it is."""
    rows = []
    for point, values in enumerate(record.points):
        found = statistics.mean_interval(sample(record, tuning.metric, tuning.protocol, point))
        rows.append({"point": values, "mean": found.value, "low": found.low, "high": found.high, "seeds": found.n})
    facts = {"cell": record.cell, "metric": tuning.metric, "protocol": tuning.protocol, "seeds": record.seeds}
    return plain({**facts, "points": rows, "chosen": choose(record, tuning)})


def keep_choice(record: Record, tuning: Tuning, folder: Path) -> None:
    """Write the choice beside the record that it rests on, with the checksum of that record's returns."""
    checksum = hashlib.sha256((folder / "returns.parquet").read_bytes()).hexdigest()
    facts = {**choice(record, tuning), "returns_sha256": checksum}
    files.replace_file(folder / CHOICE, (json.dumps(facts, indent=1) + "\n").encode())


def _mean(record: Record, tuning: Tuning, point: int) -> float:
    values = sample(record, tuning.metric, tuning.protocol, point).values
    return float(values.mean()) if values.size else np.nan
