"""A run that stops, however it stops, goes on and ends as an unbroken one; what was saved stays."""

from __future__ import annotations

import errno
import functools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from guided_rl.runtime.errors import Interrupted, UserError
from guided_rl.training.checkpoint import Checkpoints, Clock, claim_folder
from guided_rl.training.run import Result
from tests.training.killed_run import LONG
from tests.training.small import assert_same, everything, run, small

ROOT = Path(__file__).parents[2]
CONFIG = small()


@functools.cache
def unbroken() -> Result:
    return run(CONFIG)


def interrupt_at(point: int):
    """An observer that does what Ctrl-C does."""

    def observe(seen) -> None:
        if seen.point == point:
            os.kill(os.getpid(), signal.SIGINT)

    return observe


@pytest.mark.trains
def test_interrupted_twice_it_ends_like_an_unbroken_run(tmp_path):
    for point in (0, 2):
        with pytest.raises(Interrupted, match=f"step {60 * (point + 1)} of 240; run the same command"):
            run(CONFIG, folder=tmp_path, observers=[interrupt_at(point)])
    assert_same(everything(run(CONFIG, folder=tmp_path)), everything(unbroken()))


@pytest.mark.trains
def test_a_finished_run_is_not_trained_again(tmp_path):
    first, seen = run(CONFIG, folder=tmp_path), []
    again = run(CONFIG, folder=tmp_path, observers=[seen.append])
    assert not seen
    assert_same(everything(again), everything(first))


@pytest.mark.trains
def test_waves_resume_where_they_were(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_RL_MEMORY_GB", "1e-6")
    stops = iter([False, False, False, False, False, True])  # in the second wave's second point

    def observe(seen) -> None:
        if next(stops, False):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        run(CONFIG, folder=tmp_path, observers=[observe])
    assert_same(everything(run(CONFIG, folder=tmp_path)), everything(unbroken()))


@pytest.mark.trains
def test_another_configuration_is_refused_by_the_names_of_what_differs(tmp_path):
    with pytest.raises(Interrupted):
        run(CONFIG, folder=tmp_path, observers=[interrupt_at(0)])
    with pytest.raises(UserError, match=r"another configuration \(batch: 16 -> 32; hparams.gamma: None -> 0.9\)"):
        run(small(batch=32, hparams={"gamma": 0.9}), folder=tmp_path)
    assert_same(everything(run(CONFIG, folder=tmp_path)), everything(unbroken()))


def test_a_population_split_up_otherwise_is_refused_before_its_checkpoint_is_read(tmp_path):
    """As on a machine with other memory or other cores."""
    with claim_folder(tmp_path, CONFIG.to_json(), plan={"width": 4, "chunk": 60}):
        pass
    with (
        pytest.raises(UserError, match=r"split up otherwise \(width: 4 -> 2\)"),
        claim_folder(tmp_path, CONFIG.to_json(), plan={"width": 2, "chunk": 60}),
    ):
        pass


def test_the_clock_goes_on_where_it_stopped(tmp_path):
    first = Clock(tmp_path)
    first.before = 100.0
    first.keep()
    again = Clock(tmp_path)
    assert 100.0 <= again.seconds() < 110.0
    (tmp_path / "seconds.json").write_text("half a num")
    assert Clock(tmp_path).seconds() < 10.0


@pytest.mark.trains
def test_a_run_that_goes_on_under_other_code_says_who_took_part(tmp_path, monkeypatch):
    """Each that kept something, in order; reading what is finished is no part in it."""
    old, new, newest = ({"commit": name, "dirty": False, "versions": {"jax": name}} for name in "abc")
    under = lambda code: monkeypatch.setattr("guided_rl.training.run.code", lambda: code)
    under(old)
    for point in (0, 1):
        with pytest.raises(Interrupted):
            run(CONFIG, folder=tmp_path, observers=[interrupt_at(point)])
    under(new)
    assert run(CONFIG, folder=tmp_path).codes == (old, new)
    under(newest)
    assert run(CONFIG, folder=tmp_path).codes == (old, new)
    assert unbroken().codes == ()


@pytest.mark.trains
def test_two_processes_on_one_folder_are_refused(tmp_path):
    with claim_folder(tmp_path, CONFIG.to_json()), pytest.raises(UserError, match="another process is running in"):
        run(CONFIG, folder=tmp_path)


@pytest.mark.trains
def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to the run folder .*choose another folder"):
        run(CONFIG, folder=tmp_path / "file" / "run")


@pytest.mark.trains
def test_an_altered_configuration_file_is_one_sentence(tmp_path):
    (tmp_path / "config.json").write_text('{"task": ')
    with pytest.raises(UserError, match=r"config.json was altered"):
        run(CONFIG, folder=tmp_path)


@pytest.mark.trains
def test_a_full_disk_stops_the_run_and_keeps_the_older_checkpoint(tmp_path, monkeypatch):
    save, calls = Checkpoints.save, []

    def full(self, step, tree):
        def refuse(path, *_, **__):
            (path.with_name(f"{path.name}.orbax-checkpoint-tmp-0") / "half").mkdir(parents=True)
            raise OSError(errno.ENOSPC, "No space left on device")

        calls.append(step)
        if len(calls) == 2:
            monkeypatch.setattr(self._orbax, "save", refuse)
        save(self, step, tree)

    monkeypatch.setattr(Checkpoints, "save", full)
    with pytest.raises(UserError, match=r"saving a checkpoint in .* failed .*No space left.*free some space"):
        run(CONFIG, folder=tmp_path)
    monkeypatch.undo()
    assert Checkpoints(tmp_path / "wave_0").latest().name == "step_60"
    assert_same(everything(run(CONFIG, folder=tmp_path)), everything(unbroken()))


@pytest.mark.trains
def test_a_damaged_checkpoint_is_one_sentence(tmp_path):
    with pytest.raises(Interrupted):
        run(CONFIG, folder=tmp_path, observers=[interrupt_at(0)])
    for path in (tmp_path / "wave_0" / "step_60").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"checkpoint .* cannot be read .*remove it to start afresh"):
        run(CONFIG, folder=tmp_path)


@pytest.mark.trains
def test_histories_travel_with_checkpoints(tmp_path):
    with pytest.raises(Interrupted):
        run(CONFIG, folder=tmp_path, observers=[interrupt_at(1)])
    seen = []
    run(CONFIG, folder=tmp_path, observers=[lambda s: seen.append((s.point, s.history.evaluation["length"].copy()))])
    assert [point for point, _ in seen] == [2, 3]
    np.testing.assert_array_equal(seen[0][1][:2, :3], unbroken().history.evaluation["length"][:2])


@pytest.mark.trains
def test_killed_once_it_ends_like_an_unbroken_run(tmp_path):
    command = [sys.executable, "-m", "tests.training.killed_run", str(tmp_path), "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert Checkpoints(tmp_path / "wave_0").latest().name == "step_120"
    seen = []
    again = run(CONFIG, folder=tmp_path, observers=[lambda progress: seen.append(progress.point)])
    assert seen == [2, 3]
    assert_same(everything(again), everything(unbroken()))


@pytest.mark.trains
@pytest.mark.slow
def test_killed_five_times_at_random_moments_it_ends_like_an_unbroken_run(tmp_path):
    config = small(**LONG)
    command = [sys.executable, "-m", "tests.training.killed_run", str(tmp_path)]
    moments = random.Random(7)
    for _ in range(5):
        before = Checkpoints(tmp_path / "wave_0").latest()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while Checkpoints(tmp_path / "wave_0").latest() == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 1.0))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert_same(everything(run(config, folder=tmp_path)), everything(run(config)))
