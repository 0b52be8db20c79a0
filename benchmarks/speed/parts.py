"""What `benchmarks.speed.run` measures, each part side by side: rates of two or more competitors that take turns.

A competitor is a function that does a fixed amount of work and returns its seconds. Building one
compiles it and runs it once; then all of a part alternate, so that whatever else the machine does
meets all of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from benchmarks.peers.environment import HERE, peer_variables, peers_python
from guided_rl import methods
from guided_rl.envs import make
from guided_rl.guides.base import Guide
from guided_rl.methods.base import Method, Needs, Offline, OffPolicy, OnPolicy, Setup
from guided_rl.methods.hparams import defaults
from guided_rl.networks.actors import DeterministicActor
from guided_rl.runtime.devices import cores
from guided_rl.runtime.errors import UserError
from guided_rl.training.plan import devices_for
from guided_rl.training.population import Trainer
from guided_rl.training.settings import default_execution
from guided_rl.training.sharding import SPLIT, place, population_mesh, sharded
from guided_rl.training.state import INPUTS, Inputs, Loop

WARMUP, CAPACITY, FROZEN = 512, 100_000, 10_000
OURS, STEPS, UPDATES = "guided-rl", "env steps with update", "updates"
GROUPED = "env steps, groups learned from"


@dataclass(frozen=True)
class Competitor:
    """Somebody to be timed.

    Attributes:
      name: for the table.
      run: does one piece of work, returns its seconds.
      work: how much that is, in `unit`s.
      compile_seconds: spent before the first piece, for SBX with its warm-up; NaN where unknown.
    """

    name: str
    run: Callable[[], float]
    work: float
    unit: str
    compile_seconds: float = float("nan")


@dataclass(frozen=True)
class Size:
    """A learner's size: hidden widths, batch and members."""

    width: int
    batch: int
    members: int


def named(task: str, size: Size, algorithm: str = "SAC") -> str:
    """What a row of one size is called."""
    shape = f"{size.width}×{size.width}, batch {size.batch}"
    return f"{algorithm}, {task}, {shape}, {size.members} seed{'s'[: size.members > 1]}"


def timed(function: Callable[[], Any]) -> float:
    """Seconds of one call, its arrays ready."""
    begin = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - begin


def alternate(competitors: list[Competitor], repeats: int) -> dict[str, list[float]]:
    """Rates in work per second of each, `repeats` pieces in turns."""
    rates: dict[str, list[float]] = {c.name: [] for c in competitors}
    for turn in range(repeats):
        order = competitors if turn % 2 == 0 else competitors[::-1]
        for c in order:
            rates[c.name].append(c.work / c.run())
    return rates


def physics(task: str, engine: str, simulations: int, steps: int) -> Competitor:
    """`steps` environment steps of `simulations` under random actions, in one compiled loop over all devices."""
    env = make(task, engine)
    mesh = population_mesh(simulations)
    keys = jax.random.split(jax.random.key(0), simulations)
    state = jax.jit(jax.vmap(env.reset))(keys)

    def advance(state, keys):
        def step(state, time):
            draw = lambda key: env.action_space.sample(jax.random.fold_in(key, time))
            return jax.vmap(env.step)(state, jax.vmap(draw)(keys)), None

        return jax.lax.scan(step, state, jnp.arange(steps))[0]

    state, keys = place(state, mesh, SPLIT), place(keys, mesh, SPLIT)
    begin = time.perf_counter()
    program = sharded(advance, mesh, (SPLIT, SPLIT), SPLIT).lower(state, keys).compile()
    compiled = time.perf_counter() - begin
    run = lambda: timed(lambda: program(state, keys))
    run()
    return Competitor(engine, run, simulations * steps, "env steps", compiled)


def engine_alone(task: str, steps: int) -> Competitor:
    """C MuJoCo without us: one simulation a core under random controls, nothing observed, rewarded or reset."""
    sim = make(task, "native").task.simulation
    worlds = [mujoco.MjData(sim.model) for _ in range(cores())]
    controls = np.random.default_rng(0).uniform(-1, 1, (steps, sim.model.nu))

    def play(data: mujoco.MjData) -> None:
        mujoco.mj_resetData(sim.model, data)
        for control in controls:
            data.ctrl[:] = control
            mujoco.mj_step(sim.model, data, sim.frame_skip)

    def run() -> float:
        begin = time.perf_counter()
        with ThreadPoolExecutor(len(worlds)) as pool:
            list(pool.map(play, worlds))
        return time.perf_counter() - begin

    run()
    return Competitor("C MuJoCo alone", run, steps * len(worlds), "env steps")


