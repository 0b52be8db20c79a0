"""Speed, side by side: contestants take turns in one run, compile time apart.

    python -m benchmarks.speed                       # everything; minutes on 2 idle cores
    python -m benchmarks.speed --parts loop --repeats 9

Ratios are the median of the turns' own ratios: each turn times all contestants one after the
other, so that a busy machine slows all of them. Rows go to `results/speed/speed.json`, each
with its provenance; a run replaces the rows it measured and writes `speed.md` from them all.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from benchmarks import speed_parts as parts
from benchmarks.speed_parts import Contestant, Size
from guided_rl.errors import UserError, unknown
from guided_rl.reporting.provenance import provenance
from guided_rl.reporting.storage import replace_file

FOLDER = Path(__file__).parents[1] / "results" / "speed"
PARTS = ("physics", "loop", "grid")


@dataclass(frozen=True)
class Speed:
    """Time physics, the training loop and a grid against what they are to beat.

    Attributes:
      parts: any of physics, loop, grid; all of them if none is given.
      repeats: turns per row.
      task: of the training loop and the grid; physics has tasks of its own.
      smoke: tiny pieces of work, to see that every part runs; its numbers mean nothing.
      out: folder of `speed.json` and `speed.md`.
    """

    parts: list[str] = field(default_factory=lambda: list(PARTS))
    repeats: int = 5
    task: str = "HalfCheetah-v5"
    smoke: bool = False
    out: Path = FOLDER


def row(part: str, what: str, target: float, contestants: list[Contestant], repeats: int, **extra: Any) -> dict:
    """One comparison, ours first: rates of every turn, and the ratio of ours to each of the others."""
    rates = parts.alternate(contestants, repeats)
    ours, *others = contestants
    ratios = {other.name: np.divide(rates[ours.name], rates[other.name]) for other in others}
    return {
        "part": part,
        "what": what,
        "unit": ours.unit,
        "target": target,
        "rates": {name: [round(rate, 2) for rate in values] for name, values in rates.items()},
        "ratio": {name: round(float(np.median(values)), 4) for name, values in ratios.items()},
        "ratio_range": {
            name: [round(float(f(values)), 4) for f in (np.min, np.max)] for name, values in ratios.items()
        },
        "compile_seconds": {c.name: round(c.compile_seconds, 2) for c in contestants},
        **extra,
        "provenance": provenance(),
    }


def physics_rows(options: Speed) -> Iterator[dict]:
    """Native physics against MJX on this machine."""
    simulations, native, mjx = (4, 4, 1) if options.smoke else (128, 200, 4)
    for task in ("HalfCheetah-v5", "Walker2d-v5"):
        both = [parts.physics(task, "native", simulations, native), parts.physics(task, "mjx", simulations, mjx)]
        yield row("physics", f"{task}, {simulations} simulations", 50.0, both, options.repeats)


def loop_rows(options: Speed) -> Iterator[dict]:
    """SAC's whole loop against SBX: ours with all members, SBX with one agent."""
    cases = [(Size(256, 256, 4), 150, 500, 1.4), (Size(64, 128, 16), 300, 1500, 5.0)]
    if options.smoke:
        cases = [(Size(16, 16, 2), 20, 20, 5.0)]
    for size, ours, theirs, target in cases:
        with parts.sbx(options.task, "sac", size, theirs) as sbx:
            both = [parts.loop(options.task, "sac", size, ours), sbx]
            name = f"SAC, {options.task}, {size.width}×{size.width}, batch {size.batch}, {size.members} seeds"
            yield row("loop", name, target, both, options.repeats)


def grid_rows(options: Speed) -> Iterator[dict]:
    """A grid against as many seeds at one value; the target is on its cost."""
    size, steps = (Size(16, 16, 8), 20) if options.smoke else (Size(64, 128, 32), 200)
    both, programs = parts.grid(options.task, size, steps)
    name = f"DAI, {options.task}, T_change 4 × {size.members // 4} seeds against {size.members} seeds"
    yield row("grid", name, 1 / 1.10, both, options.repeats, programs=programs)


ROWS: dict[str, Callable[[Speed], Iterator[dict]]] = {"physics": physics_rows, "loop": loop_rows, "grid": grid_rows}


def met(entry: dict) -> bool:
    """Whether every ratio of a row reaches its target, compiled once where that is asked."""
    return min(entry["ratio"].values()) >= entry["target"] and entry.get("programs", 1) == 1


def page(rows: list[dict]) -> str:
    """The rows as Markdown."""
    lines = [
        "# Speed, side by side\n",
        "Contestants take turns on the same machine; rates are medians over turns (lowest and highest in brackets), "
        "ratios are medians of each turn's own ratio. Compile time is not in the rates; for SBX it is given together "
        "with its warm-up.\n",
        "| what | contestants, rate per second | ratio | target | met | compile, s |",
        "|---|---|---|---|---|---|",
        *(_line(entry) for entry in rows),
        "",
        *sorted({_origin(entry["provenance"]) for entry in rows}),
        "",
    ]
    return "\n".join(lines)


def _line(entry: dict) -> str:
    spread = lambda v: f"{np.median(v):,.0f} [{min(v):,.0f}, {max(v):,.0f}]"
    rates = "<br>".join(f"{name}: {spread(values)}" for name, values in entry["rates"].items())
    ratio = "<br>".join(
        f"{value:.2f}× [{entry['ratio_range'][name][0]:.2f}, {entry['ratio_range'][name][1]:.2f}]"
        for name, value in entry["ratio"].items()
    )
    compiled = "<br>".join(f"{name}: {seconds:.1f}" for name, seconds in entry["compile_seconds"].items())
    once = f", {entry['programs']} program" if "programs" in entry else ""
    target, said = f"≥ {entry['target']:.2f}×{once}", "yes" if met(entry) else "no"
    return f"| {entry['what']} ({entry['unit']}) | {rates} | {ratio} | {target} | {said} | {compiled} |"


def _origin(facts: dict) -> str:
    dirty = " with local changes" if facts["dirty"] else ""
    versions = ", ".join(f"{name} {facts['versions'][name]}" for name in ("jax", "mujoco", "mujoco-mjx"))
    commit = str(facts["commit"])[:7]
    return f"Measured {facts['date'][:10]} at commit {commit}{dirty}, {facts['cores']} cores, {versions}."


def merged(old: list[dict], new: list[dict]) -> list[dict]:
    """Old rows with the new ones in the place of those they repeat."""
    rows = {(entry["part"], entry["what"]): entry for entry in (*old, *new)}
    return [rows[key] for key in sorted(rows, key=lambda key: (PARTS.index(key[0]), key[1]))]


def main(options: Speed) -> None:
    """Measure what was asked for; the page is written after every row, so that none is lost."""
    for part in options.parts:
        if part not in PARTS:
            raise unknown("part", part, PARTS)
    if options.repeats < 1:
        raise UserError(f"--repeats is {options.repeats}; give at least 1")
    out = options.out if not options.smoke or options.out != FOLDER else FOLDER.parents[1] / "runs" / "speed"
    path = out / "speed.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    for part in options.parts:
        with contextlib.closing(ROWS[part](options)) as measured:
            for entry in measured:
                rows = merged(rows, [entry])
                replace_file(path, (json.dumps({"rows": rows}, indent=1) + "\n").encode())
                replace_file(out / "speed.md", page(rows).encode())
                print(_line(entry), flush=True)


if __name__ == "__main__":
    try:
        main(tyro.cli(Speed))
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
