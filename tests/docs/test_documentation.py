"""The documentation builds without a dead link, has a page for every method, and README stays short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from guided_rl.envs import OWN_TASKS, TASKS
from guided_rl.methods import METHODS, build

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q", "-d", str(folder)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_every_method_has_a_page_with_its_hyper_parameters(site):
    for name in METHODS:
        page = (site / "methods" / f"{name}.html").read_text(encoding="utf-8")
        assert all(f"<code>{hparam}</code>" in page for hparam in build(name).hparams), name


def test_every_task_is_in_the_catalogue(site):
    page = (site / "tasks.html").read_text(encoding="utf-8")
    assert [name for name in (*TASKS, *OWN_TASKS) if f"<code>{name}</code>" not in page] == []


def test_readme_is_short_and_names_only_files_that_are_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 180
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    inside = [link.split("#")[0] for link in links if not link.startswith("http")]
    assert [link for link in inside if not (ROOT / link).exists()] == []
