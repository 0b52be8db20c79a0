"""A name stands for its content: numbers are never given out after the user's own code or data changed."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

from guided_rl import envs
from guided_rl.config import RunConfig
from guided_rl.guides import find_guide
from guided_rl.guides.find import is_own
from guided_rl.runtime.errors import UserError
from guided_rl.training.checkpoint import claim_folder, content_changes
from guided_rl.training.fingerprint import guide_hash, task_hash
from guided_rl.training.run import Run

TASK = """
import jax.numpy as jnp, numpy as np
from guided_rl.envs.jax_env import JaxTask
from {helper} import BONUS
TABLE = np.load("{folder}/table.npy")
def task():
    return JaxTask(
        name="W", twin="none", action_size=1, start=lambda key: jnp.zeros(3), advance=lambda w, a: w + a,
        observe=lambda w: w, reward=lambda b, a, w: (BONUS + (jnp.asarray(TABLE) * w).sum(), {{}}),
        terminated=lambda w: w[0] > 9, episode_length=20,
    )
def guide(obs):
    return jnp.full(1, {gain})
"""


def write(folder: Path, bonus: float = 1.0, table: float = 2.0, gain: float = 0.1, comment: str = "") -> str:
    """A task and a guide that import a module beside them and read a file of numbers; the task's name."""
    helper = f"bonus_{abs(hash((str(folder), bonus)))}"  # a process keeps a module that it has imported
    (folder / f"{helper}.py").write_text(f"BONUS = {bonus}")
    np.save(folder / "table.npy", np.full(3, table))
    (folder / "mine.py").write_text(TASK.format(folder=folder, gain=gain, helper=helper) + comment)
    return f"{folder / 'mine.py'}:task"


def test_a_task_is_known_by_what_it_computes(tmp_path):
    known = task_hash(envs.make(write(tmp_path)))
    assert task_hash(envs.make(write(tmp_path, comment="# only a word"))) == known
    assert task_hash(envs.make(write(tmp_path, bonus=-7.0))) != known
    assert task_hash(envs.make(write(tmp_path, table=3.0))) != known


def test_a_guides_function_is_known_by_what_it_computes(tmp_path):
    write(tmp_path)
    named, env = f"{tmp_path / 'mine.py'}:guide", envs.make("PointReach-like")
    one = envs.make(f"{tmp_path / 'mine.py'}:task")
    known = guide_hash(find_guide(named, one), 3)
    write(tmp_path, gain=0.2)
    assert guide_hash(find_guide(named, one), 3) != known
    assert is_own(named) and is_own(f"bc+{named}") and not any(map(is_own, ("bc@50", "sb3:x.zip", "local:sac", None)))
    assert env.name == "PointReach-like"


def test_a_session_names_what_changed_behind_it(tmp_path):
    task = write(tmp_path)
    config = RunConfig(task=task, method="sac", steps=20, evaluations=1, seeds=1, hidden=(8,), batch=8)
    first = Run(config).advice()
    assert first.keys() == {"task"} and Run(config).advice() == first
    write(tmp_path, bonus=-7.0)
    second = Run(config).advice()
    with claim_folder(tmp_path / "run", config.to_json(), first):
        pass
    assert not content_changes(tmp_path / "run", first) and not content_changes(tmp_path / "run", {})
    assert "whose task had another content" in content_changes(tmp_path / "run", second)
    with (
        pytest.raises(UserError, match="whose task had another content"),
        claim_folder(tmp_path / "run", config.to_json(), second),
    ):
        raise AssertionError("it must not be had")


def test_a_method_of_ones_own_is_known_by_what_it_computes(tmp_path):
    method = "import dataclasses\nfrom guided_rl.methods.bases.sac import SAC\ndef update(agent, batch, key, ctx):\n"
    method += "    agent, metrics = SAC.update(agent, batch, key, ctx)\n    return agent, {**metrics, 'x': FACTOR}\n"
    method += "M = dataclasses.replace(SAC, update=update)\n"
    found = []
    for factor in ("1.0", "1.0", "2.0"):
        (tmp_path / "method.py").write_text(method + f"import jax.numpy as jnp\nFACTOR = jnp.float32({factor})\n")
        config = RunConfig(
            task="InvertedPendulum-v5",
            method=f"{tmp_path / 'method.py'}:M",
            steps=20,
            evaluations=1,
            seeds=1,
            hidden=(8,),
            batch=8,
        )
        found.append(Run(config).advice()["method"])
    assert found[0] == found[1] != found[2]


def test_two_folders_may_each_have_helpers_of_one_name(tmp_path):
    for name, gain in (("one", 0.1), ("two", 0.2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "assistants.py").write_text(f"GAIN = {gain}")
        text = "import jax.numpy as jnp\nfrom assistants import GAIN\ndef guide(obs):\n    return jnp.full(1, GAIN)\n"
        (tmp_path / name / "mine.py").write_text(text)
    env = envs.make("InvertedPendulum-v5")
    advice = [
        float(find_guide(f"{tmp_path / n / 'mine.py'}:guide", env).action(jax.numpy.zeros(4))[0])
        for n in ("one", "two")
    ]
    assert advice == [np.float32(0.1), np.float32(0.2)]


def test_a_module_of_the_working_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here_alone.py").write_text("import jax.numpy as jnp\ndef guide(obs):\n    return jnp.zeros(1)\n")
    assert find_guide("here_alone:guide", envs.make("InvertedPendulum-v5")).name == "guide"
