"""Launchers: what runs before what, what goes wrong, and a node of a Ray cluster that is lost midway."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.papers.pex import table
from benchmarks.runner import launchers
from benchmarks.runner.cells import Cell, Tuning, cells_of
from benchmarks.runner.launchers import LAUNCHERS, Resources, resources_of, submit
from benchmarks.runner.paths import CellPaths
from guided_rl.results import records
from guided_rl.results.records import TUNING_SEED
from guided_rl.runtime.errors import Interrupted, UserError
from guided_rl.training.checkpoint import Checkpoints, wait_for_owner
from tests.results.synthetic import make_record
from tests.training.small import small

ROOT = Path(__file__).parents[3]
LONG = {"steps": 12_000, "evaluations": 40}
GIB = 2**30


def place(folder: Path) -> CellPaths:
    return CellPaths("tiny", "quick", folder, checkpoint_seconds=0.0)


def cells(**settings) -> list[Cell]:
    return [Cell(small(method=method, **settings)) for method in ("sac", "td3")]


def leave(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")


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


# A Ray that runs every task at once, in this process


class RayError(Exception):
    pass


class RayTaskError(RayError):
    pass


@dataclasses.dataclass(eq=False)
class Reference:
    result: object


class RayAtOnce:
    """As much of Ray as the launcher asks for."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self):
        self.options = []

    def is_initialized(self):
        return True

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": 4, "memory": 9 * GIB}}, {"Alive": False, "Resources": {}}]

    def remote(self, **options):
        self.options.append(options)

        def run(function, arguments):
            values = [a.result if isinstance(a, Reference) else a for a in arguments]
            try:
                return Reference(next((v for v in values if isinstance(v, RayError)), None) or function(*values))
            except RayError as error:
                return Reference(error)

        return lambda function: SimpleNamespace(
            options=lambda name: SimpleNamespace(remote=lambda *arguments: run(function, arguments))
        )

    def wait(self, pending, timeout):
        return pending[:1], pending[1:]

    def get(self, reference):
        if isinstance(reference.result, RayError):
            raise reference.result
        return reference.result


@pytest.fixture
def ray(monkeypatch, tmp_path):
    """The Ray above, and cells that only note that they `ran`, or fail as `fails` says."""
    fake = RayAtOnce()
    fake.ran, fake.fails = [], {}

    def run_cell(place, cell, say):
        fake.ran.append(cell.name)
        if cell.name in fake.fails:
            raise fake.fails[cell.name]

    monkeypatch.setattr(launchers, "_ray", lambda: fake)
    monkeypatch.setattr(launchers, "run_cell", run_cell)
    monkeypatch.chdir(tmp_path)
    return fake


