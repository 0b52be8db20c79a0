"""Records: what is written is read back, and nothing half-written or altered is believed."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided_rl.results import provenance, record_tables, records, summary_tables
from guided_rl.runtime import files
from guided_rl.runtime.errors import UserError
from tests.results.synthetic import constant, make_record

EXPERT = records.Expert("halfcheetah-100-a", 4000.0, 250_000, "sha256:00")


def assert_equal(a: records.Record, b: records.Record) -> None:
    for name in ("returns", "training"):  # as text, in which NaN equals NaN
        assert str(getattr(a, name).to_pylist()) == str(getattr(b, name).to_pylist())
    for name in ("cell", "task", "method", "preset", "config", "seeds", "grid", "experts", "failed", "provenance"):
        assert getattr(a, name) == getattr(b, name), name


@settings(max_examples=15, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=4, unique=True),
    grid=st.dictionaries(
        st.sampled_from(["t_change", "beta", "learning_rate"]),
        st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3, unique=True),
        max_size=2,
    ),
    value=st.floats(-1e6, 1e6, width=32) | st.just(float("nan")),
)
def test_round_trip(seeds, grid, value):
    curves = {"policy": constant(value), "mixture": constant(1.0)}
    record = make_record("dai-sac", curve=curves, seeds=seeds, grid=grid, experts=[EXPERT], failed={"0/0": 7})
    with tempfile.TemporaryDirectory() as root:
        folder = records.cell_folder(root, record.table, record.preset, record.cell)
        records.write(record, folder)
        assert_equal(record, records.read(folder))
        assert [r.cell for r in records.read_all(root, "dai", "paper")] == [record.cell]
        assert {p.name for p in folder.parent.iterdir()} == {record.cell}


def test_columns_are_as_documented():
    record = make_record("dai-sac", grid={"t_change": (0.1, 0.5)}, seeds=(3, 9))
    types = {field.name: str(field.type) for field in record.returns.schema}
    text = "dictionary<values=string, indices=int32, ordered=0>"
    assert types == {
        "seed": "int32",
        "point": "int32",
        "t_change": "double",
        "protocol": text,
        "step": "int64",
        "episode": "int16",
        "episode_return": "float",
        "episode_length": "int32",
    }
    assert record.points == [{"t_change": 0.1}, {"t_change": 0.5}]
    rows = record.returns.to_pylist()
    assert {(r["point"], r["t_change"]) for r in rows} == {(0, 0.1), (1, 0.5)}
    assert {r["seed"] for r in rows} == {3, 9}


def test_a_grid_is_the_product_with_the_last_name_fastest():
    points = record_tables.grid_points({"a": (1, 2), "b": (3, 4)})
    assert points == [{"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4}]


def test_files_are_small(tmp_path):
    noisy = lambda seed, point, share: np.random.default_rng(seed).normal(1000, 100, share.shape)
    records.write(make_record("sac", curve=noisy, episodes=10), tmp_path / "cell")
    assert (tmp_path / "cell" / "returns.parquet").stat().st_size < 2000 * 8


@pytest.mark.parametrize("damage", ["truncate", "alter", "json", "missing", "newer", "empty"])
def test_a_damaged_record_is_refused_in_one_sentence(tmp_path, damage):
    folder = tmp_path / "cell"
    records.write(make_record("sac"), folder)
    head, data = folder / "record.json", folder / "returns.parquet"
    if damage == "truncate":
        data.write_bytes(data.read_bytes()[:-40])
    elif damage == "alter":
        content = bytearray(data.read_bytes())
        content[len(content) // 2] ^= 1
        data.write_bytes(content)
    elif damage == "json":
        head.write_text(head.read_text()[:-30])
    elif damage == "missing":
        data.unlink()
    elif damage == "newer":
        head.write_text(json.dumps({**json.loads(head.read_text()), "schema": records.SCHEMA + 1}))
    else:
        head.write_text("[]")
    with pytest.raises(UserError) as error:
        records.read(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)


def test_a_folder_without_a_record_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="no complete record"):
        records.read(tmp_path / "nowhere")
    assert records.read_all(tmp_path, "dai", "paper") == []


def test_a_full_disk_keeps_the_old_record(tmp_path, monkeypatch):
    folder = tmp_path / "cell"
    records.write(make_record("sac"), folder)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(UserError, match="no space left on device"):
        records.write(make_record("td3"), folder)
    assert records.read(folder).method == "sac"
    assert [p.name for p in tmp_path.iterdir()] == ["cell"]


def test_an_unwritable_place_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot save the record of sac--HalfCheetah-v5"):
        records.write(make_record("sac"), tmp_path / "file" / "cell")


KILLED = """
import os, signal, sys
from guided_rl.results import provenance, record_tables, records, summary_tables
from guided_rl.runtime import files as storage
from tests.results.synthetic import make_record
calls, rename = 0, os.rename
def strike(a, b):
    global calls
    calls += 1
    if calls == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    rename(a, b)
