"""Checking a paper's results: its tables and words from the stored records, and cells trained again.

`tables` computes every committed table of a paper anew and holds it against the stored file, letter by letter. `words`
looks for the intervals that the prose gives in those tables. `retrained` trains a cell again beside its record.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.runner.cells import COMMITTED, Cell, cells_of
from benchmarks.runner.paths import ROOT, CellPaths, chosen, finished, records_root
from benchmarks.runner.running import run_cell, run_piece
from benchmarks.runner.tables import content_of, find_table
from guided_rl.results import records, statistics
from guided_rl.results.records import Record
from guided_rl.results.summaries import sample
from guided_rl.results.tables import Table, estimate, to_json, to_markdown
from guided_rl.runtime.errors import UserError, unknown_name

Say = Callable[[str], None]
NUMBER = r"[−-]?\d[\d,]*(?:\.\d+)?"
INTERVAL = re.compile(rf"({NUMBER}) \[({NUMBER}), ({NUMBER})\]")
SAME, LIKE, UNLIKE = "bit-identical", "within intervals", "different"
METRICS = ("final", "auc")


@dataclasses.dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes:
      records, seeds: how many were read. tables: how many stored tables are as the records say.
      differ: stored tables that are not. found: intervals of the prose that stand in a table. absent: the others.
    """

    records: int
    seeds: int
    tables: int
    differ: tuple[str, ...]
    found: int
    absent: tuple[str, ...]


def check(name: str, say: Say = print, root: Path = ROOT) -> Checked:
    """Hold a paper's committed tables and words against its records.

    Raises:
      UserError: there is no such paper, it has no committed records, or one of them is damaged.
    """
    table, home = find_table(name), records_root("cpu", root) / name
    found = {preset: records.read_all(home.parent, name, preset) for preset in COMMITTED}
    found = {preset: there for preset, there in found.items() if there}
    if not found:
        raise UserError(f"{name} has no committed records to verify; run its table first, such as make table-{name}")
    count, seeds = _size(found)
    say(f"{table.title}: {count} records of {seeds} seeds read, each as it was written")
    same, differ, shown = 0, [], []
    for path, content in _tables(name, found, home, say):
        shown.append(to_markdown(content))
        for suffix, text in ((".md", shown[-1]), (".json", to_json(content))):
            stored = path.with_suffix(suffix)
            alike = stored.exists() and stored.read_text(encoding="utf-8") == text
            same += alike
            differ += [] if alike else [str(stored.relative_to(root))]
    there, absent = words(_prose(name, table.title, root), shown)
    return Checked(count, seeds, same, tuple(differ), there, absent)


def _size(found: Mapping[str, list[Record]]) -> tuple[int, int]:
    """How many records there are, and how many seeds they have together."""
    every = [record for there in found.values() for record in there]
    return len(every), sum(len(record.seeds) for record in every)


def _tables(name: str, found: Mapping[str, list[Record]], home: Path, say: Say) -> Iterator[tuple[Path, Table]]:
    """Every committed table of a paper, computed anew, with its place less the suffix."""
    table = find_table(name)
    for number, (preset, there) in enumerate(found.items()):
        say(f"{table.title}, preset {preset}: computing the tables of {len(there)} records")
        every = {other: found.get(other, []) for other in COMMITTED}
        content = content_of(table, preset, every, draw=False)
        for part, shown in content.tables().items():
            if part != "claims":
                yield home / preset / "report" / part, shown
            elif number == 0:
                yield home / "report" / part, shown


