"""What the Makefile would do, asked in a folder that has nothing but it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(MAKEFILE, folder)
    for name in ("pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of `make test`
    return subprocess.run(["make", *words], cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(("device", "extras"), [("cpu", "dev"), ("cuda", "dev,cuda"), ("tpu", "dev,tpu")])
def test_a_device_installs_its_extras(device, extras, tmp_path):
    assert f"-e '.[{extras}]'" in make(tmp_path, "-n", "setup", f"DEVICE={device}").stdout


def test_an_unknown_device_is_refused_before_anything_is_installed(tmp_path):
    done = make(tmp_path, "setup", "DEVICE=gpu")
    assert done.returncode == 2
    sentence, stopped = done.stderr.splitlines()
    assert sentence == "DEVICE=gpu is none of auto, cpu, cuda, tpu"
    assert stopped.startswith("make: ***")
    assert not (tmp_path / ".venv").exists()
