"""Offline datasets as recipes: their sizes, their policies, their statistics, and what is kept of them."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.config import RunConfig
from guided_rl.data.replay import Layout
from guided_rl.datasets import recipes
from guided_rl.datasets.collection import collect
from guided_rl.datasets.demonstrations import data_folder
from guided_rl.datasets.description import describe, trajectory_ends
from guided_rl.datasets.lookup import find_dataset
from guided_rl.envs import make
from guided_rl.envs.reference_returns import REFERENCES, normalised
from guided_rl.guides.expert_weights import LEVELS, write_weights
from guided_rl.runtime.errors import UserError
from guided_rl.training.run import Run
from tests.guides.test_find import layers

TASK = "InvertedPendulum-v5"
LAYOUT = Layout.of(4, 1)
# Random actions all along: what counts is which rows are kept, and tiny agents can diverge.
RUN = RunConfig(
    task=TASK, method="sac", steps=400, seeds=3, first_seed=60, hidden=(16, 16), batch=16, warmup=0.75, evaluations=4
)


@pytest.fixture(scope="module")
def env():
    return make(TASK, "native")


@pytest.fixture
def experts(tmp_path, monkeypatch):
    """Untrained experts of three seeds, two of which are said to have been medium at steps 200 and 300."""
    monkeypatch.setenv("GUIDED_RL_EXPERTS", str(tmp_path))
    monkeypatch.setenv("GUIDED_RL_CACHE", str(tmp_path))
    facts = {
        "task": TASK,
        "observation_size": 4,
        "action_size": 1,
        "recipe": RUN.to_json(),
        "seeds": [60, 62],
        "environment_steps": {"until_chosen": {"25": [200, 300]}},
    }
    write_weights(tmp_path / f"{TASK}.npz", {f"sac@{level}": layers(2, experts=2) for level in LEVELS}, facts)


def test_random_actions_are_uniform_and_an_end_is_followed_by_a_fresh_start(env):
    rows = collect(recipes.uniform(env), env, 3_000, 0, "random")
    assert rows.shape == (1, 3_000, LAYOUT.width)
    columns = LAYOUT.unpack(rows[0])
    assert np.abs(columns["action"]).max() <= 1
    assert np.histogram(columns["action"], 4, (-1, 1))[0] == pytest.approx(750, rel=0.2)
    ends = trajectory_ends(rows[0], LAYOUT)
    assert (columns["terminated"] <= ends).all()
    begins = columns["obs"][1:][ends[:-1]]
    assert np.abs(begins).max() <= 0.0101
    fallen = columns["terminated"] > 0
    assert (np.abs(columns["next_obs"][fallen, 1]) > 0.2).all()


def test_a_time_limit_is_no_end():
    env = make("Reacher-v5", "native")
    rows = collect(recipes.uniform(env), env, 400, 0, "random")[0]
    columns, ends = (Layout.of(env.observation_size, env.action_space.width)).unpack(rows), None
    assert not columns["terminated"].any()
    ends = np.flatnonzero(trajectory_ends(rows, Layout.of(env.observation_size, env.action_space.width)))
    np.testing.assert_array_equal(ends % env.episode_length, env.episode_length - 1)


@pytest.mark.usefixtures("experts")
def test_mixtures_have_the_rows_asked_for_and_one_part_per_expert(env):
    shapes = {name: find_dataset(f"{name}:1000", env, LAYOUT).shape for name in ("random", "medium", "medium-expert")}
    assert shapes == {name: (1 if name == "random" else 2, 1000, LAYOUT.width) for name in shapes}
    mixed = find_dataset("medium-expert:1000", env, LAYOUT)
    np.testing.assert_array_equal(mixed[:, :500], find_dataset("medium:500", env, LAYOUT))
    np.testing.assert_array_equal(mixed[:, 500:], find_dataset("expert:500", env, LAYOUT))


@pytest.mark.slow
@pytest.mark.trains
@pytest.mark.usefixtures("experts")
def test_medium_replay_is_what_the_run_itself_stored(env):
    """Each expert's buffer as a run of its own has it; the longer one is thinned by whole trajectories."""
    rows = find_dataset("medium-replay", env, LAYOUT)
    assert rows.shape == (2, 200, LAYOUT.width)
    run = Run(dataclasses.replace(RUN, seeds=1))
    (members,) = run.plan.waves()
    inputs, seeds = run.inputs(members), jnp.asarray(run.seeds[members])
    init, chunk = (run.program(name, len(members)) for name in ("init", "chunk"))
    population = init(seeds, inputs)
    while int(population.step) < 200:
        population, _ = chunk(population, inputs)
    np.testing.assert_array_equal(rows[0], np.asarray(population.replay)[0, :200])
    starts = np.r_[True, trajectory_ends(rows[1], LAYOUT)[:-1]]
    assert np.abs(LAYOUT.unpack(rows[1])["obs"][starts]).max() <= 0.0101
    assert find_dataset("medium-replay:150", env, LAYOUT).shape == (2, 150, LAYOUT.width)
    with pytest.raises(UserError, match="has 200 rows per expert, not 5000"):
        find_dataset("medium-replay:5000", env, LAYOUT)


