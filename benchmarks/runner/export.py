"""Every seed's data as data: a paper's committed records as two tidy Parquet files, with what others need to use them.

A dataset card in the form of the Hugging Face Hub (`README.md`) and Croissant metadata (`croissant.json`, MLCommons'
Croissant 1.0) stand beside the files. Both have the dictionary of columns, which is `RETURNS` and `TRAINING` here.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.runner.cells import COMMITTED
from benchmarks.runner.paths import ROOT, records_root
from benchmarks.runner.tables import TABLES, find_table
from guided_rl.results import records
from guided_rl.results.records import Record
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.files import replace_file

TEXT = pa.dictionary(pa.int32(), pa.string())
CROISSANT = {"text": "sc:Text", "integer": "sc:Integer", "number": "sc:Float"}
LICENSE = "https://www.apache.org/licenses/LICENSE-2.0"


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, and what it holds, with its unit."""

    type: pa.DataType
    holds: str

    @property
    def kind(self) -> str:
        if self.type == TEXT:
            return "text"
        return "integer" if pa.types.is_integer(self.type) else "number"


CELL = {
    "paper": Column(TEXT, "the table that the cell belongs to, such as dai"),
    "preset": Column(TEXT, "the scale: cpu, long or paper"),
    "cell": Column(TEXT, "the cell's name, and its record's folder"),
    "task": Column(TEXT, "the task, with the offline dataset behind a slash where there is one"),
    "method": Column(TEXT, "the method"),
    "variant": Column(TEXT, "what sets the cell apart from its method's main one; empty for that one"),
    "grid": Column(TEXT, "the hyper-parameters of a sweep's point, as JSON; {} elsewhere"),
    "seed": Column(pa.int32(), "the learner's seed; from 10,000 on it chose settings and judges nothing"),
}
RETURNS = {
    **CELL,
    "protocol": Column(TEXT, "who acted: policy is the learner alone, others are named by the method"),
    "step": Column(pa.int64(), "environment steps of training before the evaluation; for offline methods updates"),
    "episode": Column(pa.int16(), "the evaluation episode's number"),
    "episode_return": Column(pa.float32(), "undiscounted sum of rewards"),
    "episode_length": Column(pa.int32(), "control steps"),
    "episode_failed": Column(pa.float32(), "1 where the episode ended in a terminal state; NaN where it is not known"),
    "success": Column(pa.float32(), "1 where the task was solved; NaN where the task has no such outcome"),
    "expert_queries": Column(pa.float32(), "how often the expert was asked; NaN where nobody was"),
    "expert_share": Column(pa.float32(), "share of executed actions that were the expert's; NaN where there is none"),
}
TRAINING = {
    **CELL,
    "step": Column(pa.int64(), "environment steps at the end of the interval; for offline methods updates"),
    "metric": Column(TEXT, "a loss, an outcome of training such as failures, or a number of the method's own"),
    "value": Column(pa.float32(), "its mean, or for counts its sum, over the interval"),
}
PARTS: Mapping[str, Mapping[str, Column]] = {"returns": RETURNS, "training": TRAINING}


def export(
    names: Sequence[str] = (),
    out: Path = ROOT / "runs" / "export",
    say: Callable[[str], None] = print,
    root: Path = ROOT,
) -> list[Path]:
    """Write the files of each paper that has committed records into a folder of its own; all papers if none is named.

    Raises:
      UserError: an unknown paper, one that is named has no records, or a file cannot be written.
    """
    asked, written = [find_table(name).name for name in names] or list(TABLES), []
    for name in asked:
        found = list(_committed(name, root))
        if not found:
            if names:
                raise UserError(f"{name} has no committed records to export; run its table first")
            continue
        folder = out / name
        try:
            written += _write(name, found, folder)
        except OSError as error:
            raise UserError(f"cannot write the export to {folder}: {error.strerror or error}") from error
        say(f"{TABLES[name].title}: {len(found)} records in {folder}")
    if not written:
        raise UserError("there are no committed records to export; run a table first, such as make table-dai")
    return written


def _committed(name: str, root: Path) -> Iterator[Record]:
    for preset in COMMITTED:
        yield from records.read_all(records_root(preset, root), name, preset)


