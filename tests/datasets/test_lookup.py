"""Datasets by name and from users' files, hostile ones included."""

import h5py
import numpy as np
import pytest

from guided_rl.data.replay import Layout
from guided_rl.datasets.lookup import find_dataset
from guided_rl.envs import make
from guided_rl.guides.expert_weights import write_weights
from guided_rl.runtime.errors import UserError
from tests.guides.test_find import layers

TASK, ROWS = "InvertedPendulum-v5", 10
LAYOUT = Layout.of(4, 1)


@pytest.fixture(scope="module")
def env():
    return make(TASK, "native")


@pytest.fixture
def columns():
    draw = np.random.default_rng(0)
    return {
        "observations": draw.normal(size=(ROWS, 4)),
        "actions": draw.uniform(-1, 1, (ROWS, 1)),
        "rewards": draw.normal(size=ROWS).astype(np.float32),
        "terminations": np.arange(ROWS) == 4,
        "next_observations": draw.normal(size=(ROWS, 4)),
    }


def npz(tmp_path, columns):
    np.savez(tmp_path / "mine.npz", **columns)
    return str(tmp_path / "mine.npz")


def minari(tmp_path, *episodes):
    with h5py.File(tmp_path / "main_data.hdf5", "w") as file:
        for i, episode in enumerate(episodes):
            group = file.create_group(f"episode_{i}")
            for name, array in episode.items():
                group[name] = array
    return str(tmp_path / "main_data.hdf5")


def episode(steps, seed=0):
    draw = np.random.default_rng(seed)
    return {
        "observations": draw.normal(size=(steps + 1, 4)),
        "actions": draw.uniform(-3, 3, (steps, 1)),
        "rewards": draw.normal(size=steps),
        "terminations": np.arange(steps) == steps - 1,
        "truncations": np.zeros(steps, bool),
    }


def refused(named, env):
    with pytest.raises(UserError) as caught:
        find_dataset(named, env, LAYOUT)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_own_rows_are_kept_as_they_are(env, tmp_path, columns):
    rows = find_dataset(npz(tmp_path, columns), env, LAYOUT)
    assert rows.shape == (1, ROWS, LAYOUT.width)
    assert rows.dtype == np.float32
    read = LAYOUT.unpack(rows[0])
    np.testing.assert_allclose(read["obs"], columns["observations"], rtol=1e-6)
    np.testing.assert_allclose(read["next_obs"], columns["next_observations"], rtol=1e-6)
    np.testing.assert_array_equal(read["reward"], columns["rewards"])
    np.testing.assert_array_equal(read["terminated"], columns["terminations"])


def test_other_names_and_column_vectors_are_understood(env, tmp_path, columns):
    columns["terminals"] = columns.pop("terminations")[:, None].astype(np.uint8)
    columns["rewards"] = columns["rewards"][:, None]
    assert find_dataset(npz(tmp_path, columns), env, LAYOUT).shape[1] == ROWS


def test_without_next_observations_truncated_rows_are_dropped(env, tmp_path, columns):
    del columns["next_observations"]
    columns["timeouts"] = np.arange(ROWS) == 6
    read = LAYOUT.unpack(find_dataset(npz(tmp_path, columns), env, LAYOUT)[0])
    kept = [0, 1, 2, 3, 4, 5, 7, 8]
    np.testing.assert_allclose(read["obs"], columns["observations"][kept], rtol=1e-6)
    goes_on = read["terminated"] == 0
    np.testing.assert_allclose(
        read["next_obs"][goes_on], columns["observations"][np.array(kept)[goes_on] + 1], rtol=1e-6
    )


def test_d4rl_files_are_read(env, tmp_path, columns):
    columns["terminals"] = columns.pop("terminations")
    columns["timeouts"] = np.zeros(ROWS, bool)
    with h5py.File(tmp_path / "d4rl.hdf5", "w") as file:
        for name, array in columns.items():
            file[name] = array
        file["infos/qpos"] = np.zeros((ROWS, 2))
    assert find_dataset(str(tmp_path / "d4rl.hdf5"), env, LAYOUT).shape == (1, ROWS, LAYOUT.width)


def test_minari_files_are_read_and_their_actions_scaled(env, tmp_path):
    episodes = [episode(3, seed) for seed in range(11)]
    rows = find_dataset(minari(tmp_path, *episodes), env, LAYOUT)
    read = LAYOUT.unpack(rows[0])
    assert rows.shape[1] == 33
    np.testing.assert_allclose(read["obs"][30:], episodes[10]["observations"][:-1], rtol=1e-6)
    np.testing.assert_allclose(read["next_obs"][30:], episodes[10]["observations"][1:], rtol=1e-6)
    np.testing.assert_allclose(read["action"][:3], episodes[0]["actions"] / 3, atol=1e-6)


