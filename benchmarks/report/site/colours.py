"""One colour for each method on all pages, and never two alike in one table while the palette lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from guided_rl.results.plot_style import PALETTE


def fixed_colours(together: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """A colour for each method.

    The methods of most tables choose first. Each takes a colour that no method beside it has, or fewest have, and of
    those the one that differs most from the colours beside it.

    Args:
      together: by table, the methods that are drawn together.
    """
    tables = {table: set(methods) for table, methods in together.items()}
    found: dict[str, str] = {}
    often = {m: sum(m in methods for methods in tables.values()) for methods in tables.values() for m in methods}
    for method in sorted(often, key=lambda name: (-often[name], name)):
        beside = [found[m] for methods in tables.values() if method in methods for m in sorted(methods) if m in found]
        apart = {colour: min((_distance(colour, other) for other in beside), default=0.0) for colour in PALETTE}
        found[method] = min(PALETTE, key=lambda colour: (beside.count(colour), -apart[colour], PALETTE.index(colour)))
    return found


def _distance(a: str, b: str) -> float:
    """How different two colours look, by red, green and blue with the eye's weights."""
    parts = [(int(a[at : at + 2], 16) - int(b[at : at + 2], 16)) ** 2 for at in (1, 3, 5)]
    return sum(weight * part for weight, part in zip((3, 4, 2), parts, strict=True))
