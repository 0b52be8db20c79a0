"""Train one population from the host: compile once, then chunks, evaluations and checkpoints.

A run that stops, by Ctrl-C, a kill or a power cut, goes on from its last checkpoint when it is called
again with the same folder, and ends bit-identical to an unbroken one on CPU.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from guided_rl import envs, methods
from guided_rl.config import RunConfig, check, check_task
from guided_rl.data.replay import Layout
from guided_rl.data.traces import expert_traces
from guided_rl.envs.base import Env, refuse_too_many
from guided_rl.guides import find_guide
from guided_rl.guides.base import Guide
from guided_rl.guides.find import is_own
from guided_rl.methods.base import Agent, Context, Method
from guided_rl.runtime.devices import cores
from guided_rl.runtime.env_vars import check_jax
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.hashing import content_hash
from guided_rl.runtime.plugin_loader import is_plugin
from guided_rl.runtime.versions import code
from guided_rl.training import engines, outcomes
from guided_rl.training.cache import enable_compile_cache, repair_cache
from guided_rl.training.checkpoint import Checkpoints, Clock, claim_folder
from guided_rl.training.evaluation import evaluator
from guided_rl.training.fingerprint import guide_hash, has_task, program_hash, task_hash
from guided_rl.training.history import History, Measured
from guided_rl.training.loops.planning import check_problem
from guided_rl.training.plan import Plan, abstract_population, make_plan
from guided_rl.training.population import Trainer, setup_of
from guided_rl.training.processes import held_by_lead
from guided_rl.training.settings import loop_settings
from guided_rl.training.sharding import SAME, SPLIT, population_mesh, shardings
from guided_rl.training.state import INPUTS, POPULATION, Inputs, Population
from guided_rl.training.stopping import Stop
from guided_rl.training.waves import Interrupted, Observer, Progress, Wave, merge, stop_on_interrupt

__all__ = ["Interrupted", "Observer", "Progress", "Result", "Run", "loop_settings"]


FindRows = Callable[[Env, Layout, bool], np.ndarray]
"""`(env, layout, whether observations suffice)` -> shared rows [experts, rows, width]."""


@dataclass(frozen=True)
class Result:
    """A finished population.

    Attributes:
      seeds, points: seed and grid-point index of every member [population].
      protocols: names of the evaluation protocols, in the order of the history's axis.
      steps: environment steps at each evaluation point [points].
      died_at: step at which a member turned non-finite, -1 for healthy ones [population].
      agents: final learner states, leaves [population, ...], on the host.
      codes: commits and versions that trained it, in order; empty where no folder kept them.
    """

    config: RunConfig
    method: Method
    env: Env
    guide: Guide | None
    seeds: np.ndarray
    points: np.ndarray
    protocols: tuple[str, ...]
    steps: np.ndarray
    history: History
    died_at: np.ndarray
    agents: Any
    wall_seconds: float
    compile_seconds: float
    plan: Plan
    codes: tuple[dict[str, Any], ...] = ()


class Run:
    """A configuration made concrete: environment, method, guide and compiled programs."""

    def __init__(
        self, config: RunConfig, guide: Guide | str | None = None, offline: np.ndarray | FindRows | None = None
    ):
        enable_compile_cache()
        check_jax()
        self.config = config
        self.method = methods.build(config.method, config.options)
        check(config, self.method)
        engine, self.engine_rates = engines.choose(config)
        self.env = envs.make(config.task, engine)
        check_task(config, self.method, self.env)
        self.loop = loop_settings(config, self.method)
        self.setup = setup_of(config, self.env, self.method, self.loop.capacity)
        named = config.guide if guide is None else guide
        if self.method.needs.agents is not None and named is None:
            raise UserError(
                f"{config.method} goes on from an offline agent: first `guided-rl run --method "
                f"{self.method.needs.agents} --dataset DATA --folder runs/offline`, then give --guide "
                f"offline:runs/offline/agents.npz; `guided-rl compare sac {config.method}` does both by itself"
            )
        self.guide = find_guide(named, self.env) if self.method.needs.guide else None
        self.own_guide = self.guide is not None and is_own(named)
        self.seeds, self.points = config.members()
        self.hparams = config.member_hparams(self.method)
        check_problem(self.method, self.setup, self.hparams)
        self.trainer = Trainer(self.env, self.method, self.setup, self.loop)
        self.offline = self._offline(offline)
        self.traces = expert_traces(self.env, self.guide, named, self.method.needs.traces)
        self.plan = make_plan(self)
        played = len(self.method.policies) * config.episodes
        refuse_too_many(self.env, -(-self.plan.width // self.plan.devices) * max(1, played))
        self.mesh = population_mesh(self.plan.devices)
        self.compile_seconds = 0.0
        self._programs: dict[tuple[str, int], Future[Callable]] = {}
        # Processes that share a program must compile in one order.
        self._compilers = ThreadPoolExecutor(cores() if jax.process_count() == 1 else 1)

    def _offline(self, given: np.ndarray | FindRows | None) -> np.ndarray | None:
        needs = self.method.needs
        if not needs.dataset:
            return None
        if given is None:
            raise UserError(f"method {self.method.name!r} learns from a dataset; give one, such as --dataset demos")
        layout = self.trainer.layout
        rows = given(self.env, layout, needs.observations_only) if callable(given) else given
        return rows if needs.prepare is None else needs.prepare(rows, layout)

    def advice(self) -> dict[str, str]:
        """What stands behind the names of guide, dataset, and the user's own task and method, by content."""
        found = {}
        if is_plugin(self.config.task) and has_task(self.env):
            found["task"] = task_hash(self.env)
        if is_plugin(self.config.method):
            found["method"] = self._method_hash()
        if self.guide is not None and self.own_guide:
            found["guide's function"] = guide_hash(self.guide, self.env.observation_size)
        if self.guide is not None:
            found["guide"] = self.guide.source or content_hash(np.asarray(ravel_pytree(self.guide.params)[0]))
        if self.offline is not None:
            found["dataset"] = content_hash(self.offline)
        return found

    def _method_hash(self) -> str:
        """Of what the method does in this run, from its first member's beginning to its evaluation."""
        population, inputs = self.one_member, self.inputs(np.zeros(1, int))
        agent = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), population.members.agent)
        hp, guide = jax.tree.map(lambda leaf: leaf[0], (inputs.hp, inputs.guide))
        obs, key = jnp.zeros(self.env.observation_size), jax.random.key(0)

        def play(agent: Agent) -> list[Any]:
            ctx = Context(hp, jnp.int32(0), guide, self.setup)
            return [policy(agent, obs, key, ctx) for policy in self.method.policies.values()]

        learn = functools.partial(self.trainer._chunk, steps=self.loop.block)
        begin = (self.trainer._init, (population.members.seed, inputs))
        return program_hash([begin, (learn, (population, inputs)), (play, (agent,))])

    def inputs(self, members: np.ndarray) -> Inputs:
        """What the chosen members read: hyper-parameters, their expert, shared data; a repeated one fills up."""
        hp = {name: jnp.asarray(values[members]) for name, values in self.hparams.items()}
        guide = self.guide
        if guide is not None:
            guide = jax.vmap(guide.of)(jnp.asarray(self.seeds[members]))
        offline = None if self.offline is None else jnp.asarray(self.offline)
        real = jnp.arange(len(members)) < len(np.unique(members))
        return Inputs(hp, guide, real, offline, self.traces)

    @functools.cached_property
    def one_member(self) -> Population:
        """Shapes and types of a population of one; nothing is allocated."""
        one = np.zeros(1, int)
        return jax.eval_shape(self.trainer._init, jax.ShapeDtypeStruct((1,), jnp.int32), self.inputs(one))

    @functools.cached_property
    def measured(self) -> Measured:
        """Names of what this run measures."""
        one, population = self.inputs(np.zeros(1, int)), self.one_member
        totals = jax.eval_shape(self.trainer.no_totals, population, one)
        acts = jax.eval_shape(self.trainer.policies, population, one)
        evaluated = dict.fromkeys(name for act in acts for name in outcomes.of_act(act.extras))
        return Measured(tuple(totals.metrics), tuple(totals.outcomes), (*population.members.outcomes, *evaluated))

    def empty_history(self, width: int) -> History:
        config = self.config
        return History.empty(config.evaluations, width, len(self.method.policies), config.episodes, self.measured)

    def execute(self, folder: str | Path | None, observers: Sequence[Observer], checkpoint_seconds: float) -> Result:
        with contextlib.ExitStack() as stack:
            if folder is not None:
                plan: dict[str, Any] = {"width": self.plan.width, "chunk": self.plan.chunk}
                plan |= {"engine": self.env.backend} if self.engine_rates else {}
                stack.enter_context(
                    held_by_lead(claim_folder(Path(folder), self.config.to_json(), self.advice(), plan))
                )
            clock = Clock(None) if folder is None else Clock(Path(folder), code())
            stop = stack.enter_context(stop_on_interrupt())
            waves: list[tuple[History, np.ndarray, Any]] = []
            for number, members in enumerate(self.plan.waves()):
                checkpoints = None if folder is None else Checkpoints(Path(folder) / f"wave_{number}")
                earlier = [history for history, *_ in waves]
                wave = Wave(self, members, checkpoints, observers, stop, checkpoint_seconds, clock, earlier)
                waves.append(wave.train())
        history = merge([w[0] for w in waves], self.plan.population)
        died_at = np.concatenate([w[1] for w in waves])[: self.plan.population]
        agents = jax.tree.map(lambda *xs: np.concatenate(xs)[: self.plan.population], *[w[2] for w in waves])
        steps = self.config.interval * np.arange(1, self.config.evaluations + 1)
        return Result(
            self.config,
            self.method,
            self.env,
            self.guide,
            self.seeds,
            self.points,
            tuple(self.method.policies),
            steps,
            history,
            died_at,
            agents,
            clock.seconds(),
            self.compile_seconds,
            self.plan,
            tuple(clock.codes),
        )

    def program(self, name: str, width: int, stop: Stop | None = None) -> Callable:
        """`init`, `chunk` or `evaluate` for `width` members, compiled at its first use, the wait counted apart."""
        with repair_cache():
            self.prepare(width, name)
            begun, compiled = time.monotonic(), self._programs[name, width]
            with contextlib.nullcontext() if stop is None or compiled.done() else stop.waiting():
                program = compiled.result()
        self.compile_seconds += time.monotonic() - begun
        return program

    def prepare(self, width: int, *names: str) -> None:
        """Let programs be compiled side by side, each while the next is traced; the longest first."""
        begun = time.monotonic()
        for name in names:
            if (name, width) not in self._programs:
                self._programs[name, width] = self._compilers.submit(self.lowered(name, width).compile)
        self.compile_seconds += time.monotonic() - begun

    def lowered(self, name: str, width: int, platforms: Sequence[str] | None = None) -> Any:
        """The program `name` for `width` members, before it is compiled; for other platforms than this one if named."""
        population = abstract_population(self, width)
        inputs = jax.eval_shape(lambda: self.inputs(np.zeros(width, int)))
        seeds, agents = population.members.seed, population.members.agent
        arguments, places = {
            "init": ((seeds, inputs), (SPLIT, INPUTS)),
            "chunk": ((population, inputs), (POPULATION, INPUTS)),
            "evaluate": ((seeds, agents, inputs, population.step), (SPLIT, SPLIT, INPUTS, SAME)),
        }[name]
        on_devices = lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)
        arguments = jax.tree.map(on_devices, arguments, shardings(self.mesh, places, arguments))
        with jax.default_matmul_precision(self.config.matmul_precision):
            return self._jitted(name).trace(*arguments).lower(lowering_platforms=platforms)

    def _jitted(self, name: str) -> Any:
        if name == "init":
            return self.trainer.init(self.mesh)
        if name == "chunk":
            return self.trainer.chunk(self.mesh, self.plan.chunk)
        return evaluator(self.env, self.method, self.setup, self.config.episodes, self.loop.execution, self.mesh)
