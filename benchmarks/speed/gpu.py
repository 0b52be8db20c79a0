"""Speed on an accelerator, in one command: `python -m benchmarks.speed.gpu`.

Physics in both engines, updates alone beside the card's own limit, the whole loop over the number
of seeds and in both engines, a grid, and SBX, rejax and brax's SAC on the same card. Rows are those of
`benchmarks.speed.run` and go to `results/speed/gpu.json` and `gpu.md`; `--smoke` runs every part on
whatever is at hand. `$GUIDED_RL_PEERS_PYTHON` names an interpreter in which the peers see the card.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np
import tyro

from benchmarks.speed import limit, updates
from benchmarks.speed import parts as speed_parts
from benchmarks.speed.parts import OURS, Size
from benchmarks.speed.records import FOLDER, measure, row
from guided_rl.runtime.errors import UserError, exit_on_user_error
from guided_rl.training.plan import own_memory_limit

TASKS = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5", "Ant-v5", "Humanoid-v5", "cheetah-run", "walker-walk")
LEARNER, SECONDS = "HalfCheetah-v5", 60


@dataclass(frozen=True)
class Gpu:
    """Time physics, updates and the training loop on an accelerator.

    Attributes:
      parts: any of physics, updates, seeds, engines, grid, peers; all of them if none is given.
      repeats: turns per row; updates alone run for a minute.
      runs: how many runs of this command a row tells the median of, this one included.
      smoke: tiny pieces of work on any machine, to see that every part runs; its numbers mean nothing.
      out: folder of `gpu.json` and `gpu.md`.
    """

    parts: list[str] = field(default_factory=lambda: list(ROWS))
    repeats: int = 3
    runs: int = 5
    smoke: bool = False
    out: Path = FOLDER


def physics_rows(options: Gpu) -> Iterator[dict]:
    """MJX by the number of simulations, and C MuJoCo on the host's cores."""
    tasks, counts, steps = (TASKS[:1], (4, 2), 2) if options.smoke else (TASKS, (32_768, 8_192, 1_024), 20)
    for task in tasks:
        found = []
        for engine, simulations in [*(("mjx", count) for count in counts), ("native", min(counts))]:
            timed = speed_parts.physics(task, engine, simulations, steps)
            found.append(dataclasses.replace(timed, name=f"{engine}, {simulations:,} simulations"))
        yield row("physics", task, {}, found, options.repeats)


def update_rows(options: Gpu) -> Iterator[dict]:
    """Gradient steps on a frozen buffer for a minute, in both precisions of products, beside the card's limit."""
    size, steps = (Size(16, 16, 2), 10) if options.smoke else (Size(256, 256, 128), 1_000)
    for precision in ("default", "highest"):
        population = speed_parts.updates(LEARNER, "sac", size, steps, precision=precision)
        own, machine = population.competitor(OURS), limit.rates(size, precision)
        own.run()
        turns = 1 if options.smoke else max(options.repeats, math.ceil(SECONDS / own.run()))
        rates = speed_parts.alternate([own], turns) | speed_parts.alternate(machine, options.repeats)
        extra = updates.beside_limit(population, own, machine, rates)
        if precision == "default":
            extra |= {"least_share": 0.4, "least_rate": 100_000.0}
        what = f"{speed_parts.named(LEARNER, size)}, precision {precision}"
        yield row("updates", what, {}, [own], turns, rates, **extra)


def seed_rows(options: Gpu) -> Iterator[dict]:
    """The whole loop by number of seeds, and the memory of each; 64 seeds are to make sixteen times what one makes."""
    counts, size, steps = (
        ((2, 1), Size(16, 16, 1), 20) if options.smoke else ((64, 256, 16, 4, 1), Size(256, 256, 1), 200)
    )
    # A million rows of all 341 seeds are 54 GiB: an H200 holds them, an H100 half of them.
    capacity = 1_000 if options.smoke else 1_000_000 if own_memory_limit() > 60e9 else 500_000
    loops, memory = [], {}
    for members in counts:
        name = f"{members} seed{'s'[: members > 1]}"
        sized = dataclasses.replace(size, members=members)
        population = speed_parts.learning(LEARNER, "sac", sized, steps, capacity=capacity)
        loops.append(population.competitor(name))
        memory[name] = population.memory()
    shape = f"{size.width}×{size.width}, batch {size.batch}, replay of {capacity:,}"
    what = f"SAC, {LEARNER}, {shape}, by number of seeds"
    yield row("members", what, {"1 seed": 16.0}, loops, options.repeats, memory=memory)


