"""Ctrl-C and TERM end a command within seconds while nothing can be lost; a second one always does."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guided_rl.runtime.errors import Interrupted
from guided_rl.training.stopping import Stop

ROOT = Path(__file__).parents[2]
RUN = ["run", "--task", "InvertedPendulum-v5", "--steps", "40", "--evaluations", "1", "--hidden", "16", "--batch", "16"]
SECONDS = 9.0  # Docker kills after ten


def ended(what: str, folder: Path, *signals: signal.Signals) -> tuple[int, str]:
    """Exit status and stderr of a process that got these signals once it was busy; it must end soon."""
    command = [sys.executable, "-m", "tests.cli.slow_to_stop", what, *RUN, "--folder", str(folder)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test in a shell's background ignores it
    )
    try:
        line = process.stdout.readline().strip()
        assert line.startswith(("compiling", "computing")), process.stderr.read()  # two compilers may write at once
        for number in signals:
            time.sleep(0.3)
            process.send_signal(number)
        asked = time.monotonic()
        _, said = process.communicate(timeout=60)
        assert time.monotonic() - asked < SECONDS
        return process.returncode, said
    finally:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_ends_a_run_that_compiles(tmp_path, number):
    status, said = ended("compile", tmp_path / "run", number)
    assert status == 130 and "stopped" in said and "Traceback" not in said


def test_signals_end_a_command_within_a_library(tmp_path):
    assert ended("library", tmp_path, signal.SIGINT)[0] == 130
    assert ended("library", tmp_path, signal.SIGINT, signal.SIGINT)[0] == 130


def test_a_run_that_trains_ends_at_its_chunk_unless_it_waits_for_a_compiler():
    stop = Stop()
    stop.ask()
    assert stop.is_set()
    with pytest.raises(Interrupted), stop.waiting():
        raise AssertionError("it should not wait")
    with pytest.raises(KeyboardInterrupt):
        stop.ask()
