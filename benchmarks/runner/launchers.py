"""Who runs a table's missing cells: this process one by one, or a Ray cluster as many as fit at once.

A launcher is `(place, cells, say)`, and returns when every cell has its record.

On Ray a cell is a task, and what it needs is a task whose result it waits for. Every node sees
this checkout at the same path, on a file system that all share: that is where a task that is
retried, because its worker or node was lost, finds the checkpoints to go on from, and where
records and offline agents appear. Workers run its .venv; nothing but configurations is sent.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from benchmarks.runner.cells import Cell
from benchmarks.runner.paths import ROOT, CellPaths, finished
from benchmarks.runner.running import run_cell
from guided_rl import methods
from guided_rl.config import check
from guided_rl.runtime import env_vars
from guided_rl.runtime.errors import Interrupted, UserError
from guided_rl.training.checkpoint import wait_for_owner
from guided_rl.training.waves import stop_on_interrupt

Say = Callable[[str], None]
Launcher = Callable[[CellPaths, Sequence[Cell], Say], None]

RETRIES = 5  # of a cell whose worker or node was lost
LOCK_SECONDS = 120.0  # NFS gives a dead client's locks free after 90
LEAST_THREADS = 2  # fewer devices than two round otherwise, see `guided_rl.training.plan`
PASSED_ON = (
    "GUIDED_RL_CACHE",
    "GUIDED_RL_EXPERTS",
    "JAX_PLATFORMS",
    "MUJOCO_GL",
    "WANDB_DISABLED",
    "WANDB_MODE",
    "WANDB_PROJECT",
    "XLA_FLAGS",
)


def on_this_machine(place: CellPaths, cells: Sequence[Cell], say: Say) -> None:
    """One cell after another, in this process."""
    for number, cell in enumerate(cells, 1):
        run_cell(place, cell, say, f"{number}/{len(cells)} ")


def on_ray(place: CellPaths, cells: Sequence[Cell], say: Say) -> None:
    """As tasks of the Ray cluster that `$RAY_ADDRESS` names or that runs here, else of one started here.

    Raises:
      UserError: Ray is missing, no node can run a cell, or cells failed; the others have their records.
      Interrupted: stopped on request; every cell's last checkpoint stays.
    """
    if not cells:
        return
    for cell in cells:
        check(cell.config, methods.build(cell.config.method, cell.config.options))
    ray = _ray()
    with _cluster(ray), stop_on_interrupt() as stop:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        share = resources_of(nodes, env_vars.threads(), env_vars.memory())
        say(f"Ray: {len(nodes)} nodes; {share}")
        task = ray.remote(
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            memory=share.memory,
            max_retries=RETRIES,
            retry_exceptions=[Interrupted],  # a node that is taken away asks its workers to stop
            max_calls=1,  # a process for every cell, whose memory goes with it
            runtime_env={"py_executable": sys.executable, "env_vars": _environment(share)},
        )(_work)
        start = lambda cell, before, needed: task.options(name=cell.name).remote(place, cell, before, needed)
        failed = _follow(ray, submit(place, cells, start), stop, say)
    if failed:
        reasons = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
        raise UserError(f"{len(failed)} cells could not be finished: {reasons}")


LAUNCHERS: dict[str, Launcher] = {"local": on_this_machine, "ray": on_ray}


@dataclass(frozen=True)
class Resources:
    """What a cell takes of a node; memory in bytes."""

    cpus: int
    gpus: int
    memory: int

    def __str__(self) -> str:
        gpus = f"{self.gpus} GPU, " if self.gpus else ""
        return f"a cell takes {gpus}{self.cpus} CPUs and {self.memory / 2**30:g} GiB"


def resources_of(nodes: Sequence[Mapping[str, float]], cpus: int = 0, memory: int = 0) -> Resources:
    """A GPU where there are any, else all CPUs of the smallest node that has two; memory in proportion.

    The same for every node, so that a lost cell's checkpoint fits wherever it goes on. Memory is a power
    of two, because Ray counts what happens to be free, and a population is split up by it.

    Args:
      nodes: resources of each. cpus, memory: what the user asks for instead.

    Raises:
      UserError: no node has as much.
    """
    at_least = lambda name, least: [node for node in nodes if node.get(name, 0) >= least]
    able = at_least("GPU", 1) or at_least("CPU", max(cpus, LEAST_THREADS)) or at_least("CPU", 1)
    gpus = int(bool(able) and able[0].get("GPU", 0) >= 1)
    if not cpus and able:
        cpus = max(1, min(int(node.get("CPU", 0) // (node["GPU"] if gpus else 1)) for node in able))
    able = [node for node in able if node.get("CPU", 0) >= cpus]
    if not memory and able:
        least = min(node.get("memory", 0) * cpus / node["CPU"] for node in able)
        memory = 2 ** int(math.log2(least)) if least >= 1 else 0
    if not any(node.get("memory", 0) >= memory for node in able):
        raise UserError(
            f"no node of the Ray cluster has what a cell takes ({cpus or 1} CPUs{' and 1 GPU' if gpus else ''}, "
            f"{memory / 2**30:.1f} GiB); add one, or ask for less with GUIDED_RL_THREADS and GUIDED_RL_MEMORY_GB"
        )
    return Resources(cpus, gpus, memory)


def submit(place: CellPaths, cells: Sequence[Cell], start: Callable[[Cell, Any, bool], Any]) -> dict[str, Any]:
    """Start every cell, and before them, once, what they need and is missing.

    Args:
      start: `(cell, before, needed) -> reference`; `before` is the reference of what the cell waits for, if
        anything; `needed` says that others wait for this cell's agents.

    Returns:
      References by cell name, in the order in which they were started.
    """
    names = {cell.name for cell in cells}
    needed = {cell.needs.name for cell in cells if cell.needs is not None}
    started: dict[str, Any] = {}

    def begin(cell: Cell) -> None:
        if cell.name in started:
            return
        before = _waits_for(place, cell)
        if before is not None and (before is not cell.needs or before.name in names or _no_agents(place, before)):
            begin(before)
        reference = None if before is None else started.get(before.name)
        started[cell.name] = start(cell, reference, cell.name in needed)

    for cell in cells:
        begin(cell)
    return started


def _waits_for(place: CellPaths, cell: Cell) -> Cell | None:
    """The sweep that is to choose a cell's settings and has no record, which needs what the cell does; else that."""
    if cell.tuning is not None and not finished(place, cell.tuning.cell):
        return cell.tuning.cell
    return cell.needs


