"""Experts of small tasks that are known without learning: `exact`, and worse ones made of it.

| written | is |
|---|---|
| `exact` | the best actions, evenly among equals |
| `exact,noise=0.25` | the same, but with this probability any action, evenly |
| `exact,temperature=0.1` | a softmax over Q*/temperature, or over what stands for Q* |

In chains and grid mazes Q* is exact, with a discount of 0.9. In push mazes and on CartPole a controller's preference
stands for it: the push that comes nearest to the wanted speed, and the sign of a linear feedback. In PointMaze, whose
actions are real, the controller is the one that makes its datasets, clip(4 (waypoint - place) - velocity), and has no
temperature.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.base import Env
from guided_rl.envs.discrete import chain
from guided_rl.envs.discrete.grid_maze import GridMaze
from guided_rl.envs.discrete.push_maze import DRAG, PUSH, directions, place_of
from guided_rl.envs.mazes import Maze, maze_of
from guided_rl.guides.base import Guide
from guided_rl.guides.spec import Spec, parse_one
from guided_rl.runtime.errors import UserError

GAMMA = 0.9
TIE = 1e-5  # values closer than this count as equal
FEEDBACK = np.array([0.1, 0.3, 1.0, 0.5], np.float32)  # of cart's place and speed, pole's angle and rate
Preference = Callable[[jax.Array], jax.Array]
"""`obs [obs] -> what stands for Q*(s, ·) [actions]`."""


@functools.lru_cache(maxsize=64)  # one function for one guide, so that programs are compiled for it once
def exact_guide(named: str, env: Env) -> Guide:
    """The guide that a name, see the module's table, stands for on `env`.

    Raises:
      UserError: there is no exact expert of the task, or the name is not as in the table.
    """
    noise, temperature = _settings(parse_one(named))
    if env.name.startswith("PointMaze-"):
        maze = maze_of(env.name)
        assert maze is not None
        return _point_maze_guide(named, maze, noise, env)
    preference = _preference(env)

    def probabilities(params: tuple, obs: jax.Array, key: jax.Array | None) -> jax.Array:
        q = preference(obs)
        best = q >= jnp.max(q) - TIE
        greedy = best / jnp.sum(best)
        chosen = greedy if temperature == 0.0 else jax.nn.softmax(q / temperature)
        return (1.0 - noise) * chosen + noise / q.shape[-1]

    return Guide((), probabilities, name=named, source=f"{named} of {env.name}")


def _point_maze_guide(named: str, maze: Maze, noise: float, env: Env) -> Guide:
    """The waypoint controller; with probability `noise` any action, evenly, where it is given a key."""
    target = maze.free.index(maze.find("G"))
    centres, hops = jnp.asarray(maze.centres), jnp.asarray(maze.hops[..., target])

    def action(params: tuple, obs: jax.Array, key: jax.Array | None) -> jax.Array:
        row, column = maze.entered(obs[:2])
        steered = jnp.clip(4.0 * (centres[hops[row, column]] - obs[:2]) - obs[2:4], -1.0, 1.0)
        if key is None:
            return steered
        coin, other = jax.random.split(key)
        return jnp.where(jax.random.bernoulli(coin, noise), env.action_space.sample(other), steered)

    return Guide((), action, name=named, source=f"{named} of {env.name}")


def _settings(spec: Spec) -> tuple[float, float]:
    """(noise, temperature)."""
    found = {"noise": 0.0, "temperature": 0.0}
    for name, value in spec.settings.items():
        if name not in found or not re.fullmatch(r"\d+(\.\d*)?|\.\d+", value):
            raise UserError(
                f"the guide {spec.text} has '{name}={value}'; write noise=number or temperature=number, such as 0.25"
            )
        found[name] = float(value)
    if found["noise"] > 1.0:
        raise UserError(f"the guide {spec.text} has a noise of {found['noise']:g}; it is a probability, from 0 to 1")
    return found["noise"], found["temperature"]


def _preference(env: Env) -> Preference:
    name = env.name
    if name in chain.TASKS:
        return _of_chain(name)
    if name.startswith("GridMaze-"):
        _, layout, moves = name.split("-")
        maze = GridMaze(layout, int(moves))
        q = jnp.asarray(maze.optimal_q(GAMMA), jnp.float32)
        return lambda obs: q[maze.cell_of(obs)]
    if name.startswith("PushMaze-"):
        return _of_push_maze(GridMaze(name.split("-")[1], 4), name.endswith("-turned"))
    if name == "CartPole-v1":
        return lambda obs: jnp.array([-0.5, 0.5]) * jnp.dot(jnp.asarray(FEEDBACK), obs)
    raise UserError(
        f"{env.name} has no exact expert; those that do are chains, grid mazes, push mazes, PointMaze and "
        "CartPole-v1, so give another guide, such as --guide bc"
    )


def _of_chain(name: str) -> Preference:
    kind, places, *_ = name.split("-")
    n = int(places)
    if kind == "JumpChain":  # two places at a time; a learner without the jump is told its third action instead
        actions = 4 if name.endswith("-expert") else 3
        q = np.zeros((n, actions), np.float32)
        q[:, -1] = GAMMA ** ((n - 1 - np.arange(n)) // 2)
    else:
        effects = chain.effects(n, {"Chain": "chain", "DistractorChain": "distractor"}[kind])
        left = n - np.arange(n)[:, None] - effects
        q = np.where(effects == chain.ENDS, 0.0, GAMMA**left).astype(np.float32)
    return lambda obs: jnp.asarray(q)[jnp.argmax(obs)]


def _of_push_maze(maze: GridMaze, turned: bool) -> Preference:
    """The nearness of the speed after each push to the one that leads to the middle of the next cell on the way."""
    ahead = maze.cells[maze.following[np.arange(len(maze.cells)), maze.optimal_q(GAMMA).argmax(axis=1)]]
    ahead = ahead.astype(np.float32)
    pushes = directions(turned)

    def preference(obs: jax.Array) -> jax.Array:
        place, speed = place_of(maze, obs)
        row, column = jnp.round(place).astype(int)
        wanted = 0.5 * (jnp.asarray(ahead)[jnp.asarray(maze.number)[row, column]] - place)
        after = DRAG * speed + PUSH * jnp.asarray(pushes)
        return -jnp.sum((after - wanted) ** 2, axis=-1) / PUSH**2

    return preference
