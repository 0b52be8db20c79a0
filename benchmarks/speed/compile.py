"""How long the programs of a table take to compile, and to be found in the cache: one process each.

    python -m benchmarks.speed.compile dai    # seconds of each program, as JSON

One cell of every method stands for those that differ in task, seeds or settings. Left out are cells
that start from another's agents, and those that need what is not there, such as an untrained expert.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time

from benchmarks.runner.tables import find_table
from benchmarks.speed.runs import finished
from guided_rl import api
from guided_rl.runtime.errors import UserError

TABLES = ("dai", "sac-eo", "pag", "pex")
PROGRAMS = ("init", "chunk", "evaluate")
MOST = {"cached": 5.0, "cold": 60.0}


def seconds_by_program(table: str, preset: str) -> dict[str, float]:
    """Seconds to trace and compile, or load, each program of the first cell of every method that can run."""
    seconds: dict[str, float] = {}
    for cell in find_table(table).cells(preset):
        name = cell.config.method
        if cell.needs or f"{name} {PROGRAMS[0]}" in seconds:
            continue
        try:
            run = api.make_run(cell.config)
        except UserError:
            continue
        for program in PROGRAMS:
            begin = time.perf_counter()
            run.program(program, run.plan.width)
            seconds[f"{name} {program}"] = round(time.perf_counter() - begin, 3)
        if preset == "smoke":
            break
    return seconds


def measure(table: str, preset: str) -> dict[str, dict[str, float]]:
    """Seconds of every program of a table with a full cache, and with an empty one."""
    with tempfile.TemporaryDirectory() as cache:
        variables = {**os.environ, "GUIDED_RL_CACHE": cache}
        command = [sys.executable, "-m", "benchmarks.speed.compile", table, preset]
        cold, cached = (json.loads(finished(command, variables).splitlines()[-1]) for _ in range(2))
    return {"cached": cached, "cold": cold}


if __name__ == "__main__":
    print(json.dumps(seconds_by_program(sys.argv[1], (sys.argv[2:] or ["cpu"])[0])))
