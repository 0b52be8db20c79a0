"""Records: what one cell (method × task × all its seeds and grid points) leaves behind.

A record is a folder `<root>/<table>/<preset>/<cell>/` of three files. `record.json` says what
was run, where and with what; `returns.parquet` has one row per evaluation episode;
`training.parquet` one row per member, step and training metric. Tables, figures and claims
are computed from records alone. A folder appears complete or not at all.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from guided_rl.results.provenance import provenance
from guided_rl.results.record_tables import grid_points
from guided_rl.runtime import files as storage
from guided_rl.runtime.errors import UserError

__all__ = [
    "Expert",
    "Record",
    "cell_folder",
    "find",
    "plain",
    "provenance",
    "read",
    "read_all",
    "write",
]

SCHEMA = 1
POLICY = "policy"
TUNING_SEED = 10_000  # seeds from here on choose settings, and judge nothing
NOT_IN_JSON = ("nan", "inf", "-inf")
_DATA = ("returns", "training")


@dataclasses.dataclass(frozen=True)
class Expert:
    """One adviser of a cell; learner seed k listens to expert number k mod n.

    Attributes:
      name: as registered, or the user's own path.
      episode_return: its mean undiscounted return over fresh episodes.
      steps: environment steps spent on it: its own training and the demonstrations.
      checksum: of its weights.
      source: of an offline agent, the checksum of the data it learned from; empty for experts that
        nothing ties together.
    """

    name: str
    episode_return: float
    steps: int
    checksum: str
    source: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """One cell's outcome; the columns of the two tables are in `record_tables`.

    Attributes:
      table, cell, task, method, preset: names; `cell` is the folder's name.
      config: the full run configuration as plain JSON; its `steps` are the budget.
      seeds: learner seeds.
      grid: hyper-parameter name to its values; points are their product, the last name fastest.
      returns, training: tidy Arrow tables.
      experts: advisers, in the order in which seeds take them.
      variant: what sets this cell apart from the method's main one on this task, such as
        "expert 50 %"; empty for the main one, which is what claims look at.
      failed: "seed/point" to the step at which that member turned non-finite.
      wall_seconds, compile_seconds: of the whole cell, and the part spent compiling.
      provenance: see `guided_rl.results.provenance`.
    """

    table: str
    cell: str
    task: str
    method: str
    preset: str
    config: Mapping[str, Any]
    seeds: tuple[int, ...]
    grid: Mapping[str, tuple[float, ...]]
    returns: pa.Table
    training: pa.Table
    experts: tuple[Expert, ...] = ()
    variant: str = ""
    failed: Mapping[str, int] = dataclasses.field(default_factory=dict)
    wall_seconds: float = 0.0
    compile_seconds: float = 0.0
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def points(self) -> list[dict[str, float]]:
        """The grid's points, by index; one empty point where there is no grid."""
        return grid_points(self.grid)

    @property
    def tunes(self) -> bool:
        """Whether its seeds choose settings."""
        return min(self.seeds, default=0) >= TUNING_SEED

    @property
    def main(self) -> bool:
        """Whether this is its method's cell of the comparison, neither a variant nor a sweep, nor one that tunes."""
        return not self.variant and len(self.points) == 1 and not self.tunes

    @property
    def guided(self) -> bool:
        """Whether an expert, a script or offline data taught it."""
        return bool(self.experts or self.config.get("guide") or self.config.get("dataset"))

    @property
    def budget(self) -> int:
        """Environment steps per member, evaluation excluded; the last evaluated step if not configured."""
        if "steps" in self.config:
            return int(self.config["steps"])
        return int(np.max(self.returns["step"].to_numpy(), initial=0))

    def source(self, seeds: np.ndarray) -> np.ndarray:
        """Who stands behind each seed [n], by number: its expert, or whom that learned from; empty without experts."""
        if not self.experts:
            return np.zeros(0, int)
        behind = [expert.source or number for number, expert in enumerate(self.experts)]
        return np.asarray([behind.index(behind[seed % len(behind)]) for seed in seeds], int)


