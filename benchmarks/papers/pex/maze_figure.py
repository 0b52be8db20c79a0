"""A picture of each maze with trajectories of its dataset."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from guided_rl.data.replay import Layout
from guided_rl.datasets.description import trajectory_ends
from guided_rl.envs.base import Env
from guided_rl.envs.mazes import Maze, maze_of
from guided_rl.results.plot_style import PALETTE, STYLE, panels

WALL, GOAL, START = "#CFCFCF", "#D55E00", "#222222"


def picture(datasets: Mapping[str, np.ndarray], env: Env, most: int = 40) -> Figure:
    """One panel per dataset: walls, the test goal, and up to `most` whole trajectories, each from its dot.

    Args:
      datasets: name to rows [rows, width] of one expert, in the order of time.
    """
    maze = maze_of(env.name)
    with matplotlib.rc_context(STYLE):
        figure, axes = panels(list(datasets), f"{env.name}: waypoint data")
        figure.set_size_inches(3.6 * len(datasets) + 0.4, 4.2)
        for axis, rows in zip(axes, datasets.values(), strict=True):
            _draw_maze(axis, maze)
            for number, path in enumerate(trajectories(rows, env)[:most]):
                colour = PALETTE[number % len(PALETTE)]
                axis.plot(*path.T, color=colour, lw=0.7, alpha=0.7)
                axis.plot(*path[0], color=colour, marker="o", ms=2.5)
    return figure


def trajectories(rows: np.ndarray, env: Env) -> list[np.ndarray]:
    """Places [steps, 2] of each trajectory."""
    layout = Layout.of(env.observation_size, env.action_space.width)
    places = layout.unpack(rows)["obs"][:, :2]
    return np.split(places, np.flatnonzero(trajectory_ends(rows, layout))[:-1] + 1)


def _draw_maze(axis, maze: Maze) -> None:
    for centre, half in maze.boxes():
        axis.add_patch(Rectangle(centre - half, *(2 * half), color=WALL, lw=0))
    axis.add_patch(Circle(maze.mean_goal, maze.success, fill=False, color=GOAL, lw=1.5))
    axis.annotate("start", (0, 0), ha="center", va="center", fontsize=7, color=START)
    low, high = maze.centre((0, 0)), maze.centre(tuple(np.subtract(maze.grid.shape, 1)))
    axis.set_xlim(low[0] - maze.scale / 2, high[0] + maze.scale / 2)
    axis.set_ylim(high[1] + maze.scale / 2, low[1] - maze.scale / 2)  # rows downwards, as the layout is written
    axis.set_aspect("equal")
    axis.grid(False)
