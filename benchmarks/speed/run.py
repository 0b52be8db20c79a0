"""Speed, side by side: competitors take turns in one run, compile time apart.

    python -m benchmarks.speed.run                       # everything, some 20 minutes on 2 idle cores
    python -m benchmarks.speed.run --parts loop --repeats 9

Ratios are the median of the turns' own ratios: each turn times all competitors one after the
other, so that a busy machine slows all of them. Rows go to `results/speed/speed.json`, each
with its provenance; a run replaces the rows it measured, keeps the figures of the runs before it
beside them, since a peer's rate differs by half from one hour to another, and writes `speed.md`
and the documentation's short table from the medians over all these runs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np
import tyro

from benchmarks.speed import compile, sac_eo
from benchmarks.speed import parts as speed_parts
from benchmarks.speed import runs as speed_runs
from benchmarks.speed import updates as speed_updates
from benchmarks.speed.parts import Competitor, Size
from benchmarks.speed.records import FOLDER, measure, row
from guided_rl.datasets import recipes
from guided_rl.envs import make
from guided_rl.guides import find_guide
from guided_rl.runtime.errors import exit_on_user_error

CARTPOLE = "cartpole-safe"  # PAG's; the peers have its swing-up without the crash


@dataclass(frozen=True)
class Speed:
    """Time physics, updates, the training loop and whole runs against what they are to beat.

    Attributes:
      parts: any of physics, collect, updates, iql, loop, groups, brax, members, execution, grid,
        runs, start, and sac-eo and compile, of some ten minutes each; all but these two if none is given.
      repeats: turns per row; whole runs take one, those to the first updates, brax's and members' two at most.
      runs: how many runs of this command on this kind of machine a row tells the median of, this one included;
        1 forgets the earlier ones, as suits code that has become faster.
      task: of everything but physics, which has tasks of its own, and rejax's row.
      full: whole runs of 64 seeds and 20,000 updates as well.
      smoke: tiny pieces of work, to see that every part runs; its numbers mean nothing.
      out: folder of `speed.json` and `speed.md`.
    """

    parts: list[str] = field(default_factory=lambda: list(USUAL))
    repeats: int = 3
    runs: int = 5
    task: str = "HalfCheetah-v5"
    full: bool = False
    smoke: bool = False
    out: Path = FOLDER


def piece(members: int) -> int:
    """Steps of a piece of a small network's loop: some seconds' work, the same in every row that times this loop."""
    return min(1_500, max(16, 4_800 // members))


def physics_rows(options: Speed) -> Iterator[dict]:
    """Native physics against MJX on this machine, and against the engine without anything of ours."""
    simulations, native, mjx, alone = (4, 4, 1, 4) if options.smoke else (128, 200, 4, 10_000)
    for task in ("HalfCheetah-v5", "Walker2d-v5"):
        engines = (("native", native), ("mjx", mjx))
        found = [speed_parts.physics(task, engine, simulations, steps) for engine, steps in engines]
        found.append(speed_parts.engine_alone(task, alone))
        yield row("physics", f"{task}, {simulations} simulations", {"mjx": 50.0}, found, options.repeats)


def collect_rows(options: Speed) -> Iterator[dict]:
    """An offline dataset of one policy from nothing, compilation included; asked for are a million rows a minute."""
    rows, env = 2_000 if options.smoke else 1_000_000, make("HalfCheetah-v5")
    experts = recipes.sampled(find_guide(f"sac@{recipes.INSTEAD}", env))
    actor = dataclasses.replace(experts, params=jax.tree.map(lambda leaf: leaf[:1], experts.params))
    collect = lambda: recipes.collect(actor, env, rows, 0, "medium")
    ours = Competitor(speed_parts.OURS, lambda: speed_parts.timed(collect), rows, "rows")
    rates = speed_parts.alternate([ours], 1)
    yield row("collect", f"{rows:,} rows of one policy on {env.name}", {}, [ours], 1, rates, least_rate=1e6 / 60)


def loop_rows(options: Speed) -> Iterator[dict]:
    """The whole loop at one update per environment step: ours with all members, SBX with one agent; SB3 once."""
    same = (options.task, options.task)
    cases = [
        ("SAC", *same, Size(256, 256, 1), 250, 400, 0, {"SBX": 1.0}),
        ("SAC", *same, Size(256, 256, 4), 120, 400, 150, {"SBX": 2.0, "SB3": 3.0}),
        ("SAC", *same, Size(64, 128, 16), piece(16), 1200, 0, {"SBX": 5.0}),
        ("SAC", *same, Size(64, 128, 64), piece(64), 1200, 0, {"SBX": 8.0}),
        ("SAC", CARTPOLE, "suite:cartpole-swingup", Size(32, 256, 64), piece(64), 1200, 0, {"SBX": 7.0}),
        ("TD3", *same, Size(64, 128, 16), piece(16), 1200, 0, {"SBX": 1.0}),
    ]
    if options.smoke:
        cases = [(name, *same, Size(16, 16, 2), 20, 20, sb3, {"SBX": 1.0}) for name, sb3 in (("SAC", 20), ("TD3", 0))]
    with contextlib.ExitStack() as stack:

        @functools.cache  # a peer at one size serves every row of that size
        def peer(name: str, script: str, algorithm: str, theirs: str, size: Size, steps: int) -> Competitor:
            more = ("--algorithm", algorithm.lower())
            return stack.enter_context(speed_parts.peer(name, script, theirs, size, steps, more=more))

        for algorithm, task, theirs, size, ours, sbx, sb3, targets in cases:
            one = Size(size.width, size.batch, 1)
            peers = [peer("SBX", "sbx_speed.py", algorithm, theirs, one, sbx)]
            if sb3:
                peers.append(peer("SB3", "sb3_speed.py", algorithm, theirs, one, sb3))
            own = speed_parts.loop(task, algorithm.lower(), size, ours)
            yield row("loop", speed_parts.named(task, size, algorithm), targets, [own, *peers], options.repeats)


def group_rows(options: Speed) -> Iterator[dict]:
    """GRPO from groups of roll-outs on chains: one that is soon solved, and one on which all roll-outs end early."""
    for task in ("Chain-8", "Chain-20"):
        size, steps = (Size(16, 16, 2), 320) if options.smoke else (Size(64, 16, 64), 8_000)
        own = speed_parts.loop(task, "grpo", size, steps)
        what = f"GRPO, {task}, {size.width}×{size.width}, groups of 16, {size.members} seeds"
        rates = speed_parts.alternate([own], options.repeats)
        yield row("groups", what, {}, [own], options.repeats, rates, least_rate=1e5)


def brax_rows(options: Speed) -> Iterator[dict]:
    """The loop on an environment of brax, where rejax and brax's own SAC can run."""
    size, steps = (Size(16, 16, 2), 20) if options.smoke else (Size(64, 128, 16), 100)
    one = Size(size.width, size.batch, 1)
    with (
        speed_parts.peer("rejax", "rejax_speed.py", "inverted_pendulum", size, steps) as rejax,
        speed_parts.peer("brax", "brax_speed.py", "inverted_pendulum", one, 4 * steps) as brax,
    ):
        three = [speed_parts.loop("brax:inverted_pendulum", "sac", size, steps), rejax, brax]
        targets = {"rejax": 1.0, "brax": 1.0}
        yield row("brax", speed_parts.named("brax's inverted_pendulum", size), targets, three, min(2, options.repeats))


