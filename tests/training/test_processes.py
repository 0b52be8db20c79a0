"""Several devices and several processes: the same results as alone."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.small import SEEDS, assert_same, everything, learned, run, small

pytestmark = pytest.mark.trains

SCRIPT, ROOT = Path(__file__).with_name("one_of_several.py"), Path(__file__).parents[2]


def together(count: int, threads: int, *arguments: str) -> None:
    """Run the script in `count` processes with `threads` devices each, and wait for all."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    variables = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"} | {"PYTHONPATH": str(ROOT)}
    variables |= {"GUIDED_RL_THREADS": str(threads)}
    if count > 1:
        variables |= {"GUIDED_RL_PROCESSES": str(count), "JAX_COORDINATOR_ADDRESS": address}
    command = [sys.executable, str(SCRIPT), *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    running = [subprocess.Popen(command, env={**variables, "GUIDED_RL_PROCESS": str(i)}, **pipes) for i in range(count)]
    said = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0] * count, "\n".join(said)


@pytest.fixture(scope="module")
def alone():
    result = run(small(seeds=SEEDS))
    assert learned(result)
    return everything(result)


def test_eight_devices_give_what_these_give(alone, tmp_path):
    together(1, 8, str(tmp_path / "run"), "0", str(tmp_path / "out"))
    assert json.loads((tmp_path / "run" / "plan.json").read_text())["width"] == 16, "two rows for each of eight"
    assert_same(pickle.loads((tmp_path / "out").read_bytes()), alone)


@pytest.mark.slow
def test_two_processes_give_what_one_gives(alone, tmp_path):
    """Also stopped half-way by a request to one of them, and gone on with."""
    together(2, 1, str(tmp_path / "run"), "120", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert list((tmp_path / "run").glob("wave_*/step_120"))
    together(2, 1, str(tmp_path / "run"), "0", str(tmp_path / "out"))
    assert_same(pickle.loads((tmp_path / "out").read_bytes()), alone)
