"""Cells on a Ray cluster: a stand-in for Ray, Ray itself, and what is lost and found again."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.papers.pex import table
from benchmarks.runner import launchers
from benchmarks.runner.cells import Cell, cells_of
from benchmarks.runner.launchers import LAUNCHERS
from benchmarks.runner.paths import CellPaths
from guided_rl.results import records
from guided_rl.runtime.errors import Interrupted, UserError
from tests.benchmarks.runner.launching import GIB, LONG, cells, leave, place, saved, until
from tests.results.synthetic import make_record
from tests.training.small import small

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
