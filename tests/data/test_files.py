"""D4RL's and Minari's own layouts, written here as they write them, and spoiled ones."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from guided_rl.data.replay import Layout
from guided_rl.datasets.lookup import find_dataset
from guided_rl.envs import make
from guided_rl.runtime.errors import UserError

OBS, ACTION, ROWS = 4, 1, 12
LAYOUT = Layout.of(OBS, ACTION)


@pytest.fixture(scope="module")
def env():
    return make("InvertedPendulum-v5", "native")


def d4rl(path, spoil=lambda arrays: None) -> str:
    """Two trajectories: one that fails after row 4, one that is timed out after row 10."""
    draw = np.random.default_rng(0)
    arrays = {
        "observations": draw.normal(size=(ROWS, OBS)).astype(np.float32),
        "actions": draw.uniform(-1, 1, (ROWS, ACTION)).astype(np.float32),
        "rewards": draw.normal(size=ROWS).astype(np.float32),
        "terminals": np.arange(ROWS) == 4,
        "timeouts": np.arange(ROWS) == 10,
        "infos/qpos": np.zeros((ROWS, 2)),
        "infos/qvel": np.zeros((ROWS, 2)),
        "infos/action_log_probs": np.zeros(ROWS),
        "metadata/policy/fc0/weight": np.zeros((3, 3)),
        "metadata/algorithm": np.bytes_("SAC"),
    }
    spoil(arrays)
    with h5py.File(path / "d4rl.hdf5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return str(path / "d4rl.hdf5")


def minari(path, spoil=lambda episodes: None) -> str:
    """`<name>/data/main_data.hdf5` with metadata beside it; episodes of 3 and 5 steps."""
    draw = np.random.default_rng(1)
    episodes = []
    for steps in (3, 5):
        episodes.append(
            {
                "observations": draw.normal(size=(steps + 1, OBS)),
                "actions": draw.uniform(-3, 3, (steps, ACTION)).astype(np.float32),
                "rewards": draw.normal(size=steps),
                "terminations": np.arange(steps) == steps - 1,
                "truncations": np.zeros(steps, bool),
                "infos/distance": np.zeros(steps + 1),
            }
        )
    spoil(episodes)
    data = path / "mujoco" / "pendulum" / "medium-v0" / "data"
    data.mkdir(parents=True)
    (data / "metadata.json").write_text(json.dumps({"total_episodes": 2, "total_steps": 8, "data_format": "hdf5"}))
    with h5py.File(data / "main_data.hdf5", "w") as file:
        for number, episode in enumerate(episodes):
            group = file.create_group(f"episode_{number}")
            group.attrs.update({"id": number, "seed": number, "total_steps": len(episode["rewards"])})
            for name, array in episode.items():
                group[name] = array
    return str(data / "main_data.hdf5")


def test_d4rls_timeouts_cut_and_its_terminals_end(env, tmp_path):
    """As d4rl.qlearning_dataset: s' is the next row, timed-out rows go, and the last row has no s'."""
    named = d4rl(tmp_path)
    columns = LAYOUT.unpack(find_dataset(named, env, LAYOUT)[0])
    with h5py.File(named) as file:
        obs = file["observations"][()]
    kept = [*range(10)]
    np.testing.assert_array_equal(columns["obs"], obs[kept])
    np.testing.assert_array_equal(columns["terminated"], np.arange(10) == 4)
    going_on = [row for row in kept if row != 4]
    np.testing.assert_array_equal(columns["next_obs"][going_on], obs[np.array(going_on) + 1])


def test_minaris_last_observation_is_the_last_next_one(env, tmp_path):
    named = minari(tmp_path)
    columns = LAYOUT.unpack(find_dataset(named, env, LAYOUT)[0])
    with h5py.File(named) as file:
        second = file["episode_1/observations"][()].astype(np.float32)
    np.testing.assert_array_equal(columns["obs"][3:], second[:-1])
    np.testing.assert_array_equal(columns["next_obs"][3:], second[1:])
    np.testing.assert_array_equal(np.flatnonzero(columns["terminated"]), [2, 7])
    assert np.abs(columns["action"]).max() <= 1


def put(name, value):
    return lambda arrays: arrays.update({name: value(arrays[name])})


def drop(name):
    return lambda arrays: arrays.pop(name)


D4RL = {
    "no terminals": (drop("terminals"), "has no terminations"),
    "no rewards": (drop("rewards"), "has no rewards"),
    "no cuts": (drop("timeouts"), "neither next_observations nor truncations"),
    "ragged": (put("actions", lambda a: a[:-2]), r"actions .* shape \(10, 1\)"),
    "NaN": (put("observations", lambda a: np.where(np.arange(ROWS)[:, None] == 7, np.nan, a)), "first in row 7"),
    "text": (put("rewards", lambda a: np.array([b"much"] * ROWS)), "not numbers"),
    "complex": (put("rewards", lambda a: a.astype(np.complex64)), "complex64, not numbers"),
    "another task": (put("observations", lambda a: np.zeros((ROWS, 17))), r"\(12, 17\), but InvertedPendulum-v5"),
    "unscaled": (put("actions", lambda a: 30 * a), r"outside \[-1, 1\]"),
    "counts for flags": (put("terminals", lambda a: np.arange(ROWS)), "other values than 0 and 1"),
}


@pytest.mark.parametrize("case", D4RL)
def test_spoiled_d4rl_files_get_one_sentence(env, tmp_path, case):
    spoil, sentence = D4RL[case]
    with pytest.raises(UserError, match=sentence) as caught:
        find_dataset(d4rl(tmp_path, spoil), env, LAYOUT)
    assert "\n" not in str(caught.value)


def second(change):
    return lambda episodes: change(episodes[1])


def as_dict(episode):
    episode["observations/observation"] = episode.pop("observations")
    episode["observations/desired_goal"] = np.zeros((6, 2))


MINARI = {
    "no terminations": (second(drop("terminations")), "episode_1 .* has no terminations"),
    "ragged": (second(put("rewards", lambda a: a[:-1])), "episode_1 .* is ragged"),
    "no last observation": (second(put("observations", lambda a: a[:-1])), "Minari keeps one more"),
    "NaN": (second(put("actions", lambda a: a * np.nan)), "NaN or infinity in float32, first in row 3"),
    "text": (lambda es: [put("rewards", lambda a: np.array([b"x"] * len(a)))(e) for e in es], "not numbers"),
    "a dictionary": (lambda es: [as_dict(e) for e in es[1:]], "are a group of arrays"),
    "another task": (second(put("observations", lambda a: np.zeros((6, 9)))), "differ in shape"),
}


@pytest.mark.parametrize("case", MINARI)
def test_spoiled_minari_files_get_one_sentence(env, tmp_path, case):
    spoil, sentence = MINARI[case]
    with pytest.raises(UserError, match=sentence) as caught:
        find_dataset(minari(tmp_path, spoil), env, LAYOUT)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("write", [d4rl, minari])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_files_are_refused(env, tmp_path, write, share):
    named = write(tmp_path)
    with open(named, "rb") as file:
        content = file.read()
    with open(named, "wb") as file:
        file.write(content[: int(share * len(content))])
    with pytest.raises(UserError, match="cannot be read"):
        find_dataset(named, env, LAYOUT)
