"""Datasets of the mazes: waypoints on a shortest way, and a body that follows them, as D4RL does.

| dataset | starts | commanded goals |
|---|---|---|
| `fixed` (U-maze) | R | G |
| `play` (medium, large) | any free cell but the commanded ones | D4RL's hand-picked cells |
| `diverse` | any free cell | any free cell |

A start is its cell's centre + U(0, ¼ cell) on each axis. Each episode lasts its full time whether or
not the goal was reached; then a new start and goal are drawn, the goal in its cell as the test goal is
in its own. At every step the next cell on the way from the cell that counts as entered (`Maze.entered`),
blurred by U(0, ¼ cell) on each axis, is the waypoint, or the goal itself once its cell is the next.
Actions are sampled, get noise of 0.2 and are clipped to [-1, 1]. Afterwards every step is labelled for
the one test goal: reward and terminal are 1 where s' lies within reach of it, so most trajectories never
mention it.

Who follows: in PointMaze a linear controller, in AntMaze the experts of `AntReach`, told a goal 10 m
away in the waypoint's direction.

Source: D4RL, commit 89141a6, `maze_env.py`, `generate_ant_maze_datasets.py` and
`relabel_antmaze_rewards.py`. It loads the policy with which the ant's SAC explored, which samples in
rlkit. That the maps of its `diverse` data command every cell follows from the files' names alone. Its
episodes have 1,001 rows, ours 1,000.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.data.replay import Layout
from guided_rl.datasets.collection import Actor, collect
from guided_rl.datasets.demonstrations import kept, versions
from guided_rl.envs.base import Env, MujocoEnv, State
from guided_rl.envs.mazes import COMMANDED, REACH_RADIUS, Maze, maze_of
from guided_rl.guides.find import find_guide
from guided_rl.runtime.errors import UserError

KINDS = {"umaze": ("fixed", "diverse"), "medium": ("play", "diverse"), "large": ("play", "diverse")}
MIXTURES = ("fixed", "play", "diverse")
ROWS, EPISODE, NOISE, SEED = 1_000_000, {"AntMaze": 1000}, 0.2, 4_100_001
EDITION = 3  # to be raised when the rows change, so that none of an earlier edition are taken for today's
BLUR = 0.25  # of a cell: waypoints and random starts lie within [0, BLUR] of a centre on each axis


def dataset(kind: str, rows: int | None, env: Env) -> np.ndarray:
    """Rows [experts, rows, width] in the replay's standard layout, made or read.

    Raises:
      UserError: `env` is no maze, has no dataset of this kind, or there is no expert of AntReach.
    """
    maze = maze_of(env.name)
    if maze is None or kind not in KINDS[maze.name]:
        known = "none" if maze is None else " and ".join(KINDS[maze.name])
        raise UserError(f"{env.name} has no dataset {kind!r} of waypoints; of this sort it has {known}")
    walker, source = _walker(env)
    recipe = {
        "dataset": kind,
        "edition": EDITION,
        "task": env.name,
        "engine": env.backend,
        "source": source,
        "rows": rows or ROWS,
        "seed": SEED,
        "versions": versions(),
    }
    assert isinstance(env, MujocoEnv)  # as every task with a maze
    return kept(recipe, lambda: follow(env, maze, kind, walker, rows or ROWS))


def follow(env: MujocoEnv, maze: Maze, kind: str, walker: Actor, rows: int) -> np.ndarray:
    """`walker` led through the maze, and labelled for the test goal: [experts, rows, width]."""
    commanded = Commanded(env, maze, kind)

    def act(params: Any, obs: jax.Array, key: jax.Array) -> jax.Array:
        own_key, noise_key = jax.random.split(key)
        action = walker.act(params, obs, own_key)
        return jnp.clip(action + NOISE * jax.random.normal(noise_key, action.shape), -1.0, 1.0)

    table = collect(Actor(walker.params, act), commanded, rows, SEED, kind)
    return labelled(table, env, maze)


def labelled(table: np.ndarray, env: Env, maze: Maze) -> np.ndarray:
    """Rows without the waypoint, whose reward and terminal say whether s' is within reach of the test goal."""
    told, plain = (Layout.of(env.observation_size + extra, env.action_space.width) for extra in (2, 0))
    columns = told.unpack(table)
    obs, following = columns["obs"][..., :-2], columns["next_obs"][..., :-2]
    reached = np.linalg.norm(following[..., :2] - maze.mean_goal, axis=-1) <= maze.success
    flags = reached[..., None].astype(np.float32)
    rows = np.concatenate([obs, columns["action"], flags, flags, following], axis=-1)
    if rows.shape[-1] != plain.width:
        raise ValueError(f"rows of {rows.shape[-1]} floats do not fit the layout of {env.name}")
    return rows