def test_a_buffer_whose_first_rows_are_lost_is_no_medium_replay(env, monkeypatch):
    facts = {"sha256": "s", "recipe": {**RUN.to_json(), "capacity": 250}, "seeds": [60, 62]}
    facts["environment_steps"] = {"until_chosen": {"25": [200, 300]}}
    monkeypatch.setattr(recipes, "_facts", lambda env: facts)
    with pytest.raises(UserError, match="kept 250 rows and were medium after 300"):
        recipes.replay_up_to_medium(env)


@pytest.mark.slow
@pytest.mark.trains
def test_a_repeated_training_that_diverges_gives_no_dataset(env, monkeypatch):
    facts = {
        "sha256": "s",
        "recipe": {**RUN.to_json(), "warmup": 0.01, "hparams": {"actor_lr": 1e30}},
        "seeds": [60, 62],
    }
    facts["environment_steps"] = {"until_chosen": {"25": [200, 300]}}
    monkeypatch.setattr(recipes, "_facts", lambda env: facts)
    with pytest.raises(UserError, match="diverged for seed 60, 62"):
        recipes.replay_up_to_medium(env)


def test_medium_is_the_policy_near_d4rls_where_the_experts_have_one(env, monkeypatch):
    """Else their 25 % policy, so that datasets of older experts stay what they were."""
    facts = {"sha256": "s", "policies": ["sac@25", "sac@100", "sac@medium"]}
    assert recipes.medium_level(facts) == "medium"
    assert recipes.medium_level({**facts, "policies": ["sac@25", "sac@100"]}) == recipes.medium_level({}) == "25"
    asked = []
    monkeypatch.setattr(recipes, "_facts", lambda env: facts)
    monkeypatch.setattr(recipes, "find_guide", lambda named, env: asked.append(named) or SimpleNamespace(source="s"))
    monkeypatch.setattr(recipes, "kept", lambda recipe, make: recipe)
    for mixture in ("medium", "expert"):
        recipes.dataset(recipes.Name(mixture, 1_000), env)
    assert asked == ["sac@medium", "sac@100"]


@pytest.mark.usefixtures("experts")
def test_a_dataset_is_made_once_and_again_if_it_was_altered(env, monkeypatch):
    first = find_dataset("medium:200", env, LAYOUT)
    made = []
    monkeypatch.setattr(recipes, "collect", lambda *a, **k: made.append(a) or first)
    np.testing.assert_array_equal(find_dataset("medium:200", env, LAYOUT), first)
    assert not made
    (path,) = data_folder().glob("*.npz")
    content = path.read_bytes()
    path.write_bytes(content[:-500] + bytes(500))
    with pytest.warns(UserWarning, match="truncated or altered"):
        find_dataset("medium:200", env, LAYOUT)
    assert made


@pytest.mark.usefixtures("experts")
@pytest.mark.parametrize(
    ("named", "sentence"),
    [("medum", "did you mean medium"), ("medium:7", "give at least 100"), ("fixed", "has no dataset 'fixed'")],
)
def test_names_and_sizes_that_cannot_be_are_refused(env, named, sentence):
    with pytest.raises(UserError, match=sentence):
        find_dataset(named, env, LAYOUT)


def test_statistics_are_those_of_whole_trajectories(env):
    rows = np.zeros((9, LAYOUT.width), np.float32)
    rows[:, 0], rows[:, 7], rows[:, 5] = np.arange(9), np.arange(1, 10), 1.0  # obs counts up, next_obs follows
    rows[3, 6] = rows[6, 6] = 1.0  # ended after rows 3 and 6
    rows[4:, 0] += 100
    rows[4:, 7] += 100
    rows[7:, [0, 7]] += 100
    found = describe(rows, env)
    np.testing.assert_array_equal(found.returns, [4.0, 3.0])
    np.testing.assert_array_equal(found.lengths, [4, 3])
    assert (found.rows, found.trajectories, found.reward) == (9, 2, 1.0)
    assert found.spread == pytest.approx((rows[:, 0].std() * 1e-9) ** 0.25, rel=1e-4)  # three entries never vary


@pytest.mark.slow
@pytest.mark.parametrize(("name", "low", "high"), [("random", -2, 2), ("medium", 10, 45), ("expert", 70, 105)])
def test_halfcheetahs_returns_lie_in_their_bands(name, low, high, tmp_path, monkeypatch):
    """Normalised returns of sampled actions: 0 is random, 100 the expert's mode; medium is about a third."""
    monkeypatch.setenv("GUIDED_RL_CACHE", str(tmp_path))
    env = make("HalfCheetah-v5", "native")
    rows = find_dataset(f"{name}:5000", env, Layout.of(env.observation_size, env.action_space.width))
    means = [normalised(env.name, describe(part, env).returns).mean() for part in rows]
    assert low < np.mean(means) < high, means
    assert REFERENCES[env.name].expert is not None