def member_rows(options: Speed) -> Iterator[dict]:
    """The loop's rate over the number of members, the largest population first."""
    cases, sizes = [(options.task, 64, 128), (CARTPOLE, 32, 256)], (256, 64, 16, 4, 1)
    if options.smoke:
        cases, sizes = [(options.task, 16, 16)], (2, 1)
    for task, width, batch in cases:
        loops = []
        for members in sizes:
            steps = 30 if options.smoke else piece(members)
            name = f"{members} seed{'s'[: members > 1]}"
            loops.append(speed_parts.loop(task, "sac", Size(width, batch, members), steps, name))
        what = f"SAC, {task}, {width}×{width}, batch {batch}, by number of seeds"
        yield row("members", what, {}, loops, min(2, options.repeats))


def execution_rows(options: Speed) -> Iterator[dict]:
    """Members one by one, as on CPU, against batched together, as on accelerators."""
    cases = [(options.task, Size(64, 128, 16)), (CARTPOLE, Size(32, 256, 64))]
    if options.smoke:
        cases = [(options.task, Size(16, 16, 2))]
    for task, size in cases:
        steps = 20 if options.smoke else piece(size.members)
        both = [speed_parts.loop(task, "sac", size, steps, name, execution=name) for name in ("map", "vmap")]
        yield row("execution", f"{speed_parts.named(task, size)}, members one by one", {}, both, options.repeats)


