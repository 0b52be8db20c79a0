"""One compile per program, whatever the grid and the waves; a second process finds them in the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from guided_rl.training.run import Run
from tests.training.small import small

pytestmark = pytest.mark.trains

ROOT = Path(__file__).parents[2]
COMPILED = "/jax/core/compile/backend_compile_duration"
PROGRAMS = ["chunk", "evaluate", "init"]


def counted(run: Run, monkeypatch) -> list[str]:
    """Names of the programs that `run` compiles from here on."""
    names: list[str] = []
    jitted = run._jitted
    monkeypatch.setattr(run, "_jitted", lambda name: names.append(name) or jitted(name))
    return names


def test_a_grid_over_several_chunks_compiles_each_program_once(monkeypatch):
    run = Run(small(seeds=2, grid={"gamma": (0.9, 0.99)}))
    names, compiles = counted(run, monkeypatch), []
    listen = lambda event, seconds, **_: compiles.append(event) if event == COMPILED else None
    jax.monitoring.register_event_duration_secs_listener(listen)
    at_points = []
    try:
        run.execute(None, [lambda seen: at_points.append(len(compiles))], 0.0)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert sorted(names) == PROGRAMS
    assert len(at_points) == run.config.evaluations
    assert len(set(at_points)) == 1, "something compiled after the first evaluation"


def test_waves_share_their_programs(monkeypatch):
    monkeypatch.setenv("GUIDED_RL_MEMORY_GB", "1e-6")
    run = Run(small(seeds=3))
    names = counted(run, monkeypatch)
    run.execute(None, (), 0.0)
    assert len(run.plan.waves()) > 1
    assert sorted(names) == PROGRAMS


@pytest.mark.slow
def test_a_second_process_finds_every_program_in_the_cache(tmp_path):
    def programs() -> dict[str, list[str]]:
        environment = {**os.environ, "GUIDED_RL_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "tests.training.cached_run"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    first, second = programs(), programs()
    assert first["hits"] == []
    assert second["hits"] == ["jit__chunk", "jit__init", "jit_run"]
    assert second["returns"] == first["returns"]
