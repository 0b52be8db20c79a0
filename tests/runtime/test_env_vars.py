"""Environment variables of JAX and of the system: they work, or one sentence names them and the command ends with 2."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from guided_rl.runtime import env_vars
from guided_rl.runtime.errors import UserError
from guided_rl.training.checkpoint import claim_folder, wait_for_owner


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from guided_rl.cli import main; sys.exit(main())"
    whole = {**os.environ, **environment}
    process = [sys.executable, "-c", code, *arguments]
    return subprocess.run(process, env=whole, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("jax_enable_x64", True),
        ("jax_disable_jit", True),
        ("jax_numpy_rank_promotion", "raise"),
        ("jax_numpy_dtype_promotion", "strict"),
        ("jax_transfer_guard", "disallow"),
        ("jax_transfer_guard_host_to_device", "disallow_explicit"),
        ("jax_threefry_partitionable", False),
    ],
)
def test_settings_of_jax_that_break_runs_are_named(setting, value):
    before = getattr(jax.config, setting)
    directions = [f"jax_transfer_guard_{way}" for way in ("host_to_device", "device_to_device", "device_to_host")]
    try:
        jax.config.update(setting, value)
        with pytest.raises(UserError, match=f"{setting.upper()} is") as caught:
            env_vars.check_jax()
        assert "\n" not in str(caught.value)
    finally:
        jax.config.update(setting, before)
        if setting == "jax_transfer_guard":
            for name in directions:
                jax.config.update(name, before)
    env_vars.check_jax()


@pytest.mark.parametrize(
    ("name", "value"), [("JAX_ENABLE_X64", "1"), ("JAX_DISABLE_JIT", "1"), ("JAX_ENABLE_X64", "many")]
)
def test_a_command_says_so_in_one_sentence(name, value):
    done = command("evaluate", "InvertedPendulum-v5", "random", **{name: value})
    assert done.returncode == 2 and name in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_user_without_a_home_has_a_cache_all_the_same(monkeypatch):
    monkeypatch.delenv("GUIDED_RL_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert env_vars.home_cache().name.startswith("guided-rl-")


def test_where_nothing_can_be_locked_a_run_goes_on_and_says_so(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with claim_folder(tmp_path / "run", {"task": "t"}):
        assert "cannot be locked (No locks available)" in capsys.readouterr().err
    wait_for_owner(tmp_path / "run", 60.0)


def test_a_terminal_that_lacks_our_signs_gets_question_marks():
    done = command("plan", "--task", "InvertedPendulum-v5", "--method", "sac", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout


def test_a_python_without_affinity_imports_the_suite():
    code = "import os; del os.sched_getaffinity; import guided_rl; "
    code += "print(guided_rl.make('InvertedPendulum-v5').action_size)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "1", done.stderr