def engine_rows(options: Gpu) -> Iterator[dict]:
    """The whole loop with physics on the card, and on the host's cores with the learner on the card; SBX so too.

    Updates and physics alone take turns with them, for their shares of the loop.
    """
    size, steps = (Size(16, 16, 2), 20) if options.smoke else (Size(256, 256, 64), 200)
    one, engines = dataclasses.replace(size, members=1), ("mjx", "native")
    with speed_parts.peer("SBX", "sbx_speed.py", LEARNER, one, steps) as sbx:
        loops = [speed_parts.loop(LEARNER, "sac", size, steps, engine, engine=engine) for engine in engines]
        updates = speed_parts.updates(LEARNER, "sac", size, steps).competitor("updates alone")
        alone = [speed_parts.physics(LEARNER, engine, size.members, steps) for engine in engines]
        alone = [dataclasses.replace(part, name=f"{part.name} alone") for part in alone]
        rates = speed_parts.alternate([*loops, sbx, updates, *alone], options.repeats)
        parts = {
            whole.name: {part.name: _share(rates[whole.name], rates[part.name]) for part in (updates, physics)}
            for whole, physics in zip(loops, alone, strict=True)
        }
        what = speed_parts.named(LEARNER, size)
        yield row("loop", what, {"SBX": 1.0}, [*loops, sbx], options.repeats, rates, parts=parts)


def _share(whole: list[float], part: list[float]) -> float:
    """The part of the whole's time that a part alone would take, the median over turns."""
    return round(float(np.median(np.divide(whole, part))), 3)


def grid_rows(options: Gpu) -> Iterator[dict]:
    """A grid against as many seeds at one value, in one program."""
    size, steps = (Size(16, 16, 8), 20) if options.smoke else (Size(256, 256, 64), 200)
    both, programs = speed_parts.grid(LEARNER, size, steps)
    what = f"DAI, {LEARNER}, T_change 4 × {size.members // 4} seeds against {size.members} seeds"
    yield row("grid", what, {both[1].name: 1 / 1.10}, both, options.repeats, programs=programs)


def peer_rows(options: Gpu) -> Iterator[dict]:
    """The whole loop on brax's inverted pendulum, beside rejax and one agent of brax's own."""
    size, steps = (Size(16, 16, 2), 20) if options.smoke else (Size(256, 256, 64), 200)
    one = dataclasses.replace(size, members=1)
    with (
        speed_parts.peer("rejax", "rejax_speed.py", "inverted_pendulum", size, steps) as rejax,
        speed_parts.peer("brax", "brax_speed.py", "inverted_pendulum", one, 4 * steps) as brax,
    ):
        three = [speed_parts.loop("brax:inverted_pendulum", "sac", size, steps), rejax, brax]
        what = speed_parts.named("brax's inverted_pendulum", size)
        yield row("brax", what, {"rejax": 2.0, "brax": 1.0}, three, options.repeats)


ROWS: dict[str, Callable[[Gpu], Iterator[dict]]] = {
    "physics": physics_rows,
    "updates": update_rows,
    "seeds": seed_rows,
    "engines": engine_rows,
    "grid": grid_rows,
    "peers": peer_rows,
}


def main(options: Gpu) -> None:
    """Measure what was asked for.

    Raises:
      UserError: an unknown part, or no accelerator.
    """
    if jax.default_backend() == "cpu" and not options.smoke:
        raise UserError("JAX shows no accelerator here; run this where it does (guided-rl doctor), or add --smoke")
    measure(options, ROWS, "gpu")


if __name__ == "__main__":
    with exit_on_user_error():
        main(tyro.cli(Gpu))
