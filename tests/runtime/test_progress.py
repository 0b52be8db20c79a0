"""ProgressBar: a bar for a person, sparse lines for a log."""

from __future__ import annotations

import io

import pytest

from guided_rl.runtime.progress import ProgressBar, duration


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_few_lines_with_speed_and_time_left():
    clock, log = Clock(), io.StringIO()
    with ProgressBar("sac", total=1000, members=4, stream=log, clock=clock) as progress:
        for step in range(0, 1001, 10):
            clock.now += 1.0
            progress.update(step, {"policy": 12.34, "switched": -5.0})
    lines = log.getvalue().splitlines()
    assert 4 <= len(lines) <= 12
    assert lines[0] == "sac: 1,000 steps × 4 members, compiling"
    # Ten steps of four members each second, whatever compiling took.
    assert "40 steps/s" in lines[-1]
    assert "return 12.3, switched -5.0" in lines[-1]
    assert "left" in lines[2]
    assert lines[-1].startswith("sac: 100%")


def test_a_resumed_run_counts_only_its_own_steps():
    clock, log = Clock(), io.StringIO()
    with ProgressBar("sac", total=1000, start=500, stream=log, clock=clock) as progress:
        for step in (500, 600, 1000):
            clock.now += 50.0
            progress.update(step)
    assert "5 steps/s" in log.getvalue().splitlines()[-1]


def test_a_person_sees_a_bar_and_sentences_stay_whole():
    screen = Terminal()
    with ProgressBar("dai-sac on HalfCheetah-v5", total=100, stream=screen) as progress:
        progress.update(0)
        progress.say("W&B is [offline]")
        progress.update(100, {"policy": 1.0})
    assert "100/100" in screen.getvalue()
    assert "W&B is [offline]" in screen.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_read_as_spoken(seconds, text):
    assert duration(seconds) == text
