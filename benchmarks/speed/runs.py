"""Whole runs as their users start them: processes from nothing to a result, start-up and compilation included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.peers.environment import HERE, peer_variables, peers_python
from benchmarks.speed.parts import OURS, WARMUP, Competitor, Size
from guided_rl.results import records
from guided_rl.results.summaries import curves
from guided_rl.runtime.devices import cores
from guided_rl.runtime.errors import UserError

RUNS = "runs per hour"
EPISODES = 5


def finished(command: list[str], variables: dict[str, str]) -> str:
    """What the command printed."""
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise UserError(f"`{' '.join(command)}` failed: {last}")
    return done.stdout


def timed_run(run: Callable[[], float]) -> tuple[Callable[[], float], list[float]]:
    """`run` as a competitor's, in seconds; the returns that its learners reached are put in the list."""
    reached: list[float] = []

    def seconds() -> float:
        begin = time.perf_counter()
        reached.append(run())
        return time.perf_counter() - begin

    return seconds, reached


def ours(task: str, size: Size, updates: int, cache: str | None = None) -> tuple[Competitor, list[float]]:
    """One `guided-rl run` with all seeds; `cache` is the folder of compiled programs, a new one each time if None."""

    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            steps = WARMUP + updates
            words = ["run", "--task", task, "--method", "sac", "--seeds", size.members, "--steps", steps]
            words += ["--warmup", WARMUP / steps, "--hidden", size.width, size.width, "--batch", size.batch]
            words += ["--evaluations", 1, "--episodes", EPISODES, "--folder", Path(folder) / "run"]
            variables = {
                **os.environ,
                "GUIDED_RL_CACHE": cache or str(Path(folder) / "cache"),
                "WANDB_MODE": "disabled",
            }
            code = "import sys; from guided_rl.cli import main; sys.exit(main(sys.argv[1:]))"
            finished([sys.executable, "-c", code, *map(str, words)], variables)
            return float(curves(records.read(Path(folder) / "run" / "record")).values[:, -1].mean())

    seconds, reached = timed_run(run)
    return Competitor(OURS if cache is None else f"{OURS}, cached", seconds, 3600, RUNS), reached


def sbx(task: str, size: Size, updates: int) -> tuple[Competitor, list[float]]:
    """SBX, one process per seed, as many at once as there are cores."""

    def learn(seed: int) -> float:
        words = ["--algorithm", "sac", "--task", task, "--seed", seed, "--steps", WARMUP + updates, "--points", 1]
        words += ["--episodes", EPISODES, "--hidden", size.width, size.width, "--batch", size.batch]
        words += ["--warmup", WARMUP, "--equations", "published"]
        printed = finished([str(peers_python()), str(HERE / "sbx_run.py"), *map(str, words)], peer_variables())
        return float(np.mean(json.loads(printed)["returns"]))

    def run() -> float:
        with ThreadPoolExecutor(cores()) as pool:
            return float(np.mean(list(pool.map(learn, range(size.members)))))

    seconds, reached = timed_run(run)
    return Competitor("SBX", seconds, 3600, RUNS), reached
