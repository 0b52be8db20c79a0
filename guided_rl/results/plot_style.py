"""How figures look, and how they are saved: one palette, quiet grids, SVG and PNG."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from guided_rl.results.tables import number, steps
from guided_rl.runtime import files as storage
from guided_rl.runtime.errors import UserError

# Okabe and Ito's palette, distinct for colour-blind readers; its yellow is too pale for lines. Tables with
# more than nine methods go on with colours of Tol's muted scheme.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C6BB1", "#7F5539", "#4D4D4D")
PALETTE = (*OKABE_ITO, "#882255", "#999933", "#332288", "#44AA99", "#CC6677")
INK, FAINT, GRID = "#222222", "#777777", "#E4E4E4"
ROUND = [1, 2, 2.5, 5, 10]
PANEL = (3.9, 2.6)
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "svg.hashsalt": "guided-rl",
    "savefig.facecolor": "white",
}


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour per name, in order; the same names give the same colours in every figure."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(dict.fromkeys(names))}


def panels(titles: Sequence[str], title: str) -> tuple[Figure, list[Axes]]:
    """Small multiples, one per title; call inside `matplotlib.rc_context(STYLE)`."""
    wide = 2 if len(titles) == 4 else min(3, len(titles))
    rows = -(-len(titles) // wide)
    # A single panel still needs room for the legend below it.
    figure = Figure(figsize=(max(PANEL[0] * wide, 5.2), PANEL[1] * rows + 1.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, wide, squeeze=False).flat)
    for axis in axes[len(titles) :]:
        axis.set_axis_off()
    for axis, text in zip(axes, titles, strict=False):
        axis.set_title(text)
        returns_axis(axis.yaxis)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure, axes[: len(titles)]


def label_rows(axes: Sequence[Axes], text: str) -> None:
    """The same y label on the first panel of each row."""
    for axis in axes:
        place = axis.get_subplotspec()
        if place is not None and place.is_first_col():
            axis.set_ylabel(text)


def returns_axis(axis: Axis) -> None:
    """Round ticks with parted thousands."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axis.set_major_locator(MaxNLocator(5, steps=ROUND))


def steps_axis(axis: Axes, text: str = "environment steps") -> None:
    """An x axis in environment steps: 0, 25k, 50k."""
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: steps(value)))
    axis.xaxis.set_major_locator(MaxNLocator(5, steps=ROUND))
    axis.set_xlabel(text)


def shared_legend(figure: Figure, axes: Sequence[Axes], last: Sequence[str] = ()) -> None:
    """One legend below all panels, each label once; the labels in `last` come at the end."""
    handles: dict[str, Artist] = {}
    for axis in axes:
        for handle, text in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(text, handle)
    handles |= {text: handles.pop(text) for text in last if text in handles}
    if handles:
        columns = min(len(handles), max(2, int(figure.get_figwidth() // 2.1)))
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns, fontsize=9)


def svg(figure: Figure) -> str:
    """The figure as an <svg> element, the same text for the same figure."""
    sink = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", sink.getvalue().decode(), flags=re.DOTALL)
    return text[text.index("<svg") :]


def png(figure: Figure, dpi: int = 150) -> bytes:
    sink = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(sink, format="png", dpi=dpi, metadata={"Software": None})
    return sink.getvalue()


def save(figure: Figure, folder: str | Path, name: str) -> tuple[Path, Path]:
    """Write `<name>.svg` and `<name>.png`, the name as `file_name` spells it; their paths.

    Raises:
      UserError: the folder cannot be written.
    """
    drawing, picture = (Path(folder) / f"{storage.file_name(name)}.{kind}" for kind in ("svg", "png"))
    try:
        storage.replace_file(drawing, svg(figure).encode())
        storage.replace_file(picture, png(figure))
    except OSError as error:
        raise UserError(f"cannot save figure {name} in {folder}: {error.strerror or error}") from error
    return drawing, picture


def _tick(value: float) -> str:
    return number(value).removesuffix(".00").removesuffix(".0")