def test_a_task_asks_for_its_resources_and_retries_what_is_lost(ray, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    said = []
    LAUNCHERS["ray"](place(tmp_path), cells(), said.append)
    (options,) = ray.options
    assert options["num_cpus"] == 4 and options["num_gpus"] == 0 and options["memory"] == 8 * GIB
    assert options["max_retries"] > 0 and options["retry_exceptions"] == [Interrupted]
    variables = options["runtime_env"]["env_vars"]
    assert (variables["GUIDED_RL_THREADS"], variables["GUIDED_RL_MEMORY_GB"]) == ("4", "8.0")
    assert variables["WANDB_MODE"] == "offline" and "WANDB_API_KEY" not in variables
    assert said[0] == "Ray: 1 nodes; a cell takes 4 CPUs and 8 GiB"
    assert [line.split()[0] for line in said[1:]] == ["1/2", "2/2"]


def test_the_other_cells_go_on_and_one_sentence_names_what_failed(ray, tmp_path):
    offline, first, second, *_ = cells_of(table.TABLE, "smoke")
    sac, td3 = cells()
    ray.fails = {offline.name: UserError("the disk is full"), sac.name: RayError("the node died\nand more")}
    with pytest.raises(UserError) as refused:
        LAUNCHERS["ray"](place(tmp_path), [offline, first, second, sac, td3], print)
    assert ray.ran == [offline.name, sac.name, td3.name]
    waiting = f"({offline.name}, which it needs, failed)"
    assert str(refused.value) == (
        f"4 cells could not be finished: {offline.name} (the disk is full); "
        f"{first.name} {waiting}; {second.name} {waiting}; {sac.name} (its worker was lost: the node died)"
    )


def test_a_mistake_of_ours_shows_its_trace_after_the_other_cells(ray, tmp_path):
    sac, td3 = cells()
    ray.fails = {sac.name: RayTaskError("ZeroDivisionError")}
    with pytest.raises(RayTaskError, match="ZeroDivisionError"):
        LAUNCHERS["ray"](place(tmp_path), [sac, td3], print)
    assert ray.ran == [sac.name, td3.name]


def test_a_record_that_appeared_meanwhile_is_not_made_again(ray, tmp_path, monkeypatch):
    offline, online, *_ = cells_of(table.TABLE, "smoke")
    here = place(tmp_path)
    monkeypatch.setattr(launchers, "finished", lambda place, cell: True)
    LAUNCHERS["ray"](here, [online], print)
    assert ray.ran == [offline.name], "its record is there, but not its agents"
    leave(here.agents(offline))
    LAUNCHERS["ray"](here, [offline, online], print)
    assert ray.ran == [offline.name]


def test_a_record_of_other_settings_does_not_count(ray, tmp_path):
    cell, here = cells()[0], place(tmp_path)
    made = make_record(cell.config.method, config=small(evaluations=2).to_json())
    records.write(made, here.record(cell))
    LAUNCHERS["ray"](here, [cell], print)
    assert ray.ran == [cell.name]


def test_settings_that_cannot_run_are_refused_before_anything_starts(ray, tmp_path):
    wrong = Cell(small(hparams={"gamma": 2.0}))
    with pytest.raises(UserError, match="gamma"):
        LAUNCHERS["ray"](place(tmp_path), [*cells(), wrong], print)
    assert not ray.ran


def test_without_ray_one_sentence_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install -e '.\[ray\]'"):
        LAUNCHERS["ray"](place(tmp_path), cells(), print)


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


# Ray itself


def assert_same_records(one: CellPaths, other: CellPaths, cells: list[Cell]) -> None:
    """All that was measured, bit for bit; times and machines may differ."""
    for cell in cells:
        ours, theirs = one.record(cell), other.record(cell)
        for name in ("returns.parquet", "training.parquet"):
            assert (ours / name).read_bytes() == (theirs / name).read_bytes(), f"{name} of {cell.name}"
        facts = [json.loads((folder / "record.json").read_text()) for folder in (ours, theirs)]
        for found in facts:
            for name in ("wall_seconds", "compile_seconds", "provenance"):
                found.pop(name)
        assert facts[0] == facts[1]


def saved(place: CellPaths, cell: Cell) -> int:
    """Step of the cell's last checkpoint, 0 if there is none."""
    path = Checkpoints(place.run_folder(cell) / "wave_0").latest()
    return 0 if path is None else int(path.name.removeprefix("step_"))


def until(condition, seconds: float = 500.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.trains
def test_a_cell_run_by_ray_leaves_the_record_that_it_leaves_here(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    for name, value in {"RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled", "GUIDED_RL_THREADS": "2"}.items():
        monkeypatch.setenv(name, value)
    there, here = place(tmp_path / "ray"), place(tmp_path / "local")
    there.root.mkdir()
    given = cells()[:1]
    LAUNCHERS["ray"](there, given, print)
    LAUNCHERS["local"](here, given, print)
    assert_same_records(there, here, given)


@pytest.mark.slow
def test_a_node_that_is_lost_midway_costs_nothing_but_time(tmp_path, monkeypatch):
    """Two nodes, a cell on each; one is killed, and the other goes on from its checkpoint."""
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    from ray.cluster_utils import Cluster

    there, here = (CellPaths("tiny", "quick", tmp_path / name, checkpoint_seconds=0.0) for name in ("ray", "local"))
    there.root.mkdir()
    given = [*cells(**LONG), Cell(small(method="dai-sac", guide="nowhere.npz"))]
    node = {"num_cpus": 2, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        lost = cluster.add_node(**node)
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)

        def kill() -> None:
            until(lambda: all(saved(there, cell) >= LONG["steps"] // 4 for cell in given[:2]))
            cluster.remove_node(lost, allow_graceful=False)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(UserError, match=r"1 cells could not be finished: .*dai-sac \(.*nowhere.npz"):
            LAUNCHERS["ray"](there, given, print)
        killer.join()
        lines = [path.read_text() for path in Path(cluster.head_node.get_logs_dir_path()).glob("worker-*.out")]
    finally:
        cluster.shutdown()
    assert sum(text.count("going on from its checkpoint") for text in lines) == 1
    LAUNCHERS["local"](here, given[:2], print)
    assert_same_records(there, here, given[:2])
    assert not any(there.run_folder(cell).exists() for cell in given[:2])


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