def _write(name: str, found: Sequence[Record], folder: Path) -> list[Path]:
    files = {}
    for part, columns in PARTS.items():
        files[part] = folder / f"{part}.parquet"
        replace_file(files[part], _parquet((tidy(record, part) for record in found), columns))
    sums = {part: hashlib.sha256(path.read_bytes()).hexdigest() for part, path in files.items()}
    texts = {
        "README.md": card(name, found),
        "croissant.json": json.dumps(croissant(name, sums), indent=1, ensure_ascii=False) + "\n",
    }
    for other, text in texts.items():
        replace_file(folder / other, text.encode())
    return [*files.values(), *(folder / other for other in texts)]


def _parquet(tables: Iterable[pa.Table], columns: Mapping[str, Column]) -> bytes:
    """One file, a row group or more for each record."""
    sink = io.BytesIO()
    schema = pa.schema([(name, column.type) for name, column in columns.items()])
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)
    return sink.getvalue()


def tidy(record: Record, part: str) -> pa.Table:
    """A record's `returns` or `training` with the columns of `PARTS`, NaN in those of numbers that it lacks."""
    table: pa.Table = getattr(record, part)
    points = pa.array([json.dumps(point) for point in record.points])
    same = {
        "paper": record.table,
        "preset": record.preset,
        "cell": record.cell,
        "task": record.task,
        "method": record.method,
        "variant": record.variant,
    }

    def column(name: str, wanted: Column) -> pa.Array:
        if name in same:
            return pa.DictionaryArray.from_arrays(pa.array([0] * table.num_rows, pa.int32()), pa.array([same[name]]))
        if name == "grid":
            return pa.DictionaryArray.from_arrays(table["point"].combine_chunks().cast(pa.int32()), points)
        if name in table.column_names:
            return table[name].combine_chunks().cast(wanted.type)
        return pa.array([float("nan")] * table.num_rows, wanted.type)

    return pa.table({name: column(name, wanted) for name, wanted in PARTS[part].items()})


def card(name: str, found: Sequence[Record]) -> str:
    """The dataset card of the Hugging Face Hub: front matter, what it is, and the dictionary of columns."""
    title, seeds = TABLES[name].title, sum(len(record.seeds) for record in found)
    lines = [
        "---",
        f"pretty_name: guided-rl, {title}",
        "license: apache-2.0",
        "task_categories: [reinforcement-learning]",
        "tags: [reinforcement-learning, benchmark, expert-guidance]",
        "configs:",
        *(f"- config_name: {part}\n  data_files: {part}.parquet" for part in PARTS),
        "---",
        "",
        f"# {title}: every evaluation episode of every seed",
        "",
        f"{len(found)} populations of {seeds} seeds, trained by guided-rl. Tables, figures and verdicts are computed "
        "from these numbers alone.",
    ]
    for part, columns in PARTS.items():
        lines += ["", f"## {part}.parquet", "", "| column | type | holds |", "|---|---|---|"]
        lines += [f"| `{column}` | {of.kind} | {of.holds} |" for column, of in columns.items()]
    return "\n".join(lines) + "\n"


def croissant(name: str, sums: Mapping[str, str]) -> dict[str, Any]:
    """Croissant metadata: the files with their SHA-256, and a record set with its fields for each."""
    terms = {"@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/"}
    terms |= {
        "cr": "http://mlcommons.org/croissant/",
        "dct": "http://purl.org/dc/terms/",
        "conformsTo": "dct:conformsTo",
    }
    terms |= {term: f"cr:{term}" for term in ("column", "extract", "field", "fileObject", "recordSet", "source")}
    terms |= {"dataType": {"@id": "cr:dataType", "@type": "@vocab"}}  # type: ignore[dict-item]
    field = lambda part, column, of: {
        "@type": "cr:Field",
        "@id": f"{part}/{column}",
        "name": column,
        "description": of.holds,
        "dataType": CROISSANT[of.kind],
        "source": {"fileObject": {"@id": f"{part}.parquet"}, "extract": {"column": column}},
    }
    return {
        "@context": terms,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"guided-rl-{name}",
        "description": f"Every evaluation episode and training metric of every seed of guided-rl's table {name}.",
        "license": LICENSE,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": f"{part}.parquet",
                "name": f"{part}.parquet",
                "contentUrl": f"{part}.parquet",
                "encodingFormat": "application/x-parquet",
                "sha256": digest,
            }
            for part, digest in sums.items()
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": part,
                "name": part,
                "field": [field(part, column, of) for column, of in columns.items()],
            }
            for part, columns in PARTS.items()
        ],
    }
