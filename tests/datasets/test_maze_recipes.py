"""Waypoint datasets of the mazes: where they start, where they go, and how they are labelled."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.data.replay import Layout
from guided_rl.datasets import maze_recipes
from guided_rl.datasets.collection import Actor
from guided_rl.datasets.description import describe, trajectory_ends
from guided_rl.datasets.lookup import find_dataset
from guided_rl.envs import make
from guided_rl.envs.base import State
from guided_rl.envs.mazes import ANT, COMMANDED, POINT
from guided_rl.runtime.errors import UserError

LAYOUT = Layout.of(4, 2)


@pytest.fixture(scope="module")
def umaze():
    env = make("PointMaze-umaze", "native")
    walker, _ = maze_recipes._walker(env)
    kinds = ("fixed", "diverse")
    return env, {kind: maze_recipes.follow(env, POINT["umaze"], kind, walker, 3_000)[0] for kind in kinds}


def starts(rows: np.ndarray) -> np.ndarray:
    return LAYOUT.unpack(rows)["obs"][np.r_[True, trajectory_ends(rows, LAYOUT)[:-1]]]


def test_the_ball_follows_its_waypoints_to_the_goal(umaze):
    env, found = umaze
    columns = LAYOUT.unpack(found["fixed"])
    reached = np.add.reduceat(columns["reward"], np.arange(0, 3_000, env.episode_length)) > 0
    assert reached.mean() > 0.9


def test_trajectories_last_their_full_time_and_only_the_label_ends_them(umaze):
    env, found = umaze
    for rows in found.values():
        columns = LAYOUT.unpack(rows)
        ends = np.flatnonzero(trajectory_ends(rows, LAYOUT))
        np.testing.assert_array_equal(np.diff(ends), env.episode_length)
        np.testing.assert_array_equal(columns["reward"], columns["terminated"])
        distance = np.linalg.norm(columns["next_obs"][:, :2] - POINT["umaze"].mean_goal, axis=1)
        np.testing.assert_array_equal(columns["reward"], distance <= 0.4)


def test_starts_are_r_or_past_a_centre_and_diverse_data_cover_the_maze(umaze):
    env, found = umaze
    assert np.abs(starts(found["fixed"])[:, :2]).max() <= 0.05
    offset = starts(found["diverse"])[:, None, :2] - POINT["umaze"].centres
    inside = ((offset >= 0) & (offset <= 0.25)).all(-1)
    assert (inside.sum(1) == 1).all()
    assert inside.any(0).sum() > 4
    assert describe(found["diverse"], env).cells == 1.0
    seen = LAYOUT.unpack(found["diverse"])["obs"][:, :2]
    assert np.abs(LAYOUT.unpack(found["diverse"])["action"]).max() <= 1.0
    inside = np.linalg.norm(seen[:, None] - POINT["umaze"].centres, ord=np.inf, axis=-1).min(1)
    assert inside.max() < 0.5


def test_play_starts_anywhere_but_in_a_commanded_cell():
    commanded = maze_recipes.Commanded(make("PointMaze-medium", "native"), POINT["medium"], "play")
    qpos, _, told = jax.vmap(commanded._draw)(*jax.random.split(jax.random.key(0), (2, 500)))
    free = POINT["medium"].free
    began = {free[i] for i in np.linalg.norm(qpos[:, None, :2] - POINT["medium"].centres, axis=-1).argmin(1)}
    assert began == set(free) - set(COMMANDED["medium"])
    assert {free[i] for i in np.asarray(told["target"])} == set(COMMANDED["medium"])


def test_who_is_sent_beyond_the_test_cell_passes_the_test_goal():
    """Play's cell (6, 5) can only be reached through the test cell (6, 6), past whose centre the turn comes."""
    env, maze = make("PointMaze-medium", "native"), POINT["medium"]
    commanded = maze_recipes.Commanded(env, maze, "play")
    target = maze.free.index((6, 5))
    told = lambda place: commanded._told(
        State(None, jnp.array([*place, 0.0, 0.0]), 0.0, 0.0, {}, {}),
        {"target": jnp.int32(target), "goal": jnp.zeros(2), "command_key": jax.random.key(0)},
    )
    above = maze.centre((6, 6)) - np.float32([0.0, 0.2])
    way = np.asarray(told(above).obs[-2:])
    assert way[1] > 0 and (way + above - maze.centre((6, 6)) >= 0).all()  # down into the cell, not yet to the left
    below = maze.centre((6, 6)) + np.float32([0.1, 0.1])
    np.testing.assert_allclose(told(below).obs[-2:], -below, atol=1e-6)  # the goal itself, here at the origin


