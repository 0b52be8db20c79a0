"""Tables read back from the Markdown that `guided_rl.results.tables.to_markdown` wrote."""

from __future__ import annotations

import re

from guided_rl.results.tables import Table, section_starts


def read_table(text: str) -> Table:
    """The table, without its data; a section begins where the first column changes.

    Raises:
      ValueError: the text is no such table.
    """
    lines = text.splitlines()
    if len(lines) < 4 or not lines[0].startswith("### ") or not lines[2].startswith("| "):
        raise ValueError("no table that this suite wrote")
    columns, rule, *others = [line for line in lines[2:] if line.startswith("| ")]
    rows = tuple(_cells(line) for line in others)
    notes = tuple(line.removeprefix("- ") for line in lines[2:] if line.startswith("- "))
    labels = sum(cell == "---" for cell in _cells(rule))
    return Table(
        lines[0].removeprefix("### "),
        _cells(columns),
        rows,
        labels,
        notes,
        (),
        section_starts([row[0] for row in rows]),
    )


def _cells(line: str) -> tuple[str, ...]:
    parts = re.split(r" (?<!\\)\| ", line.removeprefix("| ").removesuffix(" |") + " ")
    return tuple(part.strip().replace("<br>", "\n").replace("\\|", "|") for part in parts)