def write(record: Record, folder: str | Path) -> None:
    """Save a record; the folder holds the old record or the whole new one, whatever interrupts.

    Raises:
      UserError: the folder cannot be written, or the disk is full.
    """
    try:
        storage.replace_folder(Path(folder), _files(record))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(
            f"cannot save the record of {record.cell} in {folder}: {reason}; nothing was left half-written there"
        ) from error


def read(folder: str | Path) -> Record:
    """The record in a folder.

    Raises:
      UserError: there is none, it is damaged or altered, or a newer version of the suite wrote it.
    """
    folder = Path(folder)
    storage.heal(folder)
    try:
        head = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        schema = head["schema"]
        if not isinstance(schema, int) or schema > SCHEMA:
            raise UserError(f"the record in {folder} has schema {schema}, newer than {SCHEMA}; update guided-rl")
        tables = {name: _read_table(folder, f"{name}.parquet", head["files"]) for name in _DATA}
        return _from_json(head, tables)
    except FileNotFoundError as error:
        raise UserError(f"no complete record in {folder}: {Path(str(error.filename)).name} is missing") from error
    except OSError as error:
        raise UserError(f"cannot read the record in {folder}: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"the record in {folder} is damaged: record.json is not as it was written") from error


def read_all(root: str | Path, table: str, preset: str) -> list[Record]:
    """All complete records of one table at one preset, sorted by cell name; none is fine."""
    parent = Path(root) / table / preset
    storage.heal_all(parent)
    return [read(path.parent) for path in sorted(parent.glob("*/record.json")) if not path.parent.name.startswith(".")]


def find(records: Sequence[Record], method: str, task: str, variant: str = "") -> Record | None:
    """The first record of a method's cell on a task, a sweep or other variant by its name; None if there is none."""
    return next((r for r in records if (r.method, r.task, r.variant) == (method, task, variant)), None)


def cell_folder(root: str | Path, table: str, preset: str, cell: str) -> Path:
    """Where a cell's record lives."""
    return Path(root) / table / preset / cell


def plain(value: Any) -> Any:
    """A value as plain JSON: dataclasses and mappings as objects, arrays and tuples as lists, paths as text,
    and numbers that JSON lacks (NaN, infinity) as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        return plain(np.asarray(value).tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _files(record: Record) -> dict[str, bytes]:
    """Name to content, `record.json` last, with the checksums of the others in it."""
    files = {f"{name}.parquet": _parquet(getattr(record, name)) for name in _DATA}
    head = {
        "schema": SCHEMA,
        **{f.name: plain(getattr(record, f.name)) for f in dataclasses.fields(record) if f.name not in _DATA},
    }
    head["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files["record.json"] = (json.dumps(head, indent=1) + "\n").encode()
    return files


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(
        table, sink, compression="zstd", compression_level=9, write_statistics=False, use_byte_stream_split=False
    )
    return sink.getvalue()


def _read_table(folder: Path, name: str, checksums: Mapping[str, str]) -> pa.Table:
    content = (folder / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != checksums[name]:
        raise UserError(f"the record in {folder} is damaged: {name} was truncated or altered after it was written")
    # In this thread: one of Arrow's own that is still busy when the process ends aborts it, whatever its exit code.
    return pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False).unify_dictionaries()


def _from_json(head: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> Record:
    names = [f.name for f in dataclasses.fields(Record) if f.name not in _DATA]
    values = {name: head[name] for name in names}
    values["seeds"] = tuple(int(seed) for seed in values["seeds"])
    values["grid"] = {name: tuple(float(v) for v in points) for name, points in values["grid"].items()}
    values["experts"] = tuple(
        Expert(**{**expert, "episode_return": float(expert["episode_return"])}) for expert in values["experts"]
    )
    values |= {name: float(values[name]) for name in ("wall_seconds", "compile_seconds")}
    values["config"] = {k: _numbers(v) if isinstance(v, Mapping) else v for k, v in values["config"].items()}
    values["provenance"] = _numbers(values["provenance"])
    values["failed"] = {name: int(step) for name, step in values["failed"].items()}
    return Record(**values, **tables)


def _numbers(value: Any) -> Any:
    """What `plain` was given, where it wrote NaN and infinity as text."""
    if isinstance(value, Mapping):
        return {name: _numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    return float(value) if value in NOT_IN_JSON else value