def _no_agents(place: CellPaths, cell: Cell) -> bool:
    return not place.agents(cell).exists()


def _work(place: CellPaths, cell: Cell, before: str | None, needed: bool) -> str | None:
    """One cell in a worker; what a user can mend comes back as a sentence, and is not retried.

    Args:
      before: what went wrong with the cell that this one needs. needed: other cells need its agents.
    """
    if before is not None:
        return f"{_waits_for(place, cell).name}, which it needs, failed"
    os.chdir(place.root)
    try:
        if finished(place, cell) and (not needed or place.agents(cell).exists()):
            return None
        wait_for_owner(place.run_folder(cell), LOCK_SECONDS)
        run_cell(place, cell, lambda sentence: print(sentence, flush=True))
    except UserError as error:
        return str(error)
    return None


def _follow(ray: ModuleType, started: Mapping[str, Any], stop: Any, say: Say) -> dict[str, str]:
    """Wait for every task, or until the user stops them; what went wrong, by cell name."""
    names = {reference: name for name, reference in started.items()}
    failed, broken = {}, None
    pending = list(names)
    while pending and not stop.is_set():
        ended, pending = ray.wait(pending, timeout=1.0)
        for reference in ended:
            name = names[reference]
            try:
                reason = ray.get(reference)
            except ray.exceptions.RayTaskError as error:  # a mistake of ours: the other cells first, then its trace
                broken, reason = error, "an error that is shown below"
            except ray.exceptions.RayError as error:
                reason = f"its worker was lost: {(str(error).splitlines() or [type(error).__name__])[0]}"
            if reason is not None:
                failed[name] = reason
            say(f"{len(started) - len(pending)}/{len(started)} {name}: {reason or 'done'}")
    if pending:
        _stop(ray, pending, say)
    if broken is not None:
        raise broken
    return failed


def _stop(ray: ModuleType, pending: Sequence[Any], say: Say) -> None:
    """Ask the tasks to save and stop, and wait until they have."""
    say("stopping: every running cell saves its state; Ctrl-C again does not wait for it")
    for reference in pending:
        ray.cancel(reference)
    while pending:
        _, pending = ray.wait(pending, timeout=1.0)
    raise Interrupted("stopped; run the same command to go on")


def _ray() -> ModuleType:
    """Ray, quiet: nothing is reported to its makers, and no two workers' lines are merged."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    os.environ.setdefault("RAY_COLOR_PREFIX", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise UserError("launcher ray needs Ray; install it with .venv/bin/pip install -e '.[ray]'") from error
    return ray


@contextlib.contextmanager
def _cluster(ray: ModuleType) -> Iterator[None]:
    """Connected to a cluster; left again, unless the caller was connected before."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(logging_level="error")
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = os.environ.get("RAY_ADDRESS", "this machine")
        raise UserError(
            f"no Ray cluster could be reached or started at {where} ({str(error).splitlines()[0]}); start one with "
            ".venv/bin/ray start --head, or unset RAY_ADDRESS"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _environment(share: Resources) -> dict[str, str]:
    """What a worker's process has in its environment before JAX starts."""
    return {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        **({"GUIDED_RL_MEMORY_GB": str(share.memory / 2**30)} if share.memory else {}),
        "GUIDED_RL_THREADS": str(max(share.cpus, LEAST_THREADS)),
        "PYTHONPATH": str(ROOT),
    }
