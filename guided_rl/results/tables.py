"""Tables as values, computed from records alone, and their renderings for terminal, Markdown and JSON.

The same records give byte-identical tables: rows are sorted, intervals are seeded, and no clock
or path enters.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import JustifyMethod
from rich.table import Table as RichTable
from rich.text import Text

from guided_rl.results.records import plain
from guided_rl.results.statistics import Interval

WIDE = 150
FEW = "ᵗ Student's t on the mean of fewer than ten seeds; no verdict rests on it."


@dataclass(frozen=True)
class Table:
    """Text for people and the numbers behind it.

    Attributes:
      title: one line.
      columns: headers. The first `labels` of them name a row, the others hold numbers.
      rows: cells as text; a newline parts two lines of one cell.
      notes: sentences below the table.
      data: one JSON object per row, with full precision.
      sections: indices of rows that begin a new section.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int = 1
    notes: tuple[str, ...] = ()
    data: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    sections: tuple[int, ...] = ()


def to_rich(table: Table, width: int = WIDE) -> RichTable:
    """For a terminal of so many columns; a narrow one gets intervals on lines of their own."""
    fold = (lambda cell: cell.replace(" [", "\n[")) if width < WIDE else (lambda cell: cell)
    rich = RichTable(
        title=Text(table.title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        caption=Text("\n".join(table.notes)),
        caption_justify="left",
        pad_edge=False,
        collapse_padding=True,
    )
    for index, name in enumerate(table.columns):
        label = index < table.labels
        longest = max(
            len(word) for cell in (name, *(row[index] for row in table.rows)) for word in cell.split() or [""]
        )
        justify: JustifyMethod = "left" if label else "right"
        rich.add_column(Text(name), justify=justify, overflow="fold", no_wrap=not label, min_width=min(longest, 24))
    for index, row in enumerate(table.rows):
        again = table.sections and index and index not in table.sections and row[0] == table.rows[index - 1][0]
        shown = ("", *row[1:]) if again else row
        cells = [*shown[: table.labels], *map(fold, shown[table.labels :])]
        rich.add_row(*map(Text, cells), end_section=index + 1 in table.sections)
    return rich


def to_markdown(table: Table) -> str:
    """GitHub-flavoured, title and notes included."""
    rule = ["---" if i < table.labels else "---:" for i in range(len(table.columns))]
    lines = [_markdown_row(table.columns), _markdown_row(rule), *map(_markdown_row, table.rows)]
    notes = [f"- {note}" for note in table.notes]
    return "\n".join([f"### {table.title}", "", *lines, *([""] if notes else []), *notes]) + "\n"


def to_json(table: Table) -> str:
    """Title, notes and the numbers at full precision; what does not exist is null."""
    return as_json({"title": table.title, "notes": table.notes, "rows": table.data})


def as_json(content: Any) -> str:
    """Any values as JSON text, `plain` ones; what does not exist is null."""
    return json.dumps(_nulls(plain(content)), indent=1, ensure_ascii=False) + "\n"


def stored_interval(facts: Mapping[str, Any]) -> Interval:
    """The interval that `as_json` wrote, NaN where there was none."""
    whole: dict[str, Any] = {name: math.nan if value is None else value for name, value in facts.items()}
    return Interval(**whole)


def number(value: float) -> str:
    """About three significant digits, thousands parted: 4,123 · 987 · 98.7 · 0.51."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2
    text = f"{value:,.{digits}f}"
    return (text[1:] if text.strip("-0.,") == "" and text.startswith("-") else text).replace("-", "−")


def steps(value: float) -> str:
    """Environment steps as people write them: 250k, 1M, 1.05M."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"


def estimate(interval: Interval) -> str:
    """Value and interval; ᵗ marks Student's t, which fewer than ten seeds get."""
    if not math.isfinite(interval.value):
        return "–"
    if not math.isfinite(interval.low):
        return number(interval.value)
    mark = "ᵗ" if interval.kind == "t" else ""
    return f"{number(interval.value)} [{number(interval.low)}, {number(interval.high)}]{mark}"


def few_seeds(rows: Sequence[Sequence[str]]) -> list[str]:
    """The note that `estimate`'s mark asks for, where a cell bears it."""
    marked = any("ᵗ" in cell for row in rows for cell in row)
    return [FEW] if marked else []


def percent(interval: Interval) -> str:
    """A fraction and its interval in per cent, signed."""
    if not math.isfinite(interval.value):
        return "–"
    signed = lambda x: f"{100 * x:+,.0f}".replace("-", "−")
    if not math.isfinite(interval.low):
        return f"{signed(interval.value)} %"
    return f"{signed(interval.value)} % [{signed(interval.low)}, {signed(interval.high)}]"


def section_starts(keys: Sequence[Any]) -> tuple[int, ...]:
    """Where a new section begins: each index whose key differs from the one before."""
    return tuple(i for i in range(1, len(keys)) if keys[i] != keys[i - 1])


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells) + " |"


def _nulls(value: Any) -> Any:
    """NaN and infinity, which `plain` spells as text, as null."""
    if isinstance(value, dict):
        return {name: _nulls(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_nulls(item) for item in value]
    return None if value in ("nan", "inf", "-inf") else value