class TimedPopulation:
    """A population past warm-up, with the compiled program that advances it by `steps`."""

    def __init__(
        self,
        task: str,
        method: Method,
        size: Size,
        steps: int,
        guide: Guide | None = None,
        execution: str | None = None,
        engine: str = "auto",
        precision: str = "default",
        capacity: int = CAPACITY,
    ):
        env = make(task, engine)
        setup = Setup(env.observation_size, env.action_space, (size.width, size.width), capacity)
        capacity, warmup = (capacity, WARMUP) if isinstance(method.loop, OffPolicy) else (1, 0)
        loop = Loop(size.batch, capacity, warmup, warmup, execution=execution or default_execution())
        self.trainer = trainer = Trainer(env, method, setup, loop)
        devices = devices_for(size.members, loop.execution)
        self.size, self.steps, self.mesh = size, steps, population_mesh(devices)
        real = jnp.arange(-(-size.members // devices) * devices) < size.members
        seeds = jnp.where(real, jnp.arange(len(real)), 0)
        values = {name: jnp.full(len(real), value, jnp.float32) for name, value in defaults(method.hparams).items()}
        if guide is not None:
            guide = jax.vmap(guide.of)(seeds)
        rows = (1, FROZEN, trainer.layout.width)
        offline = jax.random.normal(jax.random.key(0), rows) if method.needs.dataset else None
        self.inputs = place(Inputs(values, guide, real, offline), self.mesh, INPUTS)
        self.state = trainer.init(self.mesh)(place(seeds, self.mesh, SPLIT), self.inputs)
        begin = time.perf_counter()
        self.chunk = trainer.chunk(self.mesh, steps)
        with jax.default_matmul_precision(precision):
            self.program = self.chunk.lower(self.state, self.inputs).compile()
        self.compile_seconds = time.perf_counter() - begin
        while int(self.state.step) <= warmup:
            self.advance(self.inputs)

    def memory(self) -> int:
        """Bytes on all devices while the program runs."""
        needs = self.program.memory_analysis()
        new = needs.output_size_in_bytes - needs.alias_size_in_bytes
        return self.mesh.size * (needs.argument_size_in_bytes + needs.temp_size_in_bytes + new)

    def advance(self, inputs: Inputs) -> Any:
        self.state, totals = self.program(self.state, inputs)
        return totals

    def competitor(self, name: str, inputs: Inputs | None = None) -> Competitor:
        """The population under its own or other hyper-parameters; work in steps, each with its update."""
        chosen = self.inputs if inputs is None else inputs
        run = lambda: timed(lambda: self.advance(chosen))
        unit = {Offline: UPDATES, OnPolicy: GROUPED}.get(type(self.trainer.method.loop), STEPS)
        return Competitor(name, run, self.steps * self.size.members, unit, self.compile_seconds)


def loop(task: str, algorithm: str, size: Size, steps: int, name: str = OURS, **how: str) -> Competitor:
    """Our whole loop at one update per environment step; `how` says what is not as usual, as for `TimedPopulation`."""
    return learning(task, algorithm, size, steps, **{"execution": default_execution(), **how}).competitor(name)


@functools.cache  # rows that time the same population share it, since most of a row's time is compilation
def learning(task: str, algorithm: str, size: Size, steps: int, **how: Any) -> TimedPopulation:
    """The population of `loop`."""
    return TimedPopulation(task, methods.build(algorithm), size, steps, **how)


def updates(task: str, algorithm: str, size: Size, steps: int, **how: str) -> TimedPopulation:
    """Our gradient steps alone, on a frozen buffer."""
    method = dataclasses.replace(methods.build(algorithm), loop=Offline(), needs=Needs(dataset=True))
    return TimedPopulation(task, method, size, steps, **how)


@contextlib.contextmanager
def peer(
    name: str, script: str, task: str, size: Size, steps: int, part: str = "loop", more: tuple[str, ...] = ()
) -> Iterator[Competitor]:
    """A peer in a process that works only when it is its turn, pieces of `steps` with `size.members` seeds.

    Args:
      script: of `benchmarks/peers`; SAC where it does not say otherwise. part: the whole `loop`, or
        `updates` alone on a full buffer. more: words for the script alone.
    """
    words = ["--part", part, "--task", task, "--seeds", size.members, "--steps", steps, "--warmup", WARMUP]
    words += ["--hidden", size.width, size.width, "--batch", size.batch]
    words += ["--capacity", CAPACITY if part == "loop" else FROZEN]
    command = [str(peers_python()), str(HERE / script), *map(str, words), *more]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, text=True, env=peer_variables(), **pipes)
    seconds = (float(line) for line in process.stdout if line[0].isdigit())  # imports print too

    def run() -> float:
        try:
            process.stdin.write("go\n")
            process.stdin.flush()
            return next(seconds)
        except (BrokenPipeError, StopIteration) as error:
            raise UserError(f"{name} ended early; run its command by hand to see why: {' '.join(command)}") from error

    try:
        first = sum(run() for _ in range(WARMUP // steps + 2 if part == "loop" else 1))
        unit = STEPS if part == "loop" else UPDATES
        yield Competitor(name, run, steps * size.members, unit, first)
    finally:
        process.stdin.close()
        process.wait()


def grid(task: str, size: Size, steps: int) -> tuple[list[Competitor], int]:
    """DAI's T_change at four values × a quarter of the members, against all members at one value.

    Returns the two competitors and how many programs they compiled together.
    """
    env = make(task)
    network = DeterministicActor((64, 64), env.action_size)
    params = network.init(jax.random.key(0), jnp.zeros(env.observation_size))
    expert = Guide(params, lambda p, obs, key: network.apply(p, obs), name="random network")
    population = TimedPopulation(task, methods.build("dai-sac"), size, steps, expert)
    same = population.inputs
    values = np.repeat(np.float32([0.1, 0.25, 0.5, 1.0]), size.members // 4)
    varied = place(dataclasses.replace(same, hp={**same.hp, "t_change": jnp.asarray(values)}), population.mesh, INPUTS)
    both = [population.competitor("4 × T_change", varied), population.competitor("one T_change", same)]
    programs = {population.chunk.lower(population.state, inputs).as_text() for inputs in (varied, same)}
    return both, len(programs)
