"""Whatever a user gets wrong is one sentence on stderr and exit code 2, before anything trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from guided_rl.cli import main
from guided_rl.envs import make
from guided_rl.guides.expert_weights import write_weights

TINY = ["--task", "InvertedPendulum-v5", "--steps", "240", "--evaluations", "4", "--hidden", "16", "--batch", "16"]
OTHER = [*TINY[:2], *TINY[4:]]  # without the steps
SWEEP = ["table", "dai", "--sweep", "t_change", "--tasks", "HalfCheetah-v5", "--preset", "cpu"]


def refused(capsys, *arguments: str) -> str:
    """The sentence with which the command is refused."""
    assert main(list(arguments)) == 2
    said = capsys.readouterr()
    sentence = said.err.strip()
    assert "\n" not in sentence and "Traceback" not in sentence and len(sentence) > 20
    return sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--task", "HalfCheeta-v5"], ["unknown task 'HalfCheeta-v5'", "HalfCheetah-v5"]),
        (["run", "--task", "brax:halfcheeta"], ["brax environment", "halfcheetah"]),
        (["run", "--method", "dai-sacc", "--guide", "bc"], ["unknown method", "dai-sac"]),
        (["run", *TINY, "--physics", "nativ"], ["physics engine", "native"]),
        (["run", *TINY, "--execution", "pmap"], ["execution", "map"]),
        (["run", *TINY, "--replay-dtype", "float8"], ["replay_dtype", "float16"]),
        (["run", *TINY, "--matmul-precision", "hihg"], ["matmul_precision", "high"]),
        (["run", *TINY, "--seeds", "0"], ["seeds is 0", "at least 1"]),
        (["run", *OTHER, "--steps", "-5"], ["steps is -5"]),
        (["run", *OTHER, "--steps", "241"], ["241 is not a multiple"]),
        (["run", *TINY, "--warmup", "2"], ["warmup=2.0", "[0, 1]"]),
        (["run", *TINY, "--set", "gamma=1.5"], ["gamma=1.5 is outside [0, 1]"]),
        (["run", *TINY, "--set", "gama=0.9"], ["hyper-parameter of 'sac'", "gamma"]),
        (["run", *TINY, "--set", "gamma=nan"], ["gamma=nan"]),
        (["run", *TINY, "--set", "gamma"], ["NAME=VALUE"]),
        (["run", *TINY, "--set", "gamma=high"], ["'high' where a number is needed"]),
        (["run", *TINY, "--grid", "gamma=0.9,"], ["number is needed"]),
        (["run", *TINY, "--option", "stored=policy"], ["switch of method 'sac'", "random_warmup"]),
        (["run", *TINY, "--method", "dai-sac", "--guide", "bc", "--option", "store=policy"], ["switch", "stored"]),
        (["run", *TINY, "--method", "dai-sac", "--guide", "bc", "--option", "stored=both"], ["stored", "policy"]),
        (["run", *TINY, "--method", "dai-sac"], ["needs a guide", "--guide bc"]),
        (["run", *TINY, "--method", "dai-sac", "--guide", "bd@50"], ["unknown guide", "bc@50"]),
        (["run", *TINY, "--method", "dai-sac", "--guide", "nowhere.npz"], ["nowhere.npz"]),
        (["run", *TINY, "--method", "dai-sac", "--guide", "bc", "--set", "t_change=-0.1"], ["t_change=-0.1"]),
        (["run", *TINY, "--method", "demos-sac"], ["dataset", "--dataset demos"]),
        (["run", *TINY, "--method", "demos-sac", "--dataset", "nowhere.npz"], ["nowhere.npz"]),
        (["run", "--task", "nowhere.py:task"], ["no file nowhere.py"]),
        (["run", "--method", "nowhere.py:METHOD"], ["no file nowhere.py"]),
        (["sweep", "t_chang", "0.1,0.5", *TINY], ["hyper-parameter of 'sac'"]),
        (["sweep", "gamma", "0.1,x", *TINY], ["number is needed"]),
        (["table", "day"], ["unknown table", "dai"]),
        (["table", "dai", "--preset", "quik"], ["unknown preset", "quick"]),
        (["table", "dai", "--launcher", "rai"], ["unknown launcher"]),
        (["table", "dai", "--tasks", "Walker"], ["task", "GridMaze-large-4"]),
        (["table", "dai", "--sweep", "t_chang", "--tasks", "Hopper-v5"], ["unknown sweep", "t_change"]),
        (["table", "dai", "--sweep", "t_change", "--tasks", "Hoper-v5"], ["task", "Hopper-v5"]),
        (["table", "dai", "--sweep", "t_change"], ["one task", "--tasks"]),
        (["table", "dai", "--sweep", "t_change", "--tasks", "Hopper-v5", "--cells", "*"], ["leave out --cells"]),
        (["table", "dai", "--cells", "HalfCheetah-v5__sacc"], ["unknown cell", "HalfCheetah-v5__sac"]),
        (["table", "dai", "--preset", "cpu", "--seeds", "0"], ["seeds is 0", "at least 1"]),
        (["table", "dai", "--preset", "cpu", "--physics", "nativ"], ["physics engine 'nativ'", "native"]),
        (["table", "pex", "--preset", "cpu", "--cells", "*pex", "--physics", "mxj"], ["physics engine 'mxj'", "mjx"]),
        ([*SWEEP, "--seeds", "0"], ["seeds is 0"]),
        ([*SWEEP, "--physics", "nativ"], ["physics engine 'nativ'", "native"]),
        (["plan", "--table", "dai", "--preset", "quick", "--physics", "bogus"], ["physics engine 'bogus'", "native"]),
        (["plan", "--task", "brax:fast", "--physics", "bogus"], ["physics engine 'bogus'", "native"]),
        (["evaluate", "brax:fast", "random", "--physics", "bogus"], ["physics engine 'bogus'"]),
        (["evaluate", "PointFall", "random", "--physics", "bogus"], ["physics engine 'bogus'"]),
        (["evaluate", "Hopper-v5", "random", "--episodes", "0"], ["episodes is 0"]),
        (["evaluate", "Hopper-v5", "random", "--seed", "99999999999"], ["seed is 99999999999", "2,147,483,647"]),
        (["video", "Hopper-v5", "--seed", "-1"], ["seed is -1"]),
        (["run", *TINY, "--seeds", "2", "--seeds", "3"], ["--seeds is given twice"]),
        (["run", *TINY, "--first-seed=2", "--first_seed", "3"], ["--first-seed is given twice"]),
        (["run", *TINY, "--critic-layer-norm", "--no-critic-layer-norm"], ["--critic-layer-norm is given twice"]),
        (["run", *TINY, "--set", "gamma=0.9", "--set", "gamma=0.8"], ["--set", "gamma twice"]),
        (["run", *TINY, "--grid", "gamma=0.9", "--grid", "gamma=0.8"], ["--grid", "gamma twice"]),
        (["run", *TINY, "--grid", "gamma=0.9", "--set", "gamma=0.8"], ["gamma", "both in --grid and in --set"]),
        (["run", *TINY, "--grid", "gamma=0.9,0.8,0.90"], ["gamma has 0.9 twice"]),
        (["run", *TINY, "--grid", "gamma=0.9,0.9000000001"], ["gamma has 0.9 twice"]),
        (["sweep", "gamma", "0.9,0.9", *TINY], ["gamma has 0.9 twice"]),
        (["run", *TINY, "--set", "actor_lr=1e39"], ["actor_lr=1e+39 is inf in float32"]),
        (["run", *TINY, "--set", "actor_lr=1e-60"], ["actor_lr=1e-60 is 0 in float32"]),
        (["run", *TINY, "--first-seed", "-1"], ["first_seed is -1"]),
        (["run", *TINY, "--first-seed", "2147483640"], ["first_seed is 2147483640"]),
        (["run", *TINY, "--capacity", "3000000000"], ["capacity is 3000000000", "at most 2,147,483,647"]),
        (["run", "--task", "mine.py"], ["mine.py names a file alone", "mine.py:function"]),
        (["run", *TINY, "--method", "dai-sac", "--guide", "model.zip"], ["write sb3:model.zip"]),
        (["run", *TINY, "--method", "demos-sac", "--dataset", "rows.csv"], ["no format that can be read (.csv)"]),
        (["video", "brax:ant"], ["no MuJoCo model"]),
        (["video", "Hopper-v5", "--out", "film.avi"], [".gif", ".mp4"]),
        (["video", "Hopper-v5", "--folder", "nowhere"], ["nowhere", "config.json"]),
    ],
)
def test_bad_options_are_one_sentence(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sentence = refused(capsys, *arguments)
    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize("arguments", [["fly"], ["run", "--stepz", "5"], ["run", "--seeds", "many"], []])
def test_what_the_parser_cannot_read_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert capsys.readouterr().err


@pytest.fixture
def weights(tmp_path) -> Path:
    """Expert weights for the pendulum that advise nothing."""
    env = make("InvertedPendulum-v5", "native")
    layers = [{"kernel": np.zeros((1, 4, 1), np.float32), "bias": np.zeros((1, 1), np.float32)}]
    path = tmp_path / "InvertedPendulum-v5.npz"
    facts = {"task": env.name, "observation_size": env.observation_size, "action_size": env.action_size}
    write_weights(path, {"bc@100": layers}, facts)
    return path


def asked(path: Path) -> list[str]:
    return ["plan", *TINY, "--method", "dai-sac", "--guide", f"{path}#bc@100"]


def test_whole_weights_are_taken(weights, capsys):
    assert main(asked(weights)) == 0
    assert "t_change" in capsys.readouterr().out


def test_truncated_altered_or_foreign_weights_are_refused(weights, capsys, tmp_path):
    content = weights.read_bytes()
    weights.write_bytes(content[:-30])
    assert "truncated or altered" in refused(capsys, *asked(weights))
    weights.write_bytes(content[:60] + b"\0\0" + content[62:])
    assert "truncated or altered" in refused(capsys, *asked(weights))
    weights.write_bytes(content)
    facts = weights.with_suffix(".json")
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "task": "Hopper-v5"}))
    assert "for Hopper-v5" in refused(capsys, *asked(weights))
    facts.unlink()
    assert facts.name in refused(capsys, *asked(weights))
    weights.unlink()
    assert weights.name in refused(capsys, *asked(weights))


def test_tables_without_a_checkout_are_one_sentence(capsys, tmp_path, monkeypatch):
    from guided_rl.runtime import checkout

    monkeypatch.setattr(checkout, "find", lambda: None)
    for arguments in (["table", "dai"], ["report"], ["plan", "--table", "dai"]):
        assert "checkout" in refused(capsys, *arguments)


def test_a_gl_that_is_missing_is_one_sentence(capsys, tmp_path, monkeypatch):
    from guided_rl.cli import video
    from guided_rl.runtime import opengl

    def no_gl(*_):
        raise RuntimeError("no OpenGL here")

    monkeypatch.setattr(opengl, "choose", lambda: None)
    monkeypatch.setattr(video.mujoco, "Renderer", no_gl)
    sentence = refused(capsys, "video", "InvertedPendulum-v5", "--out", str(tmp_path / "a.gif"))
    assert "libegl1" in sentence and "libosmesa6" in sentence and "MUJOCO_GL" in sentence


IMPLICIT = """
import copy, dataclasses, mujoco
from guided_rl.envs import TASKS

