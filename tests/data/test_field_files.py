"""Datasets as users really have them: others' names, formats and flags; each is read rightly or named in a sentence."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from guided_rl import envs
from guided_rl.data.replay import Layout
from guided_rl.datasets.lookup import find_dataset
from guided_rl.runtime.errors import UserError

LAYOUT = Layout.of(4, 1)
ROWS = 30


def columns(rows: int = ROWS, **changes) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    found = {
        "observations": random.normal(size=(rows, 4)),
        "actions": random.uniform(-1, 1, (rows, 1)),
        "rewards": np.ones(rows),
        "terminals": np.zeros(rows, bool),
        "next_observations": random.normal(size=(rows, 4)),
    }
    return {name: value for name, value in {**found, **changes}.items() if value is not None}


def read(path: Path | str) -> np.ndarray:
    return find_dataset(str(path), envs.make("InvertedPendulum-v5"), LAYOUT)[0]


def refused(path: Path | str) -> str:
    with pytest.raises(UserError) as caught:
        read(path)
    return str(caught.value)


def npz(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "d.npz", **arrays)
    return folder / "d.npz"


def hdf5(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def test_the_names_that_the_file_has_are_listed_with_what_to_rename(tmp_path):
    have = columns(terminals=None)
    arrays = {"obs": have["observations"], "acts": have["actions"], "rews": have["rewards"], "dones": have["rewards"]}
    said = refused(npz(tmp_path, **arrays))
    assert "it has acts, dones, obs, rews" in said
    for rename in ("obs to observations", "acts to actions", "rews to rewards", "dones to terminations"):
        assert rename in said
    said = refused(npz(tmp_path, **columns(terminals=None, dones=np.zeros(ROWS))))
    assert "no terminations" in said and "rename dones to terminations, where they mark no time limit" in said


def test_groups_of_another_layout_are_listed(tmp_path):
    have = columns()
    arrays = {f"data/demo_{i}/{name}": have[name] for i in range(3) for name in ("actions", "rewards", "observations")}
    said = refused(hdf5(tmp_path / "d.hdf5", arrays))
    assert "no observations" in said and "data/demo_0/actions" in said


def test_columns_that_nobody_needs_are_not_read(tmp_path):
    objects = np.array([{} for _ in range(ROWS)], dtype=object)
    assert read(npz(tmp_path, **columns(), infos=objects)).shape == (ROWS, LAYOUT.width)
    said = refused(npz(tmp_path, **columns(rewards=objects)))
    assert said.startswith("rewards of the dataset")


def test_capitals_and_minaris_folder_are_read(tmp_path):
    path = hdf5(tmp_path / "d.HDF5", columns())
    np.testing.assert_array_equal(read(path), read(npz(tmp_path, **columns())))
    folder = tmp_path / "minari" / "data"
    folder.mkdir(parents=True)
    have = columns(terminals=None, next_observations=None)
    names = ("actions", "rewards")
    episode = {name: have[name][:-1] for name in names} | {"terminations": have["rewards"][:-1] * 0}
    both = {"observations": have["observations"], **episode}
    hdf5(folder / "main_data.hdf5", {f"episode_0/{name}": array for name, array in both.items()})
    assert len(read(tmp_path / "minari")) == ROWS - 1


@pytest.mark.parametrize(
    ("name", "words"), [("d.pkl", "is a pickle"), ("d.csv", ".csv"), ("folder", "the folder"), ("d", "no suffix")]
)
def test_other_formats_are_named(tmp_path, name, words):
    path = tmp_path / name
    path.mkdir() if name == "folder" else path.write_bytes(pickle.dumps([{}]))
    assert words in refused(path)


def test_flags_that_mark_no_end_are_refused_where_the_next_row_would_be_believed(tmp_path):
    rows, none = 3000, np.zeros(3000, bool)
    arrays = columns(rows, next_observations=None, timeouts=none)
    said = refused(npz(tmp_path, **arrays))
    assert "no end marked in 3000 rows from row 0 on" in said and "at most 1000" in said
    ends = none.copy()
    ends[[999, 1999]] = True
    assert len(read(npz(tmp_path, **columns(rows, next_observations=None, timeouts=ends)))) == rows - 3
    assert len(read(npz(tmp_path, **columns(rows, timeouts=none)))) == rows


def test_numbers_beyond_float32_are_infinite_and_refused(tmp_path):
    said = refused(npz(tmp_path, **columns(rewards=np.where(np.arange(ROWS) == 7, 1e300, 1.0))))
    assert "rewards" in said and "float32, first in row 7" in said
