"""The host's loop over one slice of a population: chunks, evaluations, checkpoints, observers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.methods.base import Agent
from guided_rl.runtime.errors import Interrupted
from guided_rl.training.cache import repair_cache
from guided_rl.training.checkpoint import Checkpoints
from guided_rl.training.history import History
from guided_rl.training.plan import abstract_population
from guided_rl.training.processes import any_of, to_host
from guided_rl.training.sharding import SAME, SPLIT, place, shardings
from guided_rl.training.state import INPUTS, POPULATION, Population
from guided_rl.training.stopping import begun as begun_to_train
from guided_rl.training.stopping import stop_on_interrupt

if TYPE_CHECKING:
    from guided_rl.training.run import Run


@dataclass(frozen=True)
class Progress:
    """What observers see at every evaluation point.

    Attributes:
      point: index of the evaluation point; step: environment steps per member.
      seeds, points: seed and grid-point index of this wave's members [population].
      history: all measurements so far. alive: which members are healthy [population].
      agents: the learners, where they lie on the devices, leaves [population, ...] and perhaps rows
        behind those that only fill up the last device.
      seconds: wall time of training and evaluation so far in this process.
      earlier: measurements of the waves before this one, all finished.
    """

    point: int
    step: int
    seeds: np.ndarray
    points: np.ndarray
    history: History
    alive: np.ndarray
    agents: Agent
    seconds: float
    earlier: tuple[History, ...] = ()


Observer = Callable[[Progress], None]

__all__ = ["Interrupted", "Observer", "Progress", "Wave", "merge", "restored", "stop_on_interrupt"]


class Wave:
    """One slice of the population, as wide as the device holds, after those that gave the histories `earlier`."""

    def __init__(self, run: Run, members, checkpoints, observers, stop, checkpoint_seconds, clock, earlier=()):
        self.run, self.members, self.checkpoints, self.earlier = run, members, checkpoints, tuple(earlier)
        self.observers, self.stop, self.checkpoint_seconds, self.clock = observers, stop, checkpoint_seconds, clock
        self.count = len(np.unique(members))  # what fills up the last devices is a repeated member
        self.inputs = place(run.inputs(members), run.mesh, INPUTS)
        self.seeds = place(jnp.asarray(run.seeds[members]), run.mesh, SPLIT)

    def train(self) -> tuple[History, np.ndarray, Any]:
        with repair_cache():
            population, history = self._restore()
        run, config = self.run, self.run.config
        chunk = run.plan.chunk
        begun = saved = time.monotonic()
        while (step := int(population.step)) < config.steps:
            advance = self._program("chunk")
            begun_to_train.set()
            population, totals = advance(population, self.inputs)
            point = step // config.interval
            history.add(point, to_host(totals))
            step += chunk
            if step % config.interval == 0:
                history.record(point, to_host(self._evaluate(population)))
                seen = self._seen(point, step, population, history, time.monotonic() - begun)
                for observe in self.observers:
                    observe(seen)
            stopped, due = any_of(self.stop.is_set(), time.monotonic() - saved >= self.checkpoint_seconds)
            if self.checkpoints and (due or stopped or step >= config.steps):
                self._save(step, population, history)
                saved = time.monotonic()
            if stopped and (self.checkpoints or step < config.steps):
                raise Interrupted(
                    f"stopped at step {step} of {config.steps}"
                    + ("; run the same command to go on" if self.checkpoints else "; nothing was saved")
                )
        return history, to_host(population.members.died_at), to_host(population.members.agent)

    def _seen(self, point: int, step: int, population: Population, history: History, seconds: float) -> Progress:
        run, members = self.run, self.members[: self.count]
        alive = to_host(population.members.alive)[: self.count]
        shown = history.of_first(self.count)
        agents = population.members.agent
        who = run.seeds[members], run.points[members]
        return Progress(point, step, *who, shown, alive, agents, seconds, self.earlier)

    def _program(self, name: str) -> Callable:
        return self.run.program(name, len(self.members), self.stop)

    def _evaluate(self, population: Population):
        m = population.members
        return self._program("evaluate")(m.seed, m.agent, self.inputs, population.step)

    def _restore(self) -> tuple[Population, History]:
        run, width = self.run, len(self.members)
        fresh = self.checkpoints is None or self.checkpoints.latest() is None
        run.prepare(width, "chunk", *(["init"] if fresh else []), "evaluate")
        if self.checkpoints:
            self.checkpoints.open()
        found = restored(run, width, self.checkpoints) if self.checkpoints else None
        if found is not None:
            return found
        population = self._program("init")(self.seeds, self.inputs)
        return population, run.empty_history(width)

    def _save(self, step: int, population: Population, history: History) -> None:
        self.checkpoints.save(step, {"population": population, "history": history.tree()})
        self.clock.keep()


def restored(run: Run, width: int, checkpoints: Checkpoints) -> tuple[Population, History] | None:
    """The newest state that a wave of `width` members left, each array where it belongs; None where there is none."""
    like = {"population": abstract_population(run, width), "history": run.empty_history(width).tree()}
    where = {"population": POPULATION, "history": SAME}
    tree = checkpoints.restore(like, shardings(run.mesh, where, like))
    return None if tree is None else (tree["population"], History.of(tree["history"]))


def merge(histories: list[History], population: int) -> History:
    """Waves side by side along the population axis, padding dropped."""

    def join(*arrays):
        return arrays[0] if arrays[0].ndim == 1 else np.concatenate(arrays, axis=1)[:, :population]

    return History.of(jax.tree.map(join, *[h.tree() for h in histories]))
