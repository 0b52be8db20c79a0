"""No file runs code, and a damaged one gets one sentence or is read rightly."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guided_rl import envs
from guided_rl.data.replay import Layout
from guided_rl.datasets.lookup import find_dataset
from guided_rl.guides import find_guide
from guided_rl.guides.offline_agents import read_agents, write_agents
from guided_rl.results import records
from guided_rl.runtime.errors import UserError
from tests.methods.offline_agents import offline_agents
from tests.results.synthetic import make_record

ROOT = Path(__file__).parents[2]
ENV = envs.make("InvertedPendulum-v5")
ROWS = 12


class Hostile:
    """Unpickled by itself, it makes a file."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def columns() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0).uniform(-1, 1, (ROWS, 10)).astype(np.float32)
    names = ("observations", "actions", "next_observations")
    found = dict(zip(names, np.split(draw[:, :9], (4, 5), axis=1), strict=True))
    return {**found, "rewards": draw[:, 9], "terminations": np.zeros(ROWS, np.float32)}


def write_npz(path: Path) -> None:
    np.savez(path, **columns())


def write_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name, array in columns().items():
            file[name] = array


def write_weights(path: Path) -> None:
    for suffix in (".npz", ".json"):
        shutil.copy(ROOT / "experts" / f"HalfCheetah-v5{suffix}", path.with_suffix(suffix))


def read_rows(path: Path) -> None:
    rows = find_dataset(str(path), ENV, Layout.of(ENV.observation_size, ENV.action_space.width))
    assert np.isfinite(rows).all() and rows.shape[-1] == 11


def read_weights(path: Path) -> None:
    from guided_rl.guides.expert_weights import read_weights as read

    policies, _ = read(path)
    assert all(np.isfinite(layer["kernel"]).all() for layers in policies.values() for layer in layers)


READERS: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
    "rows.npz": (write_npz, read_rows),
    "rows.hdf5": (write_hdf5, read_rows),
    "weights.npz": (write_weights, read_weights),
    "agents.npz": (
        lambda path: write_agents(path, offline_agents(2), {"task": ENV.name, "returns": [1.0, 2.0], "rows": 3}),
        lambda path: read_agents(path),
    ),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    for name, (write, read) in READERS.items():
        write(folder / name)
        read(folder / name)
    return {name: (folder / name).read_bytes() for name in READERS}


def one_sentence(read: Callable[[], object]) -> None:
    """Read rightly, or refused in one sentence."""
    try:
        read()
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) > 20


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_refused_or_read_rightly(name, data, whole, tmp_path):
    """Cut short, with bytes changed anywhere, or with bytes put in."""
    content = bytearray(whole[name])
    kind = data.draw(st.sampled_from(("cut", "change", "insert")))
    at = data.draw(st.integers(0, len(content) - 1))
    if kind == "cut":
        del content[at:]
    elif kind == "change":
        content[at : at + 4] = data.draw(st.binary(min_size=4, max_size=4))
    else:
        content[at:at] = data.draw(st.binary(min_size=1, max_size=16))
    path = tmp_path / name
    READERS[name][0](path)
    path.write_bytes(bytes(content))
    one_sentence(lambda: READERS[name][1](path))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_records_are_refused(data, tmp_path):
    folder = tmp_path / "record"
    if not folder.exists():
        records.write(make_record("sac", "task"), tmp_path / "whole")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tmp_path / "whole", folder)
    name = data.draw(st.sampled_from(("record.json", "returns.parquet", "training.parquet")))
    content = bytearray((folder / name).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at : at + 3] = data.draw(st.binary(max_size=3))
    (folder / name).write_bytes(bytes(content))
    one_sentence(lambda: records.read(folder))


@given(text=st.text(max_size=60))
def test_any_text_as_a_guide_or_a_dataset_is_found_or_refused(text):
    one_sentence(lambda: find_guide(text, ENV))
    one_sentence(lambda: find_dataset(text, ENV, Layout.of(4, 1)))


def test_no_reader_runs_what_a_file_names(tmp_path):
    trace = tmp_path / "trace"
    hostile = pickle.dumps((Hostile(trace), {"params": {}}))
    (tmp_path / "policy").write_bytes(hostile)
    np.savez(tmp_path / "rows.npz", observations=np.array([Hostile(trace)], object))
    (tmp_path / "rows.pkl").write_bytes(hostile)
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("data", "{}")
        archive.writestr("policy.pth", hostile)
    (tmp_path / "statistics.pkl").write_bytes(hostile)
    shutil.copy(Path(__file__).parents[1] / "guides" / "sb3_sac.zip", tmp_path / "sac.zip")
    pytest.importorskip("brax")
    layout = Layout.of(4, 1)
    for read in (
        lambda: find_guide(f"brax:{tmp_path / 'policy'}", ENV),
        lambda: find_guide(f"sb3:{tmp_path / 'model.zip'}", ENV),
        lambda: find_guide(f"sb3:{tmp_path / 'sac.zip'},vecnormalize={tmp_path / 'statistics.pkl'}", ENV),
        lambda: find_dataset(str(tmp_path / "rows.npz"), ENV, layout),
        lambda: find_dataset(str(tmp_path / "rows.pkl"), ENV, layout),
    ):
        with pytest.raises(UserError):
            read()
    assert not trace.exists()
    pickle.loads(hostile)
    assert trace.exists()  # so that the attack would have been seen
