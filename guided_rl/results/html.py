"""A plain page of words, tables and figures: one file, no script, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from guided_rl.results.tables import Table

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #8884; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
figure { margin: 1.5rem 0; background: #fff; color: #222; padding: .5rem; border-radius: .3rem; overflow-x: auto; }
figure svg { max-width: 100%; height: auto; }
.answer { font-size: 1.15rem; font-weight: 600; }
"""


def page(title: str, words: Sequence[str], tables: Sequence[Table], figures: Mapping[str, str]) -> str:
    """An HTML document; the first of `words` is the answer, `figures` are <svg> elements by name."""
    first, *others = words
    said = [f'<p class="answer">{escape(first)}</p>', *(f"<p>{escape(sentence)}</p>" for sentence in others)]
    drawn = [f'<figure role="img" aria-label="{escape(name)}">{svg}</figure>' for name, svg in figures.items()]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *said,
            *map(table, tables),
            *drawn,
            "</body></html>\n",
        ]
    )


def table(content: Table) -> str:
    """A <table> with its notes."""
    head = "".join(f"<th>{escape(name)}</th>" for name in content.columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in content.rows)
    notes = "".join(f"<p>{escape(note)}</p>" for note in content.notes)
    return f"<table><caption>{escape(content.title)}</caption><tr>{head}</tr>{body}</table>{notes}"