storage.os.rename = strike
records.write(make_record("td3"), sys.argv[1])
"""


@pytest.mark.parametrize("rename", [1, 2])
def test_a_kill_before_the_rename_leaves_the_old_record(tmp_path, rename):
    folder = tmp_path / "dai" / "paper" / "cell"
    records.write(make_record("sac"), folder)
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(rename)], cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL
    assert [r.method for r in records.read_all(tmp_path, "dai", "paper")] == ["sac"]
    records.write(make_record("td3"), folder)
    assert records.read(folder).method == "td3"
    assert [p.name for p in folder.parent.iterdir()] == ["cell"]


def test_reading_starts_no_threads_that_could_abort_an_ending_process(tmp_path):
    records.write(make_record("sac"), tmp_path / "cell")
    code = (
        "import os, sys; from guided_rl.results import records; count = lambda: len(os.listdir('/proc/self/task'));"
        "before = count(); records.read(sys.argv[1]); print(count() - before)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "cell")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.split() == ["0"]


def test_provenance_names_versions_and_device_but_not_the_machine():
    facts = records.provenance()
    assert set(facts["versions"]) >= {"jax", "jaxlib", "mujoco", "mujoco-mjx", "brax", "flax", "optax", "numpy"}
    assert facts["cores"] >= 1
    assert facts["precision"].startswith("float32")
    assert os.uname().nodename not in json.dumps(facts)


@pytest.mark.parametrize(
    ("cpuinfo", "told"),
    [
        (
            "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: Epyc\n\nprocessor\t: 1\n",
            "Epyc, family 25, model 1",
        ),
        ("processor\t: 0\nCPU part\t: 0xd0c\n", None),
        (None, None),
    ],
)
def test_the_processor_is_told_by_its_kind(tmp_path, cpuinfo, told):
    path = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        path.write_text(cpuinfo)
    assert provenance._processor(path) == (told or platform.processor() or platform.machine())


def test_plain_makes_json_of_anything():
    value = {"a": np.float32(1.5), "b": (1, np.arange(2)), "c": Path("x"), "d": float("nan"), 3: EXPERT}
    assert json.loads(json.dumps(records.plain(value), allow_nan=False)) == {
        "a": 1.5,
        "b": [1, [0, 1]],
        "c": "x",
        "d": "nan",
        "3": records.plain(EXPERT),
    }


def test_numbers_that_json_lacks_are_read_as_they_were_written(tmp_path):
    """An expert whose return is not known, such as a data set in which no trajectory is whole."""
    experts = [records.Expert("d.npz", value, 300, "c") for value in (float("nan"), float("inf"), 1.5)]
    record = make_record("demos-sac", experts=experts, config={"options": {"most": float("-inf")}, "guide": "nan"})
    record = dataclasses.replace(record, wall_seconds=float("nan"), provenance={"rates": [1.0, float("inf")]})
    records.write(record, tmp_path / "record")
    again = records.read(tmp_path / "record")
    returns = [expert.episode_return for expert in again.experts]
    np.testing.assert_array_equal(returns, [np.nan, np.inf, 1.5])
    assert np.isnan(again.wall_seconds) and again.provenance == {"rates": [1.0, np.inf]}
    assert again.config["options"] == {"most": -np.inf} and again.config["guide"] == "nan"
    assert "–" in summary_tables._expert(again)
