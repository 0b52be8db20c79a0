"""Small drawings as SVG: a task's learning curves for a card, and intervals in a row for a sweep.

They hold a <title> and a <desc>, so that they have a name, and take their colours from the page's style.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from guided_rl.results.tables import number, steps

WIDTH, HEIGHT = 340, 170
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 8, 22
MOST_POINTS = 40


def curves_svg(name: str, said: str, lines: Sequence[Mapping[str, Any]], colours: Mapping[str, str]) -> str:
    """Mean learning curves with their 95 % bands.

    Args:
      name, said: title and description for those who do not see it.
      lines: each with `method`, `steps` [n], `mean` [n], `low` [n] and `high` [n], where None is a gap.
    """
    reach = [v for line in lines for key in ("mean", "low", "high") for v in line[key] if v is not None]
    low, high = min(reach, default=0.0), max(reach, default=1.0)
    high = high if high > low else low + 1.0
    last = max((line["steps"][-1] for line in lines), default=1)
    x = lambda step: LEFT + (WIDTH - LEFT - RIGHT) * step / last
    y = lambda value: TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)
    drawn = []
    for line in map(_thinned, lines):
        colour = colours.get(line["method"], "#777777")
        edge = [(x(s), y(v)) for s, v in zip(line["steps"], line["high"], strict=True) if v is not None]
        back = [(x(s), y(v)) for s, v in zip(line["steps"], line["low"], strict=True) if v is not None]
        middle = [(x(s), y(v)) for s, v in zip(line["steps"], line["mean"], strict=True) if v is not None]
        style = f'style="--c:{colour}"'
        drawn.append(f'<path class="band" {style} d="{_path([*edge, *reversed(back)])}Z"/>')
        drawn.append(f'<path class="line" {style} d="{_path(middle)}"/>')
    words = [_text(LEFT - 4, y(v) + 4, number(v), "end") for v in (low, high)]
    words += [_text(LEFT, HEIGHT - 6, "0", "start"), _text(WIDTH - RIGHT, HEIGHT - 6, f"{steps(last)} steps", "end")]
    zero = f'<line class="axis" x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH - RIGHT}" y2="{HEIGHT - BOTTOM}"/>'
    return _svg(name, said, WIDTH, HEIGHT, [zero, *drawn, *words])


def intervals_svg(name: str, said: str, rows: Sequence[tuple[str, float, float, float]], axis: str) -> str:
    """Values with their intervals side by side, labelled below.

    Args:
      rows: (label, value, low, high); an interval that is not finite is left out. axis: what the labels are.
    """
    reach = [v for _, *values in rows for v in values if math.isfinite(v)]
    low, high = min(reach, default=0.0), max(reach, default=1.0)
    high = high if high > low else low + 1.0
    wide, tall = max(WIDTH, LEFT + RIGHT + 56 * len(rows)), HEIGHT + 30
    y = lambda value: TOP + (tall - TOP - BOTTOM - 22) * (high - value) / (high - low)
    step = (wide - LEFT - RIGHT) / max(1, len(rows))
    drawn = [_text(LEFT - 4, y(v) + 4, number(v), "end") for v in (low, high)]
    for place, (label, value, least, most) in enumerate(rows):
        at = LEFT + step * (place + 0.5)
        if math.isfinite(least) and math.isfinite(most):
            drawn.append(f'<line class="bar" x1="{at:.1f}" y1="{y(least):.1f}" x2="{at:.1f}" y2="{y(most):.1f}"/>')
        if math.isfinite(value):
            drawn.append(f'<circle class="dot" cx="{at:.1f}" cy="{y(value):.1f}" r="4"/>')
        drawn.append(_text(at, tall - 24, label, "middle"))
    drawn.append(_text((wide + LEFT) / 2, tall - 6, axis, "middle"))
    return _svg(name, said, wide, tall, drawn)


def _thinned(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """The line with at most some forty points, the first and the last among them."""
    kept = np.unique(np.linspace(0, len(line["steps"]) - 1, MOST_POINTS).round().astype(int))
    return {**line, **{key: [line[key][i] for i in kept] for key in ("steps", "mean", "low", "high")}}


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else "M0 0"


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(name: str, said: str, width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg class="drawing" role="img" viewBox="0 0 {width:.0f} {height:.0f}" aria-label="{escape(name)}">'
        f"<title>{escape(name)}</title><desc>{escape(said)}</desc>{''.join(parts)}</svg>"
    )
