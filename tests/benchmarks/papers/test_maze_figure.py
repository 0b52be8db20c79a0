"""The picture of a maze: its walls and its trajectories, one line each."""

from __future__ import annotations

import numpy as np

from benchmarks.papers.pex import maze_figure
from guided_rl.data.replay import Layout
from guided_rl.envs import make
from guided_rl.envs.mazes import POINT


def walks() -> np.ndarray:
    """Two trajectories of five steps along x, the second one from (1, 1)."""
    layout = Layout.of(4, 2)
    rows = np.zeros((10, layout.width), np.float32)
    columns = {"obs": slice(0, 4), "next_obs": slice(8, 12)}
    place = np.r_[np.arange(6.0), 1 + np.arange(6.0)] / 10
    for row, start in enumerate([0, 1, 2, 3, 4, 6, 7, 8, 9, 10]):
        rows[row, columns["obs"]] = [place[start], row >= 5, 0, 0]
        rows[row, columns["next_obs"]] = [place[start + 1], row >= 5, 0, 0]
    return rows


def test_each_trajectory_is_a_line_and_each_wall_a_patch():
    env = make("PointMaze-umaze", "native")
    paths = maze_figure.trajectories(walks(), env)
    assert [len(path) for path in paths] == [5, 5]
    np.testing.assert_allclose(paths[1][0], [0.1, 1.0])
    figure = maze_figure.picture({"fixed": walks(), "diverse": walks()}, env)
    axes = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title(loc="left") for axis in axes] == ["fixed", "diverse"]
    assert len(axes[0].patches) == len(POINT["umaze"].boxes()) + 1
    assert len(axes[0].lines) == 4  # a line and its first dot for each
    low, high = axes[0].get_ylim()
    assert low > high  # rows run downwards, as the layout is written