def sac_eo_rows(options: Speed) -> Iterator[dict]:
    """SAC-EO's whole loop at the paper's sizes against its own floor; the target is on its cost."""
    size, window, models, epochs = (
        (Size(16, 16, 2), 400, 16, 1) if options.smoke else (Size(256, 256, 2), 100_000, 512, 10)
    )
    both = sac_eo.loop_and_floor(size, window, models, epochs)
    what = f"SAC-EO, {sac_eo.TASK}, {size.width}×{size.width}, models {models}×{models}, {size.members} seeds"
    yield row("sac-eo", what, {both[1].name: 1 / 1.5}, both, min(3, options.repeats))


def grid_rows(options: Speed) -> Iterator[dict]:
    """A grid against as many seeds at one value; the target is on its cost."""
    size, steps = (Size(16, 16, 8), 20) if options.smoke else (Size(64, 128, 32), 200)
    both, programs = speed_parts.grid(options.task, size, steps)
    name = f"DAI, {options.task}, T_change 4 × {size.members // 4} seeds against {size.members} seeds"
    repeats = options.repeats if options.smoke else max(5, options.repeats)
    yield row("grid", name, {both[1].name: 1 / 1.10}, both, repeats, programs=programs)


def run_rows(options: Speed) -> Iterator[dict]:
    """Eight seeds to completion; the peer runs one seed a process, as many at once as there are cores."""
    cases = [(Size(64, 128, 8), 2_000), *([(Size(64, 128, 64), 20_000)] if options.full else [])]
    if options.smoke:
        cases = [(Size(16, 16, 2), 40)]
    for size, updates in cases:
        found = [run(options.task, size, updates) for run in (speed_runs.ours, speed_runs.sbx)]
        competitors = [competitor for competitor, _ in found]
        rates = speed_parts.alternate(competitors, 1)
        returns = {c.name: round(float(np.mean(reached)), 1) for c, reached in found}
        what = f"{speed_parts.named(options.task, size)}, {updates:,} updates each, from nothing"
        yield row("runs", what, {"SBX": 1.0}, competitors, 1, rates, returns=returns)


def start_rows(options: Speed) -> Iterator[dict]:
    """To the first updates of one seed: with its programs compiled before, and not."""
    size = Size(16, 16, 1) if options.smoke else Size(256, 256, 1)
    with tempfile.TemporaryDirectory() as cache:
        ours, sbx = speed_runs.ours, speed_runs.sbx
        competitors = [start(options.task, size, 8)[0] for start in (functools.partial(ours, cache=cache), ours, sbx)]
        competitors[0].run()
        rates = speed_parts.alternate(competitors, 1 if options.smoke else min(2, options.repeats))
        what = f"{speed_parts.named(options.task, size)}, to the first updates and one evaluation, from nothing"
        cached, cold, peer = competitors
        yield row("start", what, {"SBX": 1.0}, [cached, peer], 0, rates)
        yield row("start", f"{what}, nothing compiled before", {"SBX": 1.0}, [cold, peer], 0, rates)


def compile_rows(options: Speed) -> Iterator[dict]:
    """Every method's programs in the tables, compiled and then found in the cache; the slowest of each."""
    tables, preset = (("pag",), "smoke") if options.smoke else (compile.TABLES, "cpu")
    for table in tables:
        found = compile.measure(table, preset)
        competitors = [
            Competitor(name, lambda: 0.0, 1, "programs", max(seconds.values())) for name, seconds in found.items()
        ]
        rates = {name: [len(seconds) / sum(seconds.values())] for name, seconds in found.items()}
        slowest = {name: [max(seconds, key=seconds.get), max(seconds.values())] for name, seconds in found.items()}
        yield row(
            "compile", f"programs of table {table}", {}, competitors, 0, rates, slowest=slowest, most=compile.MOST
        )


ROWS: dict[str, Callable[[Speed], Iterator[dict]]] = {
    "physics": physics_rows,
    "collect": collect_rows,
    "updates": speed_updates.update_rows,
    "iql": speed_updates.iql_rows,
    "loop": loop_rows,
    "groups": group_rows,
    "brax": brax_rows,
    "members": member_rows,
    "execution": execution_rows,
    "grid": grid_rows,
    "sac-eo": sac_eo_rows,
    "compile": compile_rows,
    "runs": run_rows,
    "start": start_rows,
}
PARTS = tuple(ROWS)
USUAL = tuple(part for part in PARTS if part not in ("sac-eo", "compile"))


def main(options: Speed) -> None:
    """Measure what was asked for."""
    measure(options, ROWS, "speed")


if __name__ == "__main__":
    with exit_on_user_error():
        main(tyro.cli(Speed))
