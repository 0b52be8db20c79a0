"""Which physics engine a run takes on an accelerator: measured, since it depends on task, batch and machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time

import jax
import mujoco

from guided_rl import envs
from guided_rl.config import RunConfig
from guided_rl.envs.base import Env, MujocoEnv
from guided_rl.runtime.devices import backend
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.files import replace_file
from guided_rl.training.cache import cache_folder

SECONDS = 1.0
STEPS = 20  # of one compiled call


def on_accelerator() -> bool:
    """Whether learners run on anything but a CPU."""
    return backend() != "cpu"


def choose(config: RunConfig) -> tuple[str, dict[str, float]]:
    """The engine's name for `config`, and what it was chosen by.

    Returns:
      `config.physics`, but for `auto` on an accelerator, where it is the engine that steps this run's
      members faster; and environment steps per second of each engine that was timed, empty where none was.
    """
    if config.physics != "auto" or not on_accelerator() or not isinstance(envs.make(config.task, "native"), MujocoEnv):
        return config.physics, {}
    found = rates(config.task, -(-len(config.members()[0]) // jax.local_device_count()))
    return max(found, key=lambda name: found[name]), found


def rates(task: str, simulations: int) -> dict[str, float]:
    """Environment steps per second of every engine that takes `task`, with `simulations` at once on one device.

    They are kept beside the compiled programs, by everything that they depend on: a run that is
    resumed, and the other methods of a table, then choose alike.
    """
    facts = [task, simulations, jax.devices()[0].device_kind, jax.__version__, mujoco.__version__]
    path = cache_folder() / "engines" / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    found = {}
    for engine in ("native", "mjx"):
        try:
            found[engine] = round(rate(envs.make(task, engine), simulations), 1)
        except UserError:  # the model needs something that this engine lacks
            continue
    with contextlib.suppress(OSError):  # nowhere to keep them: they are measured again
        replace_file(path, json.dumps(found).encode())
    return found


def rate(env: Env, simulations: int) -> float:
    """Environment steps per second of `simulations` side by side under random actions, for about a second."""

    @jax.jit
    def advance(states, key):
        def step(states, key):
            actions = jax.random.uniform(key, (simulations, env.action_size), minval=-1.0)
            return jax.vmap(env.step)(states, actions), None

        return jax.lax.scan(step, states, jax.random.split(key, STEPS))[0]

    key = jax.random.key(0)
    states = jax.block_until_ready(advance(jax.jit(jax.vmap(env.reset))(jax.random.split(key, simulations)), key))
    begun, calls = time.perf_counter(), 0
    while (passed := time.perf_counter() - begun) < SECONDS or not calls:
        states = jax.block_until_ready(advance(states, jax.random.fold_in(key, calls)))
        calls += 1
    return calls * STEPS * simulations / passed
