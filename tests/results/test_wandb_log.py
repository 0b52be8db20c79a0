"""W&B: the offline files hold one run per seed, comparable in its own dashboards."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from guided_rl.cli.watch import watching
from guided_rl.results.wandb_log import Logger
from guided_rl.results.wandb_variables import give_cache
from guided_rl.runtime.errors import Interrupted
from guided_rl.training.run import Result, Run
from tests.training.small import run_of, small

GROUP = "dai/HalfCheetah-v5/dai-sac"
POINTS = [{"t_change": 0.1}, {"t_change": 0.5}]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("WANDB_PROJECT", "WANDB_DISABLED", "WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def messages(path: Path) -> Iterator[bytes]:
    """The records of a .wandb file: a 7-byte header, then LevelDB's log format in 32 KiB blocks."""
    content, at, begun = path.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        begun += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield begun
            begun = b""


def complete(path: Path, patience: float = 20.0) -> list:
    """The records of a finished run; W&B's own process writes the last ones a moment after `finish`."""
    from wandb.proto.wandb_internal_pb2 import Record

    until = time.monotonic() + patience
    while True:
        records = [Record.FromString(content) for content in messages(path)]
        if any(r.WhichOneof("record_type") == "exit" for r in records):
            return records
        assert time.monotonic() < until, f"{path} was never completed"
        time.sleep(0.05)


def runs(folder: Path) -> dict[str, dict]:
    """Display name to group, job type, configuration and history of every run in a folder."""
    found = {}
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        records = complete(path)
        run = next(r.run for r in records if r.WhichOneof("record_type") == "run")
        rows = [r.history.item for r in records if r.WhichOneof("record_type") == "history"]
        found[run.display_name] = {
            "group": run.run_group,
            "kind": run.job_type,
            "tags": list(run.tags),
            "notes": run.notes,
            "config": {item.key: json.loads(item.value_json) for item in run.config.update},
            "history": [{i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in row} for row in rows],
        }
    return found


def log_population(folder: Path, **options) -> list[str]:
    sentences: list[str] = []
    seeds, points = [0, 0, 1, 1, 2, 2], POINTS * 3
    logger = Logger(folder, GROUP, {"budget": 300, "net": [64, 64]}, seeds, points, say=sentences.append, **options)
    for step in (100, 200, 300):
        returns = np.arange(6, dtype=np.float32) * step
        returns[5] = np.nan
        logger.log(step, {"return/policy": returns})
        logger.log_population(step, {"return/policy": returns})
    logger.finish()
    return sentences


def test_one_run_per_seed_and_point_with_group_seed_config_and_returns(tmp_path):
    assert log_population(tmp_path) == []
    found = runs(tmp_path)
    assert len(found) == 8
    assert {run["group"] for run in found.values()} == {GROUP}
    assert all({"dai", "HalfCheetah-v5", "dai-sac"} <= set(run["tags"]) for run in found.values())
    assert all("commit" in run["config"] and "commit" in run["notes"] for run in found.values())
    for member in range(6):
        seed, point = member // 2, POINTS[member % 2]
        run = found[f"{GROUP} seed {seed} t_change={point['t_change']:g}"]
        assert run["kind"] == "seed"
        assert run["config"]["seed"] == seed
        assert run["config"]["t_change"] == point["t_change"]
        assert run["config"]["budget"] == 300
        assert run["config"]["net"] == [64, 64]
        assert [row["_step"] for row in run["history"]] == [100, 200, 300]
        returns = [row["return/policy"] for row in run["history"]]
        expected = np.full(3, np.nan) if member == 5 else member * np.array([100.0, 200.0, 300.0])
        np.testing.assert_array_equal(returns, expected)


def test_each_grid_point_has_a_population_run_without_failed_members_whose_metrics_have_the_same_names(tmp_path):
    log_population(tmp_path)
    found = runs(tmp_path)
    one, other = (found[f"{GROUP} population t_change={value}"] for value in (0.1, 0.5))
    assert one["kind"] == other["kind"] == "population"
    assert other["config"]["seeds"] == [0, 1, 2] and other["config"]["t_change"] == 0.5
    last = other["history"][-1]
    assert one["history"][-1].keys() == last.keys()
    assert one["history"][-1]["return/policy/mean"] == pytest.approx(np.mean([0, 2, 4]) * 300)
    assert last["return/policy/mean"] == pytest.approx(np.mean([1, 3]) * 300)
    assert last["return/policy/members"] == 2
    assert last["return/policy/iqm"] == pytest.approx(600)


def test_a_limit_is_told_and_keeps_the_population_runs(tmp_path):
    assert log_population(tmp_path, limit=2) == [
        "W&B gets a run for each of the first 2 of 6 members; the population's have all"
    ]
    kinds = [run["kind"] for run in runs(tmp_path).values()]
    assert kinds.count("seed") == 2 and kinds.count("population") == 2