def test_actions_are_sampled_and_get_noise_beside(umaze):
    """The walker's own key is not the noise's: one that samples N(0, 1) gives the sum of both, clipped."""
    env, _ = umaze
    normal = Actor(jnp.zeros((1, 0)), lambda params, obs, key: 0.1 * jax.random.normal(key, (2,)))
    rows = maze_recipes.follow(env, POINT["umaze"], "fixed", normal, 3_000)[0]
    spread = LAYOUT.unpack(rows)["action"].std()
    assert spread == pytest.approx(np.hypot(0.1, 0.2), rel=0.05)


def test_the_ant_is_told_the_way_and_its_rows_are_observations_without_it(monkeypatch):
    """A stand-in for the ant's expert, which records nothing but needs all the same inputs."""
    env = make("AntMaze-medium", "native")
    still = Actor(jnp.zeros((2, 1)), lambda params, obs, key: jnp.tanh(obs[-2]) * jnp.ones(8))
    rows = maze_recipes.follow(env, ANT["medium"], "play", still, 200)
    layout = Layout.of(29, 8)
    assert rows.shape == (2, 200, layout.width)
    columns = layout.unpack(rows)
    going_on = ~np.stack([trajectory_ends(part, layout) for part in rows])
    assert going_on.mean() > 0.9
    assert columns["obs"].shape == (2, 200, 29)
    assert not columns["reward"].any()


@pytest.mark.parametrize("kind", ["fixed", "diverse"])
def test_commanded_goals_lie_in_their_cells_as_the_test_goal_does(kind):
    """Up to 1.5 m from the centre on each axis, 0.75 m on average: where the labels' goal is."""
    commanded = maze_recipes.Commanded(make("AntMaze-umaze", "native"), ANT["umaze"], kind)
    _, _, told = jax.vmap(commanded._draw)(*jax.random.split(jax.random.key(0), (2, 500)))
    offset = np.asarray(told["goal"]) - ANT["umaze"].centres[np.asarray(told["target"])]
    assert offset.min() >= 0
    assert 1.25 < offset.max() <= 1.5
    np.testing.assert_allclose(offset.mean(0), 0.75, atol=0.05)
    if kind == "fixed":
        cell = ANT["umaze"].centre(ANT["umaze"].find("G"))
        np.testing.assert_allclose(np.asarray(told["goal"]).mean(0), ANT["umaze"].mean_goal, atol=0.05)
        assert (np.asarray(told["goal"]) >= cell).all()


def test_kinds_belong_to_their_mazes_and_the_ant_needs_its_expert(monkeypatch, tmp_path):
    monkeypatch.setenv("GUIDED_RL_CACHE", str(tmp_path))
    env = make("PointMaze-umaze", "native")
    with pytest.raises(UserError, match="has no dataset 'play' of waypoints; of this sort it has fixed and diverse"):
        find_dataset("play:500", env, LAYOUT)
    rows = find_dataset("fixed:500", env, LAYOUT)
    np.testing.assert_array_equal(rows, find_dataset("fixed:500", env, LAYOUT))
    monkeypatch.setattr("guided_rl.guides.find.expert_folders", lambda: [tmp_path])
    with pytest.raises(UserError, match="there are no experts of AntReach"):
        find_dataset("fixed:500", make("AntMaze-umaze", "native"), Layout.of(29, 8))