HOSTILE = {
    "no actions": (lambda c: c.pop("actions"), "has no actions; it has next_observations"),
    "no end": (lambda c: c.pop("terminations"), "has no terminations"),
    "no next": (lambda c: c.pop("next_observations"), "neither next_observations nor truncations"),
    "ragged": (lambda c: c.update(rewards=c["rewards"][:-1]), "need"),
    "narrow": (lambda c: c.update(observations=c["observations"][:, :3]), r"shape \(10, 3\)"),
    "flat": (lambda c: c.update(actions=c["actions"][:, 0]), r"shape \(10,\)"),
    "NaN": (lambda c: c["observations"].__setitem__((3, 1), np.nan), "NaN or infinity in float32, first in row 3"),
    "infinite": (lambda c: c["rewards"].__setitem__(7, np.inf), "first in row 7"),
    "words": (lambda c: c.update(rewards=np.array(["x"] * ROWS)), "not numbers"),
    "flags": (lambda c: c.update(terminations=np.full(ROWS, 0.5)), "other values than 0 and 1"),
    "far": (lambda c: c.update(actions=c["actions"] * 5), r"outside \[-1, 1\]"),
    "empty": (lambda c: c.update({k: v[:0] for k, v in c.items()}), "is empty"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_get_one_sentence(env, tmp_path, columns, case):
    spoil, sentence = HOSTILE[case]
    spoil(columns)
    with pytest.raises(UserError, match=sentence):
        find_dataset(npz(tmp_path, columns), env, LAYOUT)


def test_objects_are_refused(env, tmp_path, columns):
    columns["observations"] = np.array([[1.0], [2.0, 3.0]], dtype=object)
    assert "plain numbers" in refused(npz(tmp_path, columns), env)


@pytest.mark.parametrize("keep", [0, 60, -30])
def test_a_truncated_npz_is_refused(env, tmp_path, columns, keep):
    path = npz(tmp_path, columns)
    content = open(path, "rb").read()[:keep]
    open(path, "wb").write(content)
    assert "cannot be read" in refused(path, env)


@pytest.mark.parametrize("keep", [0, 60, 2000])
def test_a_truncated_hdf5_is_refused(env, tmp_path, keep):
    path = minari(tmp_path, episode(500))
    content = open(path, "rb").read()[:keep]
    open(path, "wb").write(content)
    assert "cannot be read" in refused(path, env)


def test_hostile_minari_files_get_one_sentence(env, tmp_path):
    short = episode(4)
    short["rewards"] = short["rewards"][:2]
    assert "ragged" in refused(minari(tmp_path, short), env)
    cut = episode(4)
    cut["observations"] = cut["observations"][:-1]
    assert "keeps one more" in refused(minari(tmp_path, cut), env)
    without = episode(4)
    del without["actions"]
    assert "has no actions" in refused(minari(tmp_path, without), env)
    wide = episode(4)
    wide["observations"] = np.zeros((5, 9))
    assert "differ in shape" in refused(minari(tmp_path, episode(4), wide), env)
    assert "shape (4, 9)" in refused(minari(tmp_path, wide), env)


@pytest.mark.parametrize(
    "named, sentence",
    [("demo", "did you mean demos"), ("demos@60", "did you mean demos@50"), ("demos:many", "unknown dataset")],
)
def test_unknown_names_get_the_nearest(env, named, sentence):
    assert sentence in refused(named, env)


@pytest.mark.parametrize("named", ["nowhere.npz", "nowhere.hdf5"])
def test_a_missing_file_is_named(env, named):
    assert f"there is no dataset {named}" in refused(named, env)


def test_columns_of_a_methods_own_are_refused(env):
    with pytest.raises(UserError, match="stores advice"):
        find_dataset("demos", env, Layout.of(4, 1, {"advice": 1}))


def test_demonstrations_are_of_the_level_and_length_named(env, tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_RL_EXPERTS", str(tmp_path))
    monkeypatch.setenv("GUIDED_RL_CACHE", str(tmp_path))
    facts = {"task": TASK, "observation_size": 4, "action_size": 1}
    write_weights(tmp_path / f"{TASK}.npz", {"sac@50": layers(2, experts=3)}, facts)
    assert find_dataset("demos@50:2", env, LAYOUT).shape == (3, 2000, LAYOUT.width)
    assert "did you mean sac@50" in refused("demos", env)
    assert "from 1 to 1000" in refused("demos@50:0", env)


def test_observations_alone_are_enough_for_who_reads_nothing_else(env, columns, tmp_path):
    alone = {name: columns[name] for name in ("observations", "next_observations")}
    read = LAYOUT.unpack(find_dataset(npz(tmp_path, alone), env, LAYOUT, observations_only=True)[0])
    np.testing.assert_array_equal(read["next_obs"], columns["next_observations"].astype(np.float32))
    assert np.isnan(read["action"]).all()
    with pytest.raises(UserError, match="has no actions"):
        find_dataset(npz(tmp_path, alone), env, LAYOUT)
    with pytest.raises(UserError, match="has no observations"):
        find_dataset(npz(tmp_path, {"next_observations": alone["observations"]}), env, LAYOUT, observations_only=True)


def test_a_pair_needs_both_its_states(env, columns, tmp_path):
    """Without s' the next row is it, but not across an episode's end, terminated or truncated."""
    columns = {name: columns[name] for name in ("observations", "terminations")}
    columns["truncations"] = np.arange(ROWS) == 7
    read = LAYOUT.unpack(find_dataset(npz(tmp_path, columns), env, LAYOUT, observations_only=True)[0])
    obs, kept = columns["observations"].astype(np.float32), [0, 1, 2, 3, 5, 6, 8]
    np.testing.assert_array_equal(read["obs"], obs[kept])
    np.testing.assert_array_equal(read["next_obs"], obs[np.add(kept, 1)])
