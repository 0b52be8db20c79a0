"""Rows of speed: made of what was timed, merged with the runs before, as JSON, a page and in the documentation."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ROOT
from benchmarks.speed import page, parts
from benchmarks.speed.parts import Competitor
from guided_rl.results.provenance import provenance
from guided_rl.runtime.errors import UserError, unknown_name
from guided_rl.runtime.files import replace_file

FOLDER = ROOT / "results" / "speed"
PAGE, BEGIN, END = FOLDER.parents[1] / "docs" / "speed.md", "<!-- by make speed -->", "<!-- end -->"
# Of a page's parts.
ORDER = ("physics", "collect", "updates", "iql", "loop", "groups", "brax", "members", "execution", "grid")
ORDER += ("sac-eo", "compile", "runs", "start")


def row(
    part: str,
    what: str,
    targets: Mapping[str, float],
    competitors: list[Competitor],
    repeats: int,
    rates: Mapping[str, list[float]] | None = None,
    **extra: Any,
) -> dict:
    """One comparison, ours first: rates of every turn, and the ratio of ours to each of the others.

    Args:
      targets: least ratio, by competitor. rates: as measured already, if they are.
    """
    rates = parts.alternate(competitors, repeats) if rates is None else rates
    ours, *others = competitors
    ratios = {other.name: np.divide(rates[ours.name], rates[other.name]) for other in others}
    return {
        "part": part,
        "what": what,
        "unit": ours.unit,
        "targets": dict(targets),
        "rates": {c.name: [float(f"{rate:.4g}") for rate in rates[c.name]] for c in competitors},
        "ratio": {name: round(float(np.median(values)), 4) for name, values in ratios.items()},
        "ratio_range": {
            name: [round(float(f(values)), 4) for f in (np.min, np.max)] for name, values in ratios.items()
        },
        "compile_seconds": {c.name: round(c.compile_seconds, 2) for c in competitors if c.compile_seconds >= 0},
        **extra,
        "provenance": provenance(),
    }


def merged(old: list[dict], new: dict, runs: int) -> list[dict]:
    """Old rows with the new one in the place of the one it repeats, whose figures stay in it as `earlier`.

    Args:
      runs: the most that a row keeps of a machine, itself included.
    """
    rows = {(entry["part"], entry["what"]): entry for entry in old}
    key = new["part"], new["what"]
    rows[key] = {**new, "earlier": earlier(rows[key], new, runs) if key in rows else []}
    return [rows[key] for key in sorted(rows, key=lambda key: (ORDER.index(key[0]), key[1]))]


def earlier(entry: dict, later: dict, runs: int) -> list[dict]:
    """The figures of a row and of those before it, newest first: none of uncommitted code, `runs` of a machine."""
    facts = entry["provenance"]
    figures = {name: entry[name] for name in ("rates", "ratio", "share") if name in entry}
    told = {**figures, "commit": facts["commit"], "date": facts["date"], "machine": page.machine(facts)}
    kept, seen = [], Counter([page.machine(later["provenance"])])
    for run in [*([] if facts["dirty"] else [told]), *entry.get("earlier", [])]:
        seen[run["machine"]] += 1
        if seen[run["machine"]] <= runs:
            kept.append(run)
    return kept


def show_in_docs(rows: list[dict], page_file: Path = PAGE) -> None:
    """Put the rows' short table in the place of the one that the documentation has."""
    before, _, rest = page_file.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if end:
        table = page.beside_others(rows)
        replace_file(page_file, f"{before}{BEGIN}\n\n{table}\n\n{END}{after}".encode())


def measure(options: Any, known: Mapping[str, Callable[[Any], Iterator[dict]]], name: str) -> None:
    """The parts asked for; `<name>.json` and `<name>.md` are written after every row, so that none is lost.

    Raises:
      UserError: an unknown part, or no turns.
    """
    for part in options.parts:
        if part not in known:
            raise unknown_name("part", part, known)
    for option, given in (("repeats", options.repeats), ("runs", options.runs)):
        if given < 1:
            raise UserError(f"--{option} is {given}; give at least 1")
    out = FOLDER.parents[1] / "runs" / "speed" if options.smoke and options.out == FOLDER else options.out
    path = out / f"{name}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    for part in options.parts:
        begin = time.perf_counter()
        with contextlib.closing(known[part](options)) as measured:
            for entry in measured:
                rows = merged(rows, entry, options.runs)
                replace_file(path, (json.dumps({"rows": rows}, indent=1) + "\n").encode())
                replace_file(out / f"{name}.md", page.page(rows).encode())
                print(page.line(entry), flush=True)
        print(f"{part}: {time.perf_counter() - begin:.0f} s in all", flush=True)
    if path == FOLDER / "speed.json":
        show_in_docs(rows)
