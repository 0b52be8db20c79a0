"""The recipes of README and docs/own.md: own guide, demonstrations, task and method, on the command line."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest

from guided_rl.cli import main
from guided_rl.results import records

ROOT = Path(__file__).parents[1]
TEXT = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/own.md"))
RECIPE = re.compile(r"```python\n# (my_\w+)\.py\n((?:(?!```).)*)```\n\n```sh\nguided-rl (run .*?)\n```", re.DOTALL)
RECIPES = {name: (code, command) for name, code, command in RECIPE.findall(TEXT)}
TINY = shlex.split("--steps 40 --evaluations 1 --episodes 1 --hidden 8 8 --batch 8 --seeds 1 --warmup 0.5 --folder out")


def smaller(command: str) -> list[str]:
    """The recipe's words without the options that `TINY` gives, since none may be given twice."""
    words = shlex.split(command)
    for name in TINY:
        if name.startswith("--") and name in words:
            at = words.index(name)
            del words[at : at + 2]
    return words


@pytest.mark.trains
@pytest.mark.parametrize("name", ["my_guide", "my_demonstrations", "my_task", "my_method"])
def test_recipe(name, tmp_path, monkeypatch):
    code, command = RECIPES[name]
    monkeypatch.chdir(tmp_path)
    Path(f"{name}.py").write_text(code)
    if name == "my_demonstrations":
        runpy.run_path(f"{name}.py")
    assert main([*smaller(command), *TINY]) == 0
    record = records.read(tmp_path / "out" / "record")
    assert record.budget == 40 and record.returns.num_rows > 0 and not record.failed


def test_the_guide_of_the_recipe_is_worth_listening_to(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("my_guide.py").write_text(RECIPES["my_guide"][0])
    assert main(["evaluate", "InvertedPendulum-v5", "my_guide.py:balance", "--episodes", "3"]) == 0
    assert "1,000" in capsys.readouterr().out


def test_there_is_a_recipe_for_each():
    assert set(RECIPES) == {"my_guide", "my_demonstrations", "my_task", "my_method"}


@pytest.mark.slow
def test_on_the_own_task_guidance_helps_with_a_verdict(tmp_path, monkeypatch, capsys):
    """README's comparison, with its own code, as it stands there."""
    monkeypatch.chdir(tmp_path)
    for name, code in re.findall(r"```python\n# (my_\w+)\.py\n(.*?)```", TEXT, re.DOTALL):
        Path(f"{name}.py").write_text(code)
    (command,) = re.findall(r"^guided-rl (compare .*swing_up.*)$", TEXT, re.MULTILINE)
    assert main(shlex.split(command)) == 0
    assert "Guidance helped: above sac in AUC is dai-sac" in capsys.readouterr().out