def _walker(env: Env) -> tuple[Actor, str | None]:
    """Who follows: its actor gets the observation with `waypoint - place` appended; and what identifies it."""
    if env.name.startswith("PointMaze"):
        steer = lambda params, obs, key: jnp.clip(4.0 * obs[-2:] - obs[2:4], -1.0, 1.0)
        return Actor(jnp.zeros((1, 0)), steer), "clip(4 (waypoint - place) - velocity)"
    from guided_rl.envs import make

    guide = find_guide("sac@100", make("AntReach", env.backend))

    def walk(params: Any, obs: jax.Array, key: jax.Array) -> jax.Array:
        way = obs[-2:]
        direction = REACH_RADIUS * way / jnp.maximum(jnp.linalg.norm(way), 1e-6)
        return guide.action_fn(params, jnp.concatenate([obs[2:-2], direction]), key)

    return Actor(guide.params, walk), guide.source


class Commanded:
    """A maze in which nothing ends but time, with the way to the next waypoint appended to the observation."""

    def __init__(self, env: MujocoEnv, maze: Maze, kind: str):
        self.name, self.maze, self.kind = env.name, maze, kind
        endless = dataclasses.replace(env.task, terminated=lambda data: jnp.bool_(False))
        self._env = MujocoEnv(endless, env.engine)
        self.observation_size, self.action_size = env.observation_size + 2, env.action_size
        self.action_space, self.backend = env.action_space, env.backend
        self.episode_length = self._env.episode_length = EPISODE.get(env.name.partition("-")[0], env.episode_length)
        self._centres, self._hops = jnp.asarray(maze.centres), jnp.asarray(maze.hops)
        number = {cell: i for i, cell in enumerate(maze.free)}
        chosen = COMMANDED[maze.name] if kind == "play" else [maze.find("G")] if kind == "fixed" else maze.free
        self._targets = jnp.asarray([number[cell] for cell in chosen])
        apart = chosen if kind == "play" else ()
        self._starts = jnp.asarray([number[cell] for cell in maze.free if cell not in apart])

    def reset(self, rng: jax.Array) -> State:
        start_key, command_key = jax.random.split(rng)
        qpos, qvel, command = self._draw(start_key, command_key)
        return self._told(self._env.init(qpos, qvel), command)

    def step(self, state: State, action: jax.Array, active: jax.Array | bool = True) -> State:
        after = self._env.step(state, action, active)
        key, _ = jax.random.split(after.info["command_key"])
        return self._told(after, {**_command(after.info), "command_key": key})

    def reset_where(self, mask: jax.Array, state: State, rng: jax.Array) -> State:
        start_key, command_key = jax.random.split(rng)
        qpos, qvel, command = self._draw(start_key, command_key)
        data = self._env.engine.reset_where(mask, state.pipeline_state, qpos, qvel)
        kept = lambda new, old: jnp.where(mask, new, old)
        info = {**state.info, "truncation": kept(0.0, state.info["truncation"]), "step": kept(0, state.info["step"])}
        fresh = state.replace(
            pipeline_state=data, obs=self._env.task.observe(data), done=kept(0.0, state.done), info=info
        )
        command = {name: kept(command[name], state.info[name]) for name in command}
        return self._told(fresh, command)

    def _draw(self, start_key: jax.Array, command_key: jax.Array):
        """Where the body starts, and what it is told: the target's cell and place, and the waypoints' key."""
        pose_key, cell_key, blur_key = jax.random.split(start_key, 3)
        qpos, qvel = self._env.task.start(pose_key)
        if self.kind != "fixed":
            cell = self._starts[jax.random.randint(cell_key, (), 0, len(self._starts))]
            qpos = qpos.at[:2].set(self._centres[cell] + self._blur(blur_key))
        target_key, goal_key, key = jax.random.split(command_key, 3)
        target = self._targets[jax.random.randint(target_key, (), 0, len(self._targets))]
        goal = self.maze.draw_goal(goal_key, self._centres[target])
        return qpos, qvel, {"target": target, "goal": goal, "command_key": key}

    def _told(self, state: State, command: dict[str, jax.Array]) -> State:
        place = state.obs[:2]
        row, column = self.maze.entered(place)
        following = self._hops[row, column, command["target"]]
        waypoint = self._centres[following] + self._blur(command["command_key"])
        way = jnp.where(following == command["target"], command["goal"], waypoint)
        obs = jnp.concatenate([state.obs[: self.observation_size - 2], way - place])
        return state.replace(obs=obs, info={**state.info, **command})

    def _blur(self, key: jax.Array) -> jax.Array:
        return BLUR * self.maze.scale * jax.random.uniform(key, (2,))


def _command(info: dict[str, jax.Array]) -> dict[str, jax.Array]:
    return {name: info[name] for name in ("target", "goal", "command_key")}
