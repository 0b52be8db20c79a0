"""What an installation needs: the metadata, the packages that may be missing, and what is said where one is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from guided_rl import envs
from guided_rl.cli import doctor
from guided_rl.guides import find
from guided_rl.runtime import checkout
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.optional import BRAX, DM_CONTROL, OPTIONAL

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PARTS = {"core": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}

BLOCKED = """
import sys
sys.modules.update(dict.fromkeys({blocked!r}))  # None: an import of it fails
import guided_rl
env = guided_rl.make({task!r})
config = guided_rl.RunConfig(task={task!r}, method="sac", steps=1000)
assert env.observation_size and guided_rl.train
loaded = {{name.partition(".")[0] for name, module in sys.modules.items() if module}}
print(sorted(loaded & {{"brax", "dm_control", "labmaze"}}))
"""


@pytest.fixture
def hide(monkeypatch):
    """Let a module look as if it were not installed."""

    def hidden(module: str) -> None:
        spec = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else spec(name))

    return hidden


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w-]+", line)[0].lower().replace("_", "-") for line in requirements}


@pytest.mark.parametrize("task", ["HalfCheetah-v5", "cheetah-run"])
def test_tasks_import_neither_brax_nor_dm_control_nor_labmaze(task):
    code = BLOCKED.format(blocked=["brax", "labmaze"], task=task)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_python_that_is_named_may_install():
    assert PROJECT["requires-python"] == ">=3.11"
    assert {line.rpartition(" ")[2] for line in PROJECT["classifiers"]} == {"3.11", "3.12", "3.13", "3.14"}


def test_what_may_be_missing_is_no_plain_dependency():
    assert "brax" not in names(PARTS["core"]) and names(PARTS["brax"]) == {"brax"}
    (control,) = (line for line in PARTS["core"] if line.startswith("dm-control"))
    assert control.endswith("python_version < '3.13'")
    assert "labmaze" not in names([line for part in PARTS.values() for line in part])


@pytest.mark.parametrize("package", OPTIONAL)
def test_the_sentence_asks_for_the_versions_of_the_metadata(package):
    asked = OPTIONAL[package].install.split("'")[1]
    assert any(line.partition(";")[0] == asked for line in PARTS["core"] + PARTS["brax"])


def test_constraints_serve_every_python():
    """One set of versions without markers; each has wheels everywhere but labmaze, asked for before 3.13 alone."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    pinned = names(lines)
    asked = names([line for part in ("core", "dev", "suite", "brax", "ray") for line in PARTS[part]])
    assert asked - {"guided-rl"} <= pinned


def test_without_brax_its_tasks_and_guides_say_how_to_get_it(hide):
    hide("brax")
    for ask in (lambda: envs.make("brax:ant"), lambda: find.find_guide("brax:path", envs.make("InvertedPendulum-v5"))):
        with pytest.raises(UserError) as error:
            ask()
        assert str(error.value) == BRAX.sentence()


def test_without_dm_control_its_tasks_say_how_to_get_it_and_others_work(hide):
    hide("dm_control")
    with pytest.raises(UserError, match="pip install --no-deps 'dm-control"):
        envs.TASKS["cheetah-run"]()
    assert envs.TASKS["HalfCheetah-v5"]().name == "HalfCheetah-v5"


def test_a_missing_optional_package_is_told_and_is_not_wrong(monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda name: None if name in OPTIONAL else "1")
    finding = doctor.packages()
    assert not finding.wrong
    assert BRAX.sentence() in finding.found and DM_CONTROL.sentence() in finding.found


def test_outside_a_checkout_an_expert_by_name_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkout, "HERE", tmp_path)
    monkeypatch.delenv("GUIDED_RL_EXPERTS", raising=False)
    with pytest.raises(UserError, match="experts are part of the guided-rl checkout"):
        find.find_guide("bc", envs.make("InvertedPendulum-v5"))
    assert not doctor.experts().wrong and not doctor.tables().wrong
