"""One static HTML page: inline SVG, tables, claims, provenance; nothing is loaded from elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.claims.ledger import ELSEWHERE, FAILS, HOLDS, MORE_EXPERTS, TESTED, UNDECIDED
from guided_rl.results.plot_style import svg
from guided_rl.results.tables import Table
from guided_rl.runtime import files
from guided_rl.runtime.errors import UserError

Block = Table | Figure | str
VERDICTS = {
    HOLDS: "holds",
    FAILS: "fails",
    UNDECIDED: "open",
    MORE_EXPERTS: "open",
    ELSEWHERE: "none",
    TESTED: "tested",
}
CSS = """
:root { color-scheme: light; --ink: #1c2126; --faint: #6a737d; --line: #e3e6e9; --blue: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 15px/1.5 system-ui, sans-serif; }
main, header { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 36px; border-bottom: 1px solid var(--line); }
h1 { font-size: 26px; margin: 0 0 6px; }
h2 { font-size: 20px; margin: 44px 0 8px; padding-top: 8px; }
h3 { font-size: 15px; margin: 26px 0 6px; }
p { max-width: 75ch; margin: 8px 0; }
nav { margin: 10px 0 16px; display: flex; flex-wrap: wrap; gap: 4px 18px; }
nav a { color: var(--blue); text-decoration: none; }
nav a:hover { text-decoration: underline; }
figure { margin: 16px 0; overflow-x: auto; }
figure svg { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px 5px 0; text-align: right; vertical-align: top; white-space: pre-line; }
th { border-bottom: 2px solid var(--ink); vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); }
tr.section td { border-top: 2px solid #b9c0c7; }
th.label, td.label { text-align: left; }
td.label:first-child { white-space: nowrap; padding-right: 18px; }
td.wide { min-width: 22em; white-space: pre-line; }
td.number { white-space: pre; }
ul.notes { color: var(--faint); font-size: 13px; padding-left: 18px; max-width: 100ch; }
.verdict { display: inline-block; padding: 0 8px; border-radius: 9px; font-weight: 600; white-space: nowrap; }
.holds { background: #d9f0e6; color: #00563f; }
.fails { background: #fbe3d6; color: #8a3200; }
.open { background: #eceff2; color: #434b53; }
.none { color: var(--faint); font-weight: 400; padding-left: 0; }
.tested { background: #dcecf7; color: #004a75; }
footer { color: var(--faint); font-size: 13px; margin: 48px 0 40px; }
"""


@dataclass(frozen=True)
class Section:
    """A heading, a sentence or two, and what follows: tables, figures and paragraphs."""

    title: str
    lead: str = ""
    blocks: tuple[Block, ...] = ()


def render(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The whole page as text; the same content gives the same text."""
    anchors = {section.title: f"s{number}" for number, section in enumerate(sections)}
    links = "".join(f'<a href="#{anchors[s.title]}">{html.escape(s.title)}</a>' for s in sections)
    body = "\n".join(_section(section, anchors[section.title]) for section in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        f"<header><h1>{html.escape(title)}</h1><p>{html.escape(lead)}</p><nav>{links}</nav></header>\n"
        f"<main>\n{body}\n<footer>Made by guided-rl from its stored records.</footer>\n</main>\n</body>\n</html>\n"
    )


def write(path: str | Path, title: str, lead: str, sections: Sequence[Section]) -> Path:
    """Write the page; readers see the old one or the whole new one.

    Raises:
      UserError: the file cannot be written.
    """
    path = Path(path)
    try:
        files.replace_file(path, render(title, lead, sections).encode())
    except OSError as error:
        raise UserError(f"cannot write the report to {path}: {error.strerror or error}") from error
    return path


def _section(section: Section, anchor: str) -> str:
    lead = f"<p>{html.escape(section.lead)}</p>" if section.lead else ""
    blocks = "\n".join(_block(block) for block in section.blocks)
    return f'<section id="{anchor}">\n<h2>{html.escape(section.title)}</h2>\n{lead}\n{blocks}\n</section>'


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Figure):
        return f"<figure>{_responsive(svg(block))}</figure>"
    return f"<p>{html.escape(block)}</p>"


def _table(table: Table) -> str:
    head = "".join(f"<th{_label(i, table)}>{html.escape(name)}</th>" for i, name in enumerate(table.columns))
    rows = []
    for number, row in enumerate(table.rows):
        cells = "".join(_cell(i, cell, table) for i, cell in enumerate(row))
        begins = ' class="section"' if number in table.sections else ""
        rows.append(f"<tr{begins}>{cells}</tr>")
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in table.notes)
    return (
        f'<h3>{html.escape(table.title)}</h3>\n<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table></div>\n"
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
    )


def _label(index: int, table: Table) -> str:
    return ' class="label"' if index < table.labels else ""


def _cell(index: int, cell: str, table: Table) -> str:
    first, _, rest = cell.partition("\n")
    if first in VERDICTS:
        badge = f'<span class="verdict {VERDICTS[first]}">{html.escape(first)}</span>'
        below = f"<br>{html.escape(rest)}" if rest else ""
        return f'<td class="label number">{badge}{below}</td>'
    if index >= table.labels:
        return f'<td class="number">{html.escape(cell)}</td>'
    wide = " wide" if len(cell) > 60 else ""
    return f'<td class="label{wide}">{html.escape(cell)}</td>'


def _responsive(text: str) -> str:
    """An <svg> that keeps its size in print units but may shrink with the window."""
    return re.sub(r'(<svg[^>]*?) width="([\d.]+)pt"', r'\1 width="\2pt" role="img"', text, count=1)
