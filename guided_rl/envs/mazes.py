"""D4RL's mazes: three layouts, a light point mass in them, and the ant.

Fu et al. 2020 (arXiv 2004.07219). An episode starts in cell R, and reaching the goal near cell G
pays 1 and ends it; nothing else does, and the goal is not observed. A return is therefore 0 or
1, and D4RL's score 100 times its mean. The goal is drawn anew at every reset (D4RL's v2). It
lies in the model's last two joints, which nothing moves.

`AntReach` is the open plane on which the ant learns to reach a goal: its policies, with
waypoints through a maze, collect AntMaze's datasets (`guided_rl.datasets.maze_recipes`).
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from guided_rl.envs.base import Task, uniform_start
from guided_rl.envs.gymnasium_mujoco import ASSETS
from guided_rl.physics.base import Simulation

LAYOUTS = {
    "umaze": "##### #R..# ###.# #G..# #####",
    "medium": "######## #R.##..# #..#...# ##...### #..#...# #.#..#.# #...#.G# ########",
    "large": (
        "############ #R...#.....# #.##.#.#.#.# #......#...# #.####.###.# #..#.#.....# ##.#.#.#.### #..#...#.G.# "
        "############"
    ),
}
# Cells (row, column) that D4RL commands where its data are of the "play" kind.
COMMANDED = {
    "umaze": ((3, 1),),
    "medium": ((2, 6), (5, 1), (6, 5)),
    "large": ((1, 6), (3, 5), (3, 10), (5, 2), (7, 4), (7, 6), (7, 9)),
}
TIME_LIMITS = {"AntMaze": {"umaze": 700, "medium": 1000, "large": 1000}}
TIME_LIMITS["PointMaze"] = {"umaze": 150, "medium": 300, "large": 400}
REACH_RADIUS = 10.0


@dataclass(frozen=True)
class Maze:
    """A layout at a scale.

    Attributes:
      name: key of `LAYOUTS`. scale: a cell's side in metres; R's centre is the origin.
      success: distance to the goal that counts as reached. jitter: the goal lies within
        [0, jitter · 1.5] of G's centre on each axis, as D4RL draws it.
    """

    name: str
    scale: float
    success: float
    jitter: float

    @functools.cached_property
    def grid(self) -> np.ndarray:
        """Characters [rows, columns]: wall `#`, free `.`, reset `R`, goal `G`."""
        return np.array([list(row) for row in LAYOUTS[self.name].split()])

    def find(self, letter: str) -> tuple[int, int]:
        row, column = np.argwhere(self.grid == letter)[0]
        return int(row), int(column)

    def centre(self, cell: tuple[int, int]) -> np.ndarray:
        """(x, y) of a cell's centre: x follows columns, y rows."""
        row, column = self.find("R")
        return self.scale * np.array([cell[1] - column, cell[0] - row], np.float32)

    @functools.cached_property
    def free(self) -> list[tuple[int, int]]:
        return [(int(r), int(c)) for r, c in np.argwhere(self.grid != "#")]

    @functools.cached_property
    def centres(self) -> np.ndarray:
        """Of every free cell, [cells, 2]."""
        return np.stack([self.centre(cell) for cell in self.free])

    def entered(self, place: jax.Array) -> jax.Array:
        """[2] -> (row, column) of the cell that counts as entered: of the last centres passed, as x and y grow.

        D4RL's `_xy_to_rowcol`, int(1 + x / scale) in its layouts, whose R is at (1, 1). A body turns only after the
        middle of a cell, where one that turns in the nearest cell would cut the corner. Left of a centre or above it
        the cell before counts, which may be a wall.
        """
        column, row = jnp.floor(jnp.maximum(place, 0.0) / self.scale).astype(int)
        return jnp.stack([row, column]) + jnp.asarray(self.find("R"))

    @functools.cached_property
    def hops(self) -> np.ndarray:
        """The next free cell's number on a shortest way from each cell to each free one, [rows, columns, cells].

        From the target to itself; -1 where there is no way. Walls count as places to start from, since `entered`
        names them. Of equally short ways D4RL's is taken: its breadth-first search looks left, right, down, up.
        """
        number = {cell: i for i, cell in enumerate(self.free)}
        hops = np.full((*self.grid.shape, len(number)), -1)
        for target, goal in enumerate(self.free):
            queue, seen = deque([goal]), {goal}
            hops[goal][target] = target
            while queue:
                row, column = queue.popleft()
                for cell in ((row, column - 1), (row, column + 1), (row + 1, column), (row - 1, column)):
                    if cell in seen:
                        continue
                    seen.add(cell)
                    hops[cell][target] = number[(row, column)]
                    if cell in number:
                        queue.append(cell)
        return hops

    def boxes(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The walls as few rectangles, (centre [2], half sides [2]) each: the same solid, fewer contacts to test."""
        left, boxes = self.grid == "#", []
        for row, column in np.argwhere(left):
            if not left[row, column]:
                continue
            right, bottom = column, row
            while right + 1 < left.shape[1] and left[row, right + 1]:
                right += 1
            while bottom + 1 < left.shape[0] and left[bottom + 1, column : right + 1].all():
                bottom += 1
            left[row : bottom + 1, column : right + 1] = False
            corners = np.stack([self.centre((row, column)), self.centre((bottom, right))])
            boxes.append((corners.mean(0), (corners[1] - corners[0] + self.scale) / 2))
        return boxes

    def draw_goal(self, key: jax.Array, centre: jax.Array | None = None) -> jax.Array:
        """(x, y): the cell's centre, G's if none is given, + U(0, 1) · jitter + U(0, ½) · jitter on each axis."""
        wide, narrow = jax.random.split(key)
        offset = jax.random.uniform(wide, (2,)) + 0.5 * jax.random.uniform(narrow, (2,))
        middle: Any = self.centre(self.find("G")) if centre is None else centre
        return middle + self.jitter * offset

    @property
    def mean_goal(self) -> np.ndarray:
        """The mean of `draw_goal`, the one goal for which datasets are labelled."""
        return self.centre(self.find("G")) + np.float32(0.75 * self.jitter)


ANT = {name: Maze(name, scale=4.0, success=0.5, jitter=1.0) for name in LAYOUTS}
POINT = {name: Maze(name, scale=1.0, success=0.4, jitter=0.0) for name in LAYOUTS}


def maze_of(task: str) -> Maze | None:
    """The maze that the task of this name plays in, or None."""
    body, _, name = task.partition("-")
    return {"AntMaze": ANT, "PointMaze": POINT}.get(body, {}).get(name)


def _add_goal(spec: mujoco.MjSpec) -> None:
    """A body at the goal whose two joints hold its place; it touches nothing and nothing pulls at it."""
    body = spec.worldbody.add_body(name="goal")
    for name, axis in (("goal_x", [1, 0, 0]), ("goal_y", [0, 1, 0])):
        free = mujoco.mjtLimited.mjLIMITED_FALSE
        body.add_joint(
            name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=axis, limited=free, armature=0, damping=[0, 0, 0]
        )
    body.add_geom(
        name="goal", type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.1, 0, 0], mass=1, contype=0, conaffinity=0,
        rgba=[0.9, 0.2, 0.2, 1],
    )  # fmt: skip


def _add_walls(spec: mujoco.MjSpec, maze: Maze) -> None:
    """Boxes half a cell high, on the ground."""
    height = maze.scale / 4
    for (x, y), (half_x, half_y) in maze.boxes():
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX, pos=[x, y, height], size=[half_x, half_y, height], contype=1, conaffinity=1,
            rgba=[0.4, 0.4, 0.4, 1],
        )  # fmt: skip


def ant_model(maze: Maze | None) -> mujoco.MjModel:
    """Gymnasium's ant with D4RL's time step and motors (±30 Nm, gear 1); its other settings are D4RL's already."""
    spec = mujoco.MjSpec.from_file(str(ASSETS / "ant.xml"))
    spec.option.timestep = 0.02
    for motor in spec.actuators:
        motor.gear[0], motor.ctrlrange = 1.0, [-30.0, 30.0]
    if maze is not None:
        _add_walls(spec, maze)
    _add_goal(spec)
    return spec.compile()


def point_model(maze: Maze) -> mujoco.MjModel:
    """A ball of 1 kg that two motors of 2 N push against a damping of 1 Ns/m: at most 2 m/s."""
    spec = mujoco.MjSpec.from_string(
        """
        <mujoco model="point_maze">
          <option timestep="0.01" gravity="0 0 0"/>
          <worldbody>
            <body name="point" pos="0 0 0.2">
              <joint name="x" type="slide" axis="1 0 0" damping="1"/>
              <joint name="y" type="slide" axis="0 1 0" damping="1"/>
              <geom name="point" type="sphere" size="0.15" mass="1" condim="1" contype="1" conaffinity="0"/>
            </body>
          </worldbody>
          <actuator>
            <motor joint="x" gear="2" ctrllimited="true" ctrlrange="-1 1"/>
            <motor joint="y" gear="2" ctrllimited="true" ctrlrange="-1 1"/>
          </actuator>
        </mujoco>
        """
    )
    _add_walls(spec, maze)
    _add_goal(spec)
    return spec.compile()


def _start(model: mujoco.MjModel, noise: float, goal: Callable[[jax.Array], jax.Array]):
    """qpos0 + U(±noise) and qvel noise · N(0, 1), with a goal [2] in the last two joints, at rest."""
    body = uniform_start(model, noise, velocity="normal")

    def start(rng: jax.Array) -> tuple[jax.Array, jax.Array]:
        body_key, goal_key = jax.random.split(rng)
        qpos, qvel = body(body_key)
        return qpos.at[-2:].set(goal(goal_key)), qvel.at[-2:].set(0.0)

    return start


def to_goal(data) -> jax.Array:
    """Distance in the plane from the body's first two coordinates to the goal."""
    return jnp.linalg.norm(data["qpos"][-2:] - data["qpos"][:2])


def _in_maze(body: str, maze: Maze, model: mujoco.MjModel, frame_skip: int, noise: float) -> Task:
    reached = lambda data: to_goal(data) <= maze.success

    def reward(before, ctrl, after):
        success = reached(after).astype(jnp.float32)
        return success, {"success": success}

    return Task(
        name=f"{body}-{maze.name}",
        twin=f"d4rl:{body.lower()}-{maze.name}",
        simulation=Simulation(model, frame_skip),
        start=_start(model, noise, maze.draw_goal),
        observe=lambda data: jnp.concatenate([data["qpos"][:-2], data["qvel"][:-2]]),
        reward=reward,
        terminated=reached,
        episode_length=TIME_LIMITS[body][maze.name],
    )


def ant_maze(name: str) -> Task:
    """D4RL's antmaze: 29 observations (place, pose, velocities), eight motors, 0.1 s a step."""
    return _in_maze("AntMaze", ANT[name], ant_model(ANT[name]), 5, 0.1)


def point_maze(name: str) -> Task:
    """The same layouts in cells of 1 m, a ball with two motors, the goal at G's centre; place and velocity are seen."""
    return _in_maze("PointMaze", POINT[name], point_model(POINT[name]), 10, 0.05)


def ant_reach() -> Task:
    """Reach a goal in a disc of 10 m: paid are metres come nearer, and 1 for arriving, which ends it."""
    model = ant_model(None)

    def goal(key: jax.Array) -> jax.Array:
        radius, angle = jax.random.split(key)
        distance, direction = REACH_RADIUS * jnp.sqrt(jax.random.uniform(radius)), jax.random.uniform(angle)
        turn = 2 * jnp.pi * direction
        return distance * jnp.stack([jnp.cos(turn), jnp.sin(turn)])

    reached = lambda data: to_goal(data) <= ANT["umaze"].success

    def observe(data):
        return jnp.concatenate([data["qpos"][2:-2], data["qvel"][:-2], data["qpos"][-2:] - data["qpos"][:2]])

    def reward(before, ctrl, after):
        nearer, arrived = to_goal(before) - to_goal(after), reached(after).astype(jnp.float32)
        return nearer + arrived, {"nearer": nearer, "success": arrived}

    return Task(
        name="AntReach",
        twin="d4rl:ant goal reaching",
        simulation=Simulation(model, 5),
        start=_start(model, 0.1, goal),
        observe=observe,
        reward=reward,
        terminated=reached,
        episode_length=200,
    )


TASKS: dict[str, Callable[[], Task]] = {
    **{f"PointMaze-{name}": functools.partial(point_maze, name) for name in LAYOUTS},
    **{f"AntMaze-{name}": functools.partial(ant_maze, name) for name in LAYOUTS},
    "AntReach": ant_reach,
}
