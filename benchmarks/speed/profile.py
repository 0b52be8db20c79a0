"""Where the time of a step with its update goes, on one core: `python -m benchmarks.speed.profile`.

JAX's profiler times every operation of the compiled program; the program's own text tells what
each of them does. What is left of the wall time lies between operations: loops, branches, calls,
and the profiler itself. Written to `results/speed/profile.json` and `profile.md`.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import tyro

from benchmarks import ROOT
from benchmarks.speed import limit
from benchmarks.speed.parts import Size, TimedPopulation
from guided_rl import methods
from guided_rl.results.provenance import provenance
from guided_rl.runtime.files import replace_file

FOLDER = ROOT / "results" / "speed"
PRODUCTS, RANDOM, PHYSICS = "matrix products", "random numbers", "physics engine"
LAYOUT, STATE, REST = "copies, slices, transposes", "optimisers, and what is written with them", "other elementwise"
BETWEEN = "between operations"
GROUPS = (PRODUCTS, PHYSICS, RANDOM, STATE, REST, LAYOUT, BETWEEN)
CONTROL = {"while", "conditional", "call", "tuple", "get-tuple-element", "parameter", "constant", "bitcast"}
MOVING = {"copy", "concatenate", "transpose", "slice", "dynamic-slice", "dynamic-update-slice", "broadcast", "gather"}
MOVING |= {"pad", "reshape", "iota", "clamp", "compare", "select", "add", "convert"}  # the latter of indices
ARITHMETIC = {"multiply", "divide", "subtract", "maximum", "exponential", "log", "tanh", "sqrt", "rsqrt", "power"}


@dataclass(frozen=True)
class Profile:
    """Profile SAC's whole loop at three sizes.

    Attributes:
      smoke: tiny sizes, to see that it runs; its numbers mean nothing.
      out: folder of `profile.json` and `profile.md`.
    """

    smoke: bool = False
    out: Path = FOLDER


def kinds(program: str) -> dict[str, str]:
    """Group of every operation of a compiled program's text, by the operation's name; loops and branches have none."""
    inside: dict[str, set[str]] = {}
    operations: dict[str, tuple[str, str | None]] = {}
    computation = ""
    for line in program.splitlines():
        if opened := re.match(r"(?:ENTRY )?%([\w.\-]+) \(.*\{$", line):
            computation = opened[1]
            inside[computation] = set()
        elif found := re.match(r"\s+(?:ROOT )?%([\w.\-]+) = (?:\(.*?\)|\S+) ([\w\-]+)\(", line):
            name, opcode = found.groups()
            called = re.search(r"calls=%([\w.\-]+)", line)
            inside[computation].add(opcode)
            operations[name] = opcode, called and called[1]
    contents = {name: inside.get(called, {opcode}) for name, (opcode, called) in operations.items()}
    return {name: _group(contents[name]) for name, (opcode, _) in operations.items() if opcode not in CONTROL}


def _group(opcodes: set[str]) -> str:
    if "dot" in opcodes:
        return PRODUCTS
    if "custom-call" in opcodes:
        return PHYSICS
    if "xor" in opcodes:
        return RANDOM
    if opcodes & ARITHMETIC:
        return STATE if "dynamic-update-slice" in opcodes else REST
    return LAYOUT if opcodes - CONTROL <= MOVING else REST


def spent(population: TimedPopulation) -> dict[str, float]:
    """Microseconds of one member's step by group, one call of the program after two that do not count."""
    competitor = population.competitor("")
    competitor.run()
    competitor.run()
    groups = kinds(population.program.as_text())
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            wall = competitor.run()
        (path,) = Path(folder).rglob("*.xplane.pb")
        for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
            for line in plane.lines:
                for event in line.events:
                    if event.name in groups:
                        total[groups[event.name]] += event.duration_ns / 1e3
    total[BETWEEN] = max(0.0, 1e6 * wall - sum(total.values()))
    return {group: round(total[group] / competitor.work, 2) for group in GROUPS}


def case(task: str, size: Size, steps: int) -> dict[str, Any]:
    """One column of the page."""
    population = TimedPopulation(task, methods.build("sac"), size, steps)
    found = spent(population)
    flops = limit.count(population).flops
    return {
        "what": f"{task}, {size.width}×{size.width}, batch {size.batch}, {size.members} seeds",
        "microseconds": found,
        "products": {"FLOP": flops, "FLOP/s": float(f"{flops / (1e-6 * found[PRODUCTS]):.3g}")},
    }


def page(cases: list[dict[str, Any]], origin: dict[str, Any]) -> str:
    """The cases as Markdown, a column each."""
    head = " | ".join(entry["what"] for entry in cases)
    lines = [
        "# Where a step with its update goes, one core\n",
        f"| microseconds a step (share) | {head} |",
        "|---" * (len(cases) + 1) + "|",
    ]
    for group in GROUPS:
        shares = [
            f"{e['microseconds'][group]:,.1f} ({e['microseconds'][group] / sum(e['microseconds'].values()):.0%})"
            for e in cases
        ]
        lines.append(f"| {group} | {' | '.join(shares)} |")
    rates = [f"{e['products']['FLOP/s'] / 1e9:.0f} GFLOP/s" for e in cases]
    lines.append(f"| an update's products at | {' | '.join(rates)} |")
    commit, version = str(origin["commit"])[:7], origin["versions"]["jax"]
    lines.append(f"\nMeasured {origin['date'][:10]} at commit {commit}, jax {version}; the profiler slows it.\n")
    return "\n".join(lines)


def main(options: Profile) -> None:
    """Profile every case on one device and one core, where no two operations run at once."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
    jax.config.update("jax_num_cpu_devices", 1)
    cases = [
        ("HalfCheetah-v5", Size(256, 256, 2), 40),
        ("HalfCheetah-v5", Size(64, 128, 4), 100),
        ("cartpole-safe", Size(32, 256, 4), 100),
    ]
    if options.smoke:
        cases = [("InvertedPendulum-v5", Size(16, 16, 2), 10)]
    found = [case(task, size, steps) for task, size, steps in cases]
    out = options.out if not options.smoke or options.out != FOLDER else FOLDER.parents[1] / "runs" / "speed"
    origin = provenance()
    replace_file(out / "profile.json", (json.dumps({"cases": found, "provenance": origin}, indent=1) + "\n").encode())
    replace_file(out / "profile.md", page(found, origin).encode())
    print(page(found, origin), flush=True)


if __name__ == "__main__":
    main(tyro.cli(Profile))