def test_the_limit_holds_over_all_slices_of_a_population_and_it_has_one_run(tmp_path):
    logger = Logger(tmp_path, GROUP, {}, range(5), [{}] * 5, limit=3)
    for first in (0, 2, 4):
        for step in (100, 200):
            returns = np.arange(5.0) + step
            logger.log(step, {"return/policy": returns[first : first + 2]}, first)
    logger.log_population(200, {"return/policy": returns})
    logger.finish()
    found = runs(tmp_path)
    assert sorted(found) == [f"{GROUP} population", *(f"{GROUP} seed {seed}" for seed in range(3))]
    assert [row["return/policy"] for row in found[f"{GROUP} seed 2"]["history"]] == [102, 202]
    assert found[f"{GROUP} population"]["history"][-1]["return/policy/members"] == 5


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """A user who has set nothing and is not logged in."""
    monkeypatch.delenv("WANDB_MODE")
    for name in ("NETRC", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))


def train(run: Run, checkpoints: Path, curves: Path, *more) -> Result:
    with watching(run, GROUP, curves) as observers:
        return run.execute(checkpoints, [*observers, *more], checkpoint_seconds=0.0)


def two_waves(monkeypatch) -> Run:
    monkeypatch.setenv("GUIDED_RL_MEMORY_GB", "1e-6")
    run = run_of(small())
    assert [len(np.unique(members)) for members in run.plan.waves()] == [2, 1]
    return run


@pytest.mark.trains
def test_training_in_two_waves_is_one_run_per_seed_and_one_for_the_population(tmp_path, monkeypatch, nobody):
    run = two_waves(monkeypatch)
    result = train(run, tmp_path / "run", tmp_path)
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 4 and not list(tmp_path.glob("wandb/run-*"))
    found = runs(tmp_path)
    assert len(found) == 4 and {one["group"] for one in found.values()} == {GROUP}
    returns = result.history.evaluation["episode_return"][:, :, 0].mean(-1)
    for seed in range(3):
        one = found[f"{GROUP} seed {seed}"]
        assert one["kind"] == "seed" and one["config"]["seed"] == seed
        assert one["config"].items() >= run.config.to_json().items()
        assert [row["_step"] for row in one["history"]] == [60, 120, 180, 240]
        np.testing.assert_allclose([row["return/policy"] for row in one["history"]], returns[:, seed], rtol=1e-6)
    whole = found[f"{GROUP} population"]
    assert whole["kind"] == "population" and whole["config"]["seeds"] == [0, 1, 2]
    assert [row["_step"] for row in whole["history"]] == [60, 120, 180, 240]
    np.testing.assert_allclose([row["return/policy/mean"] for row in whole["history"]], returns.mean(1), rtol=1e-6)


@pytest.mark.trains
def test_resumed_in_the_second_wave_the_population_still_has_the_first(tmp_path, monkeypatch, nobody):
    def interrupt(seen):
        if seen.earlier and seen.point == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train(two_waves(monkeypatch), tmp_path / "run", tmp_path / "first", interrupt)
    result = train(two_waves(monkeypatch), tmp_path / "run", tmp_path / "second")
    found = runs(tmp_path / "second")
    assert sorted(found) == [f"{GROUP} population", f"{GROUP} seed 2"]
    rows = found[f"{GROUP} population"]["history"]
    assert [(row["_step"], row["return/policy/members"]) for row in rows] == [(180, 3), (240, 3)]
    last = result.history.evaluation["episode_return"][-1, :, 0].mean()
    assert rows[-1]["return/policy/mean"] == pytest.approx(last)


ALONE = """
import sys
from pathlib import Path
from tests.results.test_wandb_log import log_population
print(*log_population(Path(sys.argv[1]), limit=6, timeout=1.0), sep="\\n")
"""


def test_an_unreachable_server_means_offline_and_one_sentence(tmp_path):
    """In a process of its own, because W&B reads the server's address once per process."""
    there = {"WANDB_MODE": "online", "WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "x" * 40}
    command = [sys.executable, "-c", ALONE, str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, env={**os.environ, **there}, capture_output=True, text=True, check=True)
    assert done.stdout == "W&B cannot be reached, so this run is logged offline; `wandb sync` uploads it later\n"
    assert len(runs(tmp_path)) == 8


def test_a_missing_wandb_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    (sentence,) = log_population(tmp_path)
    assert "not installed" in sentence


def test_an_unwritable_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    (sentence,) = log_population(tmp_path / "file")
    assert "nothing is logged" in sentence


def test_disabled_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert log_population(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"), [("WANDB_MODE", "of"), ("WANDB_PROJECT", "a/b#c"), ("WANDB_START_METHOD", "nothing")]
)
def test_a_variable_that_wandb_does_not_take_is_named(tmp_path, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    said = []
    logger = Logger(tmp_path, GROUP, {}, [0], [{}], say=said.append)
    logger.log(1, {"return": np.zeros(1)})
    logger.finish()
    if name == "WANDB_START_METHOD" and not said:
        return  # a W&B that no longer reads it
    assert len(said) == 1 and name in said[0] and "cannot write" not in said[0] and "\n" not in said[0]


def test_wandbs_server_logs_into_the_run_folder_where_home_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    give_cache(tmp_path / "run")
    assert "WANDB_CACHE_DIR" not in os.environ
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nothing")
    give_cache(tmp_path / "run")
    assert os.environ.pop("WANDB_CACHE_DIR") == str(tmp_path / "run" / "wandb" / "cache")