def _prose(name: str, title: str, root: Path) -> str:
    """What the results' page and the paper's own sentences say of it."""
    page = (root / "results" / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^## (?:{re.escape(title)}|{re.escape(name)})\b.*?(?=^## |\Z)", page, re.M | re.S | re.I)
    answer = root / "benchmarks" / "papers" / name.replace("-", "_") / "answer.md"
    parts = [section.group(0) if section else "", answer.read_text(encoding="utf-8") if answer.exists() else ""]
    return "\n".join(parts)


def words(prose: str, tables: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    """How many of the intervals in a text stand in a table, to the digits that the text gives; and the others."""
    known = [tuple(map(_number, match.groups())) for text in tables for match in INTERVAL.finditer(text)]
    values = np.array(known).reshape(-1, 3)
    found, absent = 0, []
    for match in INTERVAL.finditer(prose):
        given = np.array([_number(part) for part in match.groups()])
        digits = [10.0 ** -len(part.partition(".")[2]) for part in match.groups()]
        near = np.abs(values - given) <= np.array(digits) * 0.5 + 1e-9
        if near.all(axis=1).any():
            found += 1
        else:
            absent.append(match.group(0))
    return found, tuple(dict.fromkeys(absent))


def _number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def retrained(name: str, cell: str, preset: str, seeds: int | None = None, say: Say = print, root: Path = ROOT) -> str:
    """Train a stored cell again, its first `seeds` seeds or all, and say how it compares; see `compared`.

    Raises:
      UserError: there is no such cell or record, or it cannot run.
    """
    real, scratch = CellPaths(name, preset, root), CellPaths(name, preset, root / "runs" / "verify")
    asked = {found.name: found for found in cells_of(find_table(name), preset)}
    if cell not in asked:
        raise unknown_name(f"cell of table {name} at preset {preset}", cell, asked)
    found = chosen(real, asked[cell])
    if found is None or not finished(real, found):
        raise UserError(f"{cell} has no record of what its table asks for; see guided-rl plan --table {name}")
    stored = records.read(real.record(found))
    if found.needs is not None and not real.agents(found.needs).exists():
        say(f"{found.needs.name}: its agents are not on this machine, so they are trained again")
        run_cell(real, found.needs, say)
    again = _first(found, seeds)
    run_piece(scratch, again, say)
    return compared(stored, records.read(scratch.record(again)))


def _first(cell: Cell, seeds: int | None) -> Cell:
    """The cell as one population of its first seeds."""
    count = cell.config.seeds if seeds is None else min(seeds, cell.config.seeds)
    if count < 1:
        raise UserError(f"--seeds is {count}; train at least 1 again")
    config = dataclasses.replace(cell.config, seeds=count)
    return dataclasses.replace(cell, config=config, seeds_per_shard=None, whole=None)


def compared(stored: Record, again: Record) -> str:
    """Whether the seeds that were trained again returned the same numbers to the bit, or like ones.

    Like: the 95 % intervals of the differences in final return and in AUC contain 0, on at least two seeds.
    """
    kept = _of_seeds(stored.returns, again.seeds)
    count = f"{len(again.seeds)} of {len(stored.seeds)} seeds"
    if kept.equals(_of_seeds(again.returns, again.seeds)):
        return f"{stored.cell}: {SAME}, {count}"
    if len(again.seeds) < 2:
        return f"{stored.cell}: not {SAME}, {count}; give at least 2 to compare intervals"
    gaps = {metric: statistics.difference(sample(again, metric), sample(stored, metric)) for metric in METRICS}
    alike = all(gap.low <= 0.0 <= gap.high for gap in gaps.values())
    told = ", ".join(f"{metric} {estimate(gap)}" for metric, gap in gaps.items())
    return f"{stored.cell}: {LIKE if alike else UNLIKE}, {count}; again − stored: {told}"


def _of_seeds(table: pa.Table, seeds: Iterable[int]) -> pa.Table:
    """The rows of these seeds, in one order and with names in full."""
    rows = table.filter(pc.is_in(table["seed"], value_set=pa.array(list(seeds), table["seed"].type)))
    whole = {name: rows[name].combine_chunks() for name in rows.column_names}
    plain = {name: c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for name, c in whole.items()}
    return pa.table(plain).sort_by([(name, "ascending") for name in plain if name != "episode_return"])
