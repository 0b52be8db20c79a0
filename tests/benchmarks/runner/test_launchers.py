"""Launchers: what runs before what, what a cell is given, and what goes wrong on this machine."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from benchmarks.papers.pex import table
from benchmarks.runner.cells import Cell, Tuning, cells_of
from benchmarks.runner.launchers import Resources, resources_of, submit
from benchmarks.runner.paths import CellPaths
from guided_rl.results.records import TUNING_SEED
from guided_rl.runtime.errors import UserError
from guided_rl.training.checkpoint import wait_for_owner
from tests.benchmarks.runner.launching import GIB, ROOT, cells, leave, place, saved, until
from tests.training.small import small

# What runs before what


def order(place: CellPaths, cells: list[Cell]) -> list[tuple[str, str | None, bool]]:
    """Name, what it waits for, and whether others wait for it, as started."""
    started = []

    def start(cell, before, needed):
        started.append((cell.name, before, needed))
        return cell.name

    submit(place, cells, start)
    return started


def test_what_several_cells_need_is_started_once_and_before_them(tmp_path):
    found = cells_of(table.TABLE, "smoke")
    offline, *online = found[:3]
    for given in (found[:3], [*online, offline], online):  # in the table, behind its dependants, with a record
        assert order(place(tmp_path), given) == [
            (offline.name, None, True),
            *((cell.name, offline.name, False) for cell in online),
        ]


def test_agents_that_are_there_are_not_waited_for(tmp_path):
    _, *online = cells_of(table.TABLE, "smoke")[:3]
    leave(place(tmp_path).agents(online[0].needs))
    assert order(place(tmp_path), online) == [(cell.name, None, False) for cell in online]


def test_what_chooses_a_cells_settings_is_started_once_and_before_it(tmp_path):
    sweep = Cell(small(first_seed=TUNING_SEED, grid={"gamma": (0.9, 0.99)}), "gamma sweep")
    tuned = [Cell(small(method=method), "chosen", tuning=Tuning(sweep)) for method in ("sac", "td3")]
    started = [(sweep.name, None, False), *((cell.name, sweep.name, False) for cell in tuned)]
    assert order(place(tmp_path), tuned) == order(place(tmp_path), [*tuned, sweep]) == started


# What a cell takes


def test_a_cell_takes_all_cpus_of_the_smallest_node_that_has_two():
    nodes = [{"CPU": 8, "memory": 30 * GIB}, {"CPU": 4, "memory": 17 * GIB}, {"CPU": 1, "memory": GIB}, {}]
    assert resources_of(nodes) == Resources(4, 0, 8 * GIB)
    assert resources_of(nodes, cpus=2) == Resources(2, 0, 4 * GIB)
    assert resources_of(nodes[2:]) == Resources(1, 0, GIB)


def test_a_cell_takes_one_gpu_where_there_are_any():
    nodes = [{"CPU": 8, "GPU": 4, "memory": 64 * GIB}, {"CPU": 64, "memory": 64 * GIB}]
    assert resources_of(nodes) == Resources(2, 1, 16 * GIB)


def test_more_than_any_node_has_is_one_sentence():
    with pytest.raises(UserError, match=r"16 CPUs.*GUIDED_RL_THREADS"):
        resources_of([{"CPU": 8, "memory": GIB}], cpus=16)
    with pytest.raises(UserError, match=r"64.0 GiB.*GUIDED_RL_MEMORY_GB"):
        resources_of([{"CPU": 8, "memory": GIB}], memory=64 * GIB)
    with pytest.raises(UserError, match="no node"):
        resources_of([{}])


def test_a_dead_workers_lock_is_waited_for(tmp_path):
    wait_for_owner(tmp_path / "nowhere", 10.0)
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        begun = time.monotonic()
        wait_for_owner(tmp_path, 0.5)
        assert time.monotonic() - begun >= 0.5
        threading.Timer(0.3, lambda: fcntl.flock(held, fcntl.LOCK_UN)).start()
        wait_for_owner(tmp_path, 60.0)
        assert time.monotonic() - begun < 30.0


STOPPED = """
import sys
from pathlib import Path
from benchmarks.runner import launchers
from guided_rl import cli
from tests.benchmarks.runner import test_launchers as tests

class Command:
    def execute(self):
        launchers.LAUNCHERS["ray"](tests.place(Path(sys.argv[1])), tests.cells(**tests.LONG), print)

cli._parse = lambda arguments: Command()
sys.exit(cli.main())
"""


@pytest.mark.slow
def test_ctrl_c_keeps_checkpoints_and_the_same_command_goes_on(tmp_path):
    """Sent to the whole process group, as a terminal does."""
    pytest.importorskip("ray")
    (here := place(tmp_path / "here")).root.mkdir()
    alone = {"RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled"}
    environment = {**os.environ, **alone, "PYTHONPATH": str(ROOT), "GUIDED_RL_THREADS": "2"}
    start = lambda: subprocess.Popen(
        [sys.executable, "-c", STOPPED, str(here.root)],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    process = start()
    until(lambda: any(saved(here, cell) for cell in cells()))
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=500)
    assert process.returncode == 130, said
    assert "run the same command to go on" in said
    assert any(saved(here, cell) for cell in cells())
    again = start()
    said, _ = again.communicate(timeout=500)
    assert again.returncode == 0, said
    assert said.count("going on from its checkpoint") == 1
