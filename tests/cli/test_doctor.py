"""`doctor` always gives its whole list, and its exit status says whether anything is wrong."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from guided_rl.cli import doctor, main
from guided_rl.runtime.errors import UserError


def test_it_finds_this_machine(capsys):
    status = main(["doctor"])
    out = capsys.readouterr().out
    assert status == (2 if "wrong: " in out else 0)
    assert [line.split()[0] for line in out.split("\n\n")[0].splitlines()] == list(doctor.CHECKS)
    assert "native took a step" in out and "mjx was only traced" in out


@pytest.mark.parametrize("error", [UserError("the sky fell; mend it"), AssertionError(), OSError("the sky fell")])
def test_a_check_that_fails_is_shown_with_all_the_others(error, capsys, monkeypatch):
    def failing():
        raise error

    whole = {name: lambda: doctor.Finding("well") for name in doctor.CHECKS}
    monkeypatch.setattr(doctor, "CHECKS", {**whole, "disk": failing})
    assert main(["doctor"]) == 2
    out = capsys.readouterr().out
    assert out.count(" well\n") == len(whole) - 1
    (wrong,) = (line for line in out.splitlines() if line.startswith("wrong: "))
    assert str(error) in wrong and ("disk" in wrong or isinstance(error, UserError))


def test_one_cause_is_told_once_and_nothing_wrong_is_status_0(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", dict.fromkeys("ab", lambda: doctor.Finding("ill", "no device")))
    assert main(["doctor"]) == 2
    assert capsys.readouterr().out.count("wrong: no device") == 1
    monkeypatch.setattr(doctor, "CHECKS", {"a": lambda: doctor.Finding("well")})
    assert main(["doctor"]) == 0
    assert "nothing is wrong" in capsys.readouterr().out


def test_variables_that_nothing_can_run_with_are_findings():
    """In a process of its own, because JAX looks for its devices once per process."""
    code = "import sys; from guided_rl.cli import main; sys.exit(main(['doctor']))"
    bad = {"JAX_PLATFORMS": "cuda", "GUIDED_RL_THREADS": "abc", "GUIDED_RL_MEMORY_GB": "abc"}
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **bad}, capture_output=True, text=True)
    if "devices    cannot" not in done.stdout:
        pytest.skip("there is a CUDA device here")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    listed, wrong = done.stdout.split("\n\n")
    assert [line.split()[0] for line in listed.splitlines()] == list(doctor.CHECKS)
    assert all(name in wrong for name in bad)
