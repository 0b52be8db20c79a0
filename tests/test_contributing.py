"""CONTRIBUTING's recipes, word by word in a copy of the checkout: a task, a method and a paper are added, and work."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from guided_rl.results import records
from tests.test_bring_your_own import TINY, smaller

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = re.findall(r"```python\n# ([\w/]+\.py)\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
NAMED_IN = {"guided_rl/envs/__init__.py": "OWN_TASKS", "guided_rl/methods/__init__.py": "METHODS"}
SCRIPT = "import sys; from guided_rl.cli import main; sys.exit(main())"


def name_it(path: Path, lines: str, dictionary: str) -> None:
    """Add the unindented lines to the file's imports, and the indented ones to its dictionary."""
    entries = [line for line in lines.splitlines() if line.startswith(" ")]
    imports = [line for line in lines.splitlines() if not line.startswith(" ")]
    text = path.read_text(encoding="utf-8")
    (opening,) = re.findall(rf"(?m)^{dictionary}\b.*= \{{$", text)
    last = re.findall(r"(?m)^from guided_rl\..*$", text)[-1]
    text = text.replace(opening, "\n".join([opening, *entries]), 1)
    path.write_text(text.replace(last, "\n".join([last, *imports]), 1), encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of the code with all that the recipes add."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("guided_rl", "benchmarks", "experts", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for name, text in FILES:
        if name in NAMED_IN:
            name_it(copy / name, text, NAMED_IN[name])
        else:
            assert not (copy / name).exists(), f"{name} is no new file; the recipe needs another name"
            (copy / name).parent.mkdir(exist_ok=True)
            (copy / name).write_text(text, encoding="utf-8")
    return copy


def in_copy(checkout: Path, *arguments: str) -> str:
    """What Python prints in the copy; it must end well."""
    wide = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=checkout, env=wide, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def command(begins: str) -> list[str]:
    """The words of the recipe's one command that begins so, without the program's name."""
    (found,) = [line for line in COMMANDS if line.startswith(f"guided-rl {begins}")]
    return shlex.split(found)[1:]


def test_one_file_is_a_method_one_a_task_and_one_folder_a_paper():
    new = [name for name, _ in FILES if name not in NAMED_IN]
    assert [name for name in new if name.startswith("guided_rl/envs/")] == ["guided_rl/envs/shuttle.py"]
    assert [name for name in new if name.startswith("guided_rl/methods/")] == ["guided_rl/methods/dai/coin_sac.py"]
    assert {str(Path(name).parent) for name in new if name.startswith("benchmarks")} == {"benchmarks/papers/coin"}
    assert {name for name, _ in FILES if name in NAMED_IN} == set(NAMED_IN)


def test_what_is_added_keeps_to_the_style_the_types_and_the_layers(checkout):
    added = [name for name, _ in FILES]
    in_copy(checkout, "-m", "ruff", "check", "--fix", *NAMED_IN)  # as the recipe says of their imports
    in_copy(checkout, "-m", "ruff", "check", *added)
    in_copy(checkout, "-m", "ruff", "format", "--check", *added)
    in_copy(checkout, "-m", "mypy", *[name for name in added if name.startswith("guided_rl/")])
    in_copy(checkout, "-c", "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())")


def test_the_task_is_played_and_its_guide_is_worth_listening_to(checkout):
    random, guided = (
        in_copy(checkout, "-c", SCRIPT, *command(f"evaluate Shuttle {who}")) for who in ("random", "guided_rl")
    )
    mean = lambda said: float(re.search(r"on Shuttle: ([\d.]+)", said)[1])
    assert mean(guided) > mean(random) + 10


@pytest.mark.trains
def test_the_method_learns_on_the_task(checkout):
    in_copy(checkout, "-c", SCRIPT, *smaller(shlex.join(command("run"))), *TINY)
    record = records.read(checkout / "out" / "record")
    assert (record.task, record.method, record.budget) == ("Shuttle", "coin-sac", 40)
    assert record.grid == {"share": (0.1, 0.5)} and record.returns.num_rows > 0 and not record.failed


@pytest.mark.trains
def test_the_methods_own_tests_pass(checkout):
    assert "4 passed" in in_copy(
        checkout, "-m", "pytest", "-q", "tests/methods/test_coin_sac.py", "-p", "no:cacheprovider"
    )


def test_the_papers_table_is_found_by_its_folder_and_planned(checkout):
    said = in_copy(checkout, "-c", SCRIPT, *command("plan"))
    assert "Shuttle__coin-sac" in said and "Shuttle__sac" in said and "2 cells" in said
    assert "coin" not in "".join(path.read_text() for path in (ROOT / "benchmarks" / "runner").glob("*.py"))
