"""A campaign of kills: `python -m benchmarks.torture`, or `make torture`. Killed work must end as unbroken work does.

Each round starts a job in a process of its own, sends SIGKILL after a random part of the time that the job takes
unbroken, and starts it again in the same folder, until so many kills are done. Then the job may end. Its result must be
that of an unbroken one to the bit, and no half-written file may lie about.

| job | does | is the same by |
|---|---|---|
| `run` | trains two seeds, saving after every chunk, and keeps a record | returns and training metrics |
| `compare` | trains two methods beside each other and judges them | every episode |
| `dataset` | collects rows into a file | the rows |
| `report` | computes a paper's tables and figures from records | every file |
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from benchmarks import ROOT
from guided_rl.results.provenance import provenance
from guided_rl.runtime.errors import UserError, exit_on_user_error, unknown_name
from guided_rl.runtime.files import replace_file

TASK = {"task": "InvertedPendulum-v5", "seeds": 2, "steps": 400, "evaluations": 8, "episodes": 1}
NETWORK = {"hidden": (16, 16), "batch": 16}
PAPER = "robust"


@dataclass(frozen=True)
class Torture:
    """Kill work at random and see that it ends as if it had not been.

    Attributes:
      kills: of each job. jobs: any of run, compare, dataset, report; all of them if none is given.
      seed: of the moments. out: folder of the work and of `torture.json`.
    """

    kills: int = 25
    jobs: list[str] = field(default_factory=lambda: list(JOBS))
    seed: int = 0
    out: Path = ROOT / "runs" / "torture"


def job_run(folder: Path) -> dict[str, str]:
    """Train, and keep a record; its data by their checksums."""
    from guided_rl import api
    from guided_rl.config import RunConfig
    from guided_rl.results import collect, records

    result = api.train(RunConfig(method="sac", **TASK, **NETWORK), folder=folder / "run", checkpoint_seconds=0.0)
    records.write(collect.from_result(result, "torture", "smoke", "run", ()), folder / "record")
    return json.loads((folder / "record" / "record.json").read_text())["files"]


def job_compare(folder: Path) -> dict[str, str]:
    """Train and judge two methods; every episode."""
    from guided_rl import compare
    from guided_rl.config import RunConfig

    compare(["sac", "td3"], RunConfig(**TASK, **NETWORK), folder=folder / "compare")
    return {"episodes": _digest(folder / "compare" / "episodes.csv")}


def job_dataset(folder: Path) -> dict[str, str]:
    """Collect rows into a file of the cache that `start` gave it; what they hold."""
    from guided_rl import envs
    from guided_rl.data.replay import Layout
    from guided_rl.datasets.lookup import find_dataset
    from guided_rl.runtime.hashing import content_hash

    env = envs.make("Hopper-v5")
    rows = find_dataset("random:2000", env, Layout.of(env.observation_size, env.action_space.width))
    return {"rows": content_hash(rows)}


def job_report(folder: Path) -> dict[str, str]:
    """Compute a paper's report from its committed records; every file of it."""
    from benchmarks.runner.tables import build_report

    records = folder / "results" / PAPER
    if not records.exists():
        part = folder / "part"
        shutil.rmtree(part, ignore_errors=True)
        kept = shutil.ignore_patterns("report")
        shutil.copytree(ROOT / "results" / PAPER, part, ignore=kept)
        records.parent.mkdir(exist_ok=True)
        part.rename(records)
    build_report(PAPER, "cpu", folder)
    made = sorted(path for path in records.rglob("report/*") if path.is_file())
    return {str(path.relative_to(folder)): _digest(path) for path in made}


JOBS: dict[str, Callable[[Path], dict[str, str]]] = {
    "run": job_run,
    "compare": job_compare,
    "dataset": job_dataset,
    "report": job_report,
}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def start(job: str, folder: Path) -> subprocess.Popen:
    """A job in a process of its own, with a cache of its own, so that nothing is there before."""
    folder.mkdir(parents=True, exist_ok=True)
    cache = {"GUIDED_RL_CACHE": str(folder / "cache"), "WANDB_MODE": "disabled", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "benchmarks.torture", "child", job, str(folder)]
    log = (folder / "log").open("a")
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **cache}, stdout=log, stderr=log)


def finished(job: str, folder: Path) -> dict[str, str]:
    """Let the job end; its result.

    Raises:
      UserError: it did not end well.
    """
    process = start(job, folder)
    if process.wait() != 0:
        raise UserError(f"the job {job} ended with {process.returncode} in {folder}; see its log")
    return json.loads((folder / "result.json").read_text())


def tortured(job: str, folder: Path, kills: int, seconds: float, moments: random.Random) -> tuple[dict[str, str], int]:
    """The result of a job that was killed so often, and how many kills met it alive."""
    met = 0
    for _ in range(kills):
        process = start(job, folder)
        try:
            process.wait(timeout=moments.uniform(0.0, seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            met += 1
        if process.returncode not in (0, -signal.SIGKILL):
            raise UserError(f"the job {job} ended with {process.returncode} in {folder}; see its log")
        if (folder / "result.json").exists():  # it came to its end: the next kill meets it from the beginning
            shutil.rmtree(folder)
    return finished(job, folder), met


def half_written(folder: Path) -> list[str]:
    """Files and folders that were left on the way into place, under the names of `runtime.files` and Orbax."""
    ways = (".part", ".previous", ".orbax-checkpoint-tmp")
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name.endswith(ways))


def main(options: Torture) -> None:
    """Torture every job, and write what came of it.

    Raises:
      UserError: an unknown job; or one ended otherwise than unbroken, which says how.
    """
    for job in options.jobs:
        if job not in JOBS:
            raise unknown_name("job", job, JOBS)
    if options.kills < 1:
        raise UserError(f"--kills is {options.kills}; give at least 1")
    found, wrong = {}, []
    for job in options.jobs:
        home = options.out / job
        shutil.rmtree(home, ignore_errors=True)
        begun = time.monotonic()
        unbroken = finished(job, home / "unbroken")
        seconds = time.monotonic() - begun
        result, met = tortured(job, home / "killed", options.kills, seconds, random.Random(options.seed))
        left = half_written(home / "killed")
        found[job] = {"kills": met, "seconds": round(seconds, 1), "identical": result == unbroken, "left": left}
        wrong += [job] if left or result != unbroken else []
        print(
            f"{job}: {met} kills of {seconds:.0f} s, {'identical' if result == unbroken else 'DIFFERENT'}", flush=True
        )
        text = json.dumps({"jobs": found, "provenance": provenance()}, indent=1) + "\n"
        replace_file(options.out / "torture.json", text.encode())
    if wrong:
        raise UserError(f"{', '.join(wrong)} did not end as unbroken work does; see {options.out / 'torture.json'}")


def child(arguments: Sequence[str]) -> None:
    """Do a job, and write its result last."""
    job, folder = arguments
    result = JOBS[job](Path(folder))
    replace_file(Path(folder) / "result.json", json.dumps(result, sort_keys=True).encode())


if __name__ == "__main__":
    with exit_on_user_error():
        if sys.argv[1:2] == ["child"]:
            child(sys.argv[2:])
        else:
            main(tyro.cli(Torture))