def task():
    found = TASKS["InvertedPendulum-v5"]()
    model = copy.copy(found.simulation.model)
    model.opt.integrator = mujoco.mjtIntegrator.mjINT_IMPLICIT  # which MJX does not have
    return dataclasses.replace(found, simulation=dataclasses.replace(found.simulation, model=model))
"""


def test_mjx_says_what_it_lacks(capsys, tmp_path):
    (tmp_path / "implicit.py").write_text(IMPLICIT)
    options = [*TINY[2:], "--task", f"{tmp_path / 'implicit.py'}:task"]
    sentence = refused(capsys, "run", *options, "--physics", "mjx")
    assert "MJX" in sentence and "IMPLICIT" in sentence and "physics='native'" in sentence
    assert main(["plan", *options, "--physics", "native"]) == 0


def test_as_many_simulations_as_mjx_waits_for_for_ever_on_a_cpu_are_refused(capsys):
    """A hundred and fifty of Ant on a device are refused, twenty are not."""
    ant = ["--task", "Ant-v5", "--physics", "mjx", "--episodes", "10"]
    sentence = refused(capsys, "plan", *ant, "--seeds", "30")
    assert "109 simulations of Ant-v5" in sentence and "150" in sentence
    assert "109" in refused(capsys, "evaluate", "Ant-v5", "random", "--episodes", "150", "--physics", "mjx")
    assert main(["plan", *ant, "--seeds", "3"]) == 0


@pytest.mark.parametrize("name", ["GUIDED_RL_THREADS", "GUIDED_RL_MEMORY_GB"])
@pytest.mark.parametrize("value", ["abc", "-1", "nan"])
def test_a_number_that_cannot_be_read_from_the_environment_is_one_sentence(name, value, capsys, monkeypatch):
    monkeypatch.setenv(name, value)
    sentence = refused(capsys, "plan", *TINY)
    assert name in sentence and repr(value) in sentence and "unset it" in sentence


ALONE = "import sys; from guided_rl.cli import main; sys.exit(main(sys.argv[1:]))"


def test_variables_that_are_read_at_import_are_one_sentence():
    """Threads are read when the package is imported, and JAX looks for its devices once per process."""
    for variables, words in ({"GUIDED_RL_THREADS": "abc"}, "'abc'"), ({"JAX_PLATFORMS": "rocm"}, "no device"):
        command = [sys.executable, "-c", ALONE, "plan", *TINY]
        done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)
        assert done.returncode == 2
        assert words in done.stderr and next(iter(variables)) in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("variables", [{"GUIDED_RL_PROCESSES": "x"}, {"GUIDED_RL_PROCESSES": "2"}])
def test_processes_that_cannot_be_joined_are_one_sentence(variables):
    command = [sys.executable, "-c", "import guided_rl"]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "JAX_COORDINATOR_ADDRESS" in done.stderr
