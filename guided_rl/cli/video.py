"""One episode as a film: positions are taken from the simulation, pictures from MuJoCo's renderer."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import imageio
import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from guided_rl import api, envs
from guided_rl.config import RunConfig, check_seed
from guided_rl.data.rollout import play_episodes
from guided_rl.envs.base import Env, MujocoEnv
from guided_rl.guides import find_guide
from guided_rl.methods.acts import as_act
from guided_rl.methods.base import Context
from guided_rl.runtime import opengl
from guided_rl.runtime.errors import UserError
from guided_rl.training.checkpoint import Checkpoints
from guided_rl.training.waves import restored


@dataclass(frozen=True)
class Player:
    """Who plays where: `act(obs [obs], key) -> action [action]`."""

    env: MujocoEnv
    act: Callable[[jax.Array, jax.Array], jax.Array]


def find_player(task: str, guide: str, folder: Path | None, seed: int, physics: str) -> Player:
    """A uniform policy, a guide, or the learner of a run's folder.

    Raises:
      UserError: there is no such task, guide or run, or the task has no MuJoCo model.
    """
    check_seed(seed)
    if folder is not None:
        return _learner(folder, task, seed)
    env = _drawable(envs.make(task, physics))
    if guide == "random":
        return Player(env, lambda obs, key: env.action_space.sample(key))
    found = find_guide(guide, env).of(jnp.int32(seed))
    return Player(env, lambda obs, key: found.action(obs))


def _drawable(env: Env) -> MujocoEnv:
    if not isinstance(env, MujocoEnv):
        raise UserError(f"{env.name} has no MuJoCo model to draw; brax's own viewer shows brax environments")
    return env


def _learner(folder: Path, task: str, seed: int) -> Player:
    """The deterministic policy of learner `seed` at the run's newest checkpoint."""
    try:
        stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder} is no run's folder: its config.json cannot be read") from error
    run = api.make_run(_config(stored))
    if task != run.config.task:
        raise UserError(f"the run in {folder} is on {run.config.task}, not on {task}")
    members = np.flatnonzero(run.seeds == seed)
    if not members.size:
        raise UserError(f"the run in {folder} has no seed {seed}; it has {run.seeds.min()} to {run.seeds.max()}")
    wave, place = divmod(int(members[0]), run.plan.width)
    found = restored(run, run.plan.width, Checkpoints(folder / f"wave_{wave}"))
    if found is None:
        raise UserError(f"{folder} has no checkpoint of seed {seed} yet; let the run reach one")
    population = found[0]
    agent = jax.tree.map(lambda x: jnp.asarray(x[place]), population.members.agent)
    inputs = run.inputs(members[:1])
    mine = jax.tree.map(lambda x: x[0], (inputs.hp, inputs.guide))
    context = Context(mine[0], jnp.int32(population.step), mine[1], run.setup)
    policy = run.method.policies["policy"]
    return Player(_drawable(run.env), lambda obs, key: as_act(policy(agent, obs, key, context)).action)


def _config(stored: dict[str, Any]) -> RunConfig:
    known = {f.name for f in fields(RunConfig)}
    values = {name: value for name, value in stored.items() if name in known}
    values["hidden"] = tuple(values["hidden"])
    values["grid"] = {name: tuple(points) for name, points in values["grid"].items()}
    return RunConfig(**values)


def record(player: Player, out: Path | None, seed: int, size: tuple[int, int], steps: int) -> Path:
    """Play one episode and write it.

    Args:
      out: ends in .gif or .mp4; `<task>.gif` if None. size: width and height in pixels.
      steps: at most so many control steps.

    Raises:
      UserError: nothing can be drawn here, the file's kind is unknown, or it cannot be written.
    """
    out = out or Path(re.sub(r"[^\w.-]", "_", player.env.name) + ".gif")
    if out.suffix not in (".gif", ".mp4"):
        raise UserError(f"{out} is neither a .gif nor an .mp4; name one of them")
    if out.suffix == ".mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        raise UserError(f"cannot write {out} without imageio-ffmpeg; pip install it, or name a .gif")
    with renderer(player.env.task.simulation.model, size) as draw:
        frames = [draw(qpos) for qpos in positions(player, seed, steps)]
    _write(out, frames, player.env.dt)
    return out


def positions(player: Player, seed: int, steps: int) -> np.ndarray:
    """Joint positions [steps, nq] of one episode, its start included."""
    env, most = player.env, min(steps, player.env.episode_length)

    @jax.jit
    def play(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        start, actions = jax.random.split(key)
        first, keys = env.reset(start), jax.random.split(actions, most)
        act = lambda state, time: (player.act(state.obs, keys[time]), (time, state.pipeline_state["qpos"]))
        note = lambda found, said, after, active: (found[0].at[said[0]].set(said[1]), said[0])
        empty = jnp.zeros((most, *first.pipeline_state["qpos"].shape)), jnp.int32(0)
        return play_episodes(env, act, first, note, empty, length=most)

    qpos, last = play(jax.random.key(seed))
    return np.asarray(qpos)[: int(last) + 1]


@contextlib.contextmanager
def renderer(model: mujoco.MjModel, size: tuple[int, int]):
    """A function from joint positions [nq] to a picture [height, width, 3].

    Raises:
      UserError: there is no OpenGL, with what to install.
    """
    width, height = size
    limit = int(model.vis.global_.offwidth), int(model.vis.global_.offheight)
    if not (0 < width <= limit[0] and 0 < height <= limit[1]):
        raise UserError(f"pictures of {width}×{height} cannot be drawn; at most {limit[0]}×{limit[1]} can")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GLFW's own words; ours are below
            drawing = mujoco.Renderer(model, height, width)
    except Exception as error:  # whatever the platform's library raises
        raise UserError(f"no picture can be drawn here, because OpenGL is missing; {opengl.INSTALL}") from error
    data = mujoco.MjData(model)

    def draw(qpos: np.ndarray) -> np.ndarray:
        data.qpos[:] = qpos
        mujoco.mj_forward(model, data)
        drawing.update_scene(data, camera="track" if _has_camera(model, "track") else -1)
        return drawing.render().copy()

    try:
        yield draw
    finally:
        drawing.close()


def _has_camera(model: mujoco.MjModel, name: str) -> bool:
    return mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, name) >= 0


def _write(out: Path, frames: list[Any], seconds: float) -> None:
    """Frames as a film at the simulation's own speed."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix == ".gif":
            delay, shown = gif_frames(len(frames), seconds)
            imageio.mimsave(out, [frames[i] for i in shown], duration=1000 * delay, loop=0)
        else:
            imageio.mimsave(out, frames, fps=round(1 / seconds))
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error


def gif_frames(count: int, seconds: float) -> tuple[float, list[int]]:
    """Seconds between the pictures of a .gif, and which of `count` frames, `seconds` apart, they are.

    A .gif counts in hundredths of a second, and few players show more than 50 pictures a second.
    """
    delay = max(2, math.ceil(100 * seconds - 1e-6)) / 100
    return delay, [min(round(k * delay / seconds), count - 1) for k in range(math.ceil(count * seconds / delay - 1e-6))]
