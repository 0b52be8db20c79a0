"""The files of a comparison: comparison.json, comparison.csv, episodes.csv, figures and index.html."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
from matplotlib.figure import Figure

from guided_rl.results import comparison_figures, figures, plot_style
from guided_rl.results.comparing import METRICS, Row, differences_table, returns_table
from guided_rl.results.html import page
from guided_rl.results.tables import as_json
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.files import replace_file

if TYPE_CHECKING:
    from guided_rl.comparison.compare import Comparison


def write_output(found: Comparison) -> None:
    """Write every file of the comparison.

    Raises:
      UserError: the folder cannot be written.
    """
    drawn = draw(found)
    files = {
        "comparison.json": as_json(content(found)).encode(),
        "comparison.csv": _csv(found.rows).encode(),
        "episodes.csv": _episodes(found.rows),
        "index.html": _page(found, drawn).encode(),
    }
    try:
        found.folder.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            replace_file(found.folder / name, body)
    except OSError as error:
        raise UserError(f"cannot write the comparison in {found.folder}: {error.strerror or error}") from error
    for name, figure in drawn.items():
        plot_style.save(figure, found.folder, name)


def draw(found: Comparison) -> dict[str, Figure]:
    """Name -> figure: the learning curves, and rliable's four."""
    records = [row.record for row in found.rows]
    names = [r.method for r in records]
    figures_of = {
        "curves": figures.learning_curves(records, methods=names, palette=plot_style.colours(names)),
        "intervals": comparison_figures.interval_bars(records),
        "profile": comparison_figures.performance_profile(records, found.metric),
        "improvement": comparison_figures.improvement(found.rows),
        "efficiency": comparison_figures.sample_efficiency(records),
    }
    return {name: figure for name, figure in figures_of.items() if figure is not None}


def content(found: Comparison) -> dict[str, Any]:
    """What comparison.json holds."""
    first = found.rows[0].record
    return {
        "task": first.task,
        "metric": found.metric,
        "answer": found.sentence,
        "guide": found.teacher,
        "competitors": [
            {
                "method": row.record.method,
                "seeds": len(row.record.seeds),
                "failed": row.record.failed,
                "expert_steps": row.steps,
                **{name: row.returns[name] for name in METRICS},
                "difference": row.gain,
                "improvement": row.improves,
                "p": row.p,
                "level": row.level,
                "verdict": row.verdict,
                "seeds_needed": row.needed,
            }
            for row in found.rows
        ],
        "config": first.config,
        "provenance": first.provenance,
    }


def _csv(rows: tuple[Row, ...]) -> str:
    sink = io.StringIO()
    ends = ("value", "low", "high")
    writer = csv.writer(sink, lineterminator="\n")
    kinds = (*METRICS, "difference", "improvement")
    writer.writerow(["method", "seeds", *(f"{k}_{e}" for k in kinds for e in ends), "p", "verdict", "seeds_needed"])
    for row in rows:
        found = {**row.returns, "difference": row.gain, "improvement": row.improves}
        numbers = [_cell(getattr(found[kind], end) if found[kind] else math.nan) for kind in kinds for end in ends]
        last = ["" if row.gain is None else f"{row.p:.6g}", row.verdict, row.needed or ""]
        writer.writerow([row.record.method, len(row.record.seeds), *numbers, *last])
    return sink.getvalue()


def _episodes(rows: tuple[Row, ...]) -> bytes:
    """Every evaluation episode of every seed, one row each."""
    tables = []
    for row in rows:
        table = row.record.returns
        tables.append(table.add_column(0, "method", pa.array([row.record.method] * table.num_rows)))
    whole = pa.concat_tables(tables, promote_options="default").unify_dictionaries()
    protocol = whole.schema.get_field_index("protocol")
    whole = whole.set_column(protocol, "protocol", whole["protocol"].cast(pa.string()))
    sink = io.BytesIO()
    pyarrow.csv.write_csv(whole, sink)
    return sink.getvalue()


def _cell(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""


def _page(found: Comparison, drawn: dict[str, Figure]) -> str:
    first = found.rows[0].record
    words = [found.sentence, *([found.teacher.sentence] if found.teacher else [])]
    tables = [returns_table(found.rows), differences_table(found.rows, found.metric)]
    shown = {name: plot_style.svg(figure) for name, figure in drawn.items()}
    return page(f"{' · '.join(r.record.method for r in found.rows)} on {first.task}", words, tables, shown)
