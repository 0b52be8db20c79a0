"""Updates alone: beside the peers', and beside the limit of this machine. Parts `updates` and `iql` of `speed.run`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.environment import peer_source
from benchmarks.speed import limit as speed_limit
from benchmarks.speed import parts as speed_parts
from benchmarks.speed.parts import Competitor, Size, TimedPopulation
from benchmarks.speed.records import row
from guided_rl.runtime.devices import cores

if TYPE_CHECKING:
    from benchmarks.speed.run import Speed


def beside_limit(
    population: TimedPopulation, own: Competitor, machine: list[Competitor], rates: Mapping[str, list[float]]
) -> dict[str, Any]:
    """The limit of updates alone on this machine, our share of it, and what both are made of.

    What a machine can do is its best turn, and for products the better of their two shapes: a median
    would fall with whatever else it does, and leave room above the limit.
    """
    work = speed_limit.count(population)
    best = {m.name: float(np.max(rates[m.name])) for m in machine}
    forward, backward, copied, drawn = best.values()
    limit = speed_limit.updates_per_second(work, max(forward, backward), copied, drawn)
    return {
        "limit": round(limit, 1),
        "share": round(float(np.median(rates[own.name])) / limit, 3),
        "machine": {m.name: [float(f"{best[m.name]:.4g}"), f"{m.unit}/s"] for m in machine},
        "work": {"FLOP": work.flops, "bytes": work.bytes, "numbers": work.numbers},
    }


def update_rows(options: Speed) -> Iterator[dict]:
    """Gradient steps on a frozen buffer, beside the peers' and beside the limit of this machine."""
    cases = [(Size(256, 256, 4), 100, 200, 100, 0.85), (Size(64, 128, 16), 400, 600, 0, None)]
    if options.smoke:
        cases = [(Size(16, 16, 2), 10, 10, 10, None)]
    for size, ours, sbx, sb3, least in cases:
        one = Size(size.width, size.batch, 1)
        with contextlib.ExitStack() as stack:
            peers = [
                stack.enter_context(speed_parts.peer(name, script, options.task, one, steps, "updates"))
                for name, script, steps in (("SBX", "sbx_speed.py", sbx), ("SB3", "sb3_speed.py", sb3))
                if steps
            ]
            population = speed_parts.updates(options.task, "sac", size, ours)
            own, machine = population.competitor(speed_parts.OURS), speed_limit.rates(size)
            rates = speed_parts.alternate([own, *peers, *machine], options.repeats)
        extra = beside_limit(population, own, machine, rates)
        if least is not None:
            extra["least_share"] = least
        yield row(
            "updates",
            speed_parts.named(options.task, size),
            {"SBX": 1.0},
            [own, *peers],
            options.repeats,
            rates,
            **extra,
        )


def iql_rows(options: Speed) -> Iterator[dict]:
    """IQL's updates on a frozen dataset, beside a PyTorch implementation: as published, and one process a core."""
    size, ours, theirs = (Size(16, 16, 2), 10, 10) if options.smoke else (Size(256, 256, 4), 100, 150)
    source = ("--source", str(peer_source("IQL-PyTorch")))
    alone, filled = (dataclasses.replace(size, members=n) for n in (1, cores()))
    names = "IQL-PyTorch", f"IQL-PyTorch, {filled.members} processes"
    with contextlib.ExitStack() as stack:
        peers = [
            stack.enter_context(speed_parts.peer(name, "iql_speed.py", options.task, each, theirs, "updates", source))
            for name, each in zip(names, (alone, filled), strict=True)
        ]
        own = speed_parts.updates(options.task, "iql-offline", size, ours).competitor(speed_parts.OURS)
        what = speed_parts.named(options.task, size, "IQL")
        yield row("iql", what, dict.fromkeys(names[:1], 2.0), [own, *peers], options.repeats)
