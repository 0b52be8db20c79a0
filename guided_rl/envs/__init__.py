"""Tasks by name. A user's own task is `path/to/file.py:function`, returning a `Task`."""

from __future__ import annotations

import functools
from collections.abc import Callable

from guided_rl.envs import dm_control_suite, gymnasium_mujoco, mazes
from guided_rl.envs.base import Env, MujocoEnv, State, Task
from guided_rl.envs.discrete import acrobot, cartpole, chain, grid_maze, push_maze
from guided_rl.envs.jax_env import JaxEnv
from guided_rl.envs.local_guide_tasks import point_circle, point_fall, point_reach, safe_suite
from guided_rl.envs.own_tasks import own_task
from guided_rl.envs.planning import cartpole as planning_cartpole
from guided_rl.envs.planning import grids
from guided_rl.physics import make_engine, resolved
from guided_rl.runtime.errors import UserError, unknown_name
from guided_rl.runtime.plugin_loader import file_stamp, is_plugin, load

TASKS = {**gymnasium_mujoco.TASKS, **dm_control_suite.TASKS}
# Those that equal no installed MuJoCo task: PAG's, where a crash ends the episode or the start differs, D4RL's mazes,
# the discrete ones, and those to plan in.
OWN_TASKS: dict[str, Callable[[], Task | JaxEnv]] = {
    **point_circle.TASKS,
    **point_fall.TASKS,
    **point_reach.TASKS,
    **safe_suite.TASKS,
    **mazes.TASKS,
    **cartpole.TASKS,
    **acrobot.TASKS,
    **grid_maze.TASKS,
    **chain.TASKS,
    **push_maze.TASKS,
    **grids.TASKS,
    **planning_cartpole.TASKS,
}

__all__ = ["OWN_TASKS", "TASKS", "Env", "MujocoEnv", "State", "Task", "make"]


def make(name: str, physics: str = "auto") -> Env:
    """The environment `name` on a physics engine.

    Args:
      name: a key of `TASKS` or `OWN_TASKS`, `brax:<name>`, or `file.py:function` for a task of your own.
      physics: `native`, `mjx`, or `auto` (native on CPU); worlds of our own JAX need none.

    Raises:
      UserError: the task or the engine is unknown; the nearest names are in the sentence.
    """
    return _made(name, physics, file_stamp(name))


@functools.lru_cache(maxsize=32)
def _made(name: str, physics: str, stamp: tuple[int, ...]) -> Env:
    """As `make`; `stamp` tells a user's file from the same file before it was edited."""
    known = {**TASKS, **OWN_TASKS}
    resolved(physics)  # also where it is not needed
    if name.startswith("brax:"):
        from guided_rl.envs.brax_env import BraxEnv

        return BraxEnv(name.removeprefix("brax:"))
    if is_plugin(name):
        task = own_task(load(name), name)
    elif name in known:
        task = known[name]()
    elif name.endswith(".py"):
        raise UserError(f"the task {name} names a file alone; name its function too, as {name}:function")
    else:
        raise unknown_name("task", name, known)
    if isinstance(task, JaxEnv):
        return task
    return MujocoEnv(task, make_engine(task.simulation, physics))
