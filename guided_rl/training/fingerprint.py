"""What a user's own functions compute, as a hash: a name stands for it only as long as it does not change.

A function is known by the program that JAX traces of it, constants included, so that an edited line, another
imported module and another file of numbers are all seen, and an edited comment is not. What a host callback
does is not seen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

from guided_rl.envs.base import MujocoEnv
from guided_rl.envs.jax_env import JaxEnv
from guided_rl.guides.base import Guide
from guided_rl.physics.base import Data, content_key, width

ADDRESS = re.compile(r" at 0x[0-9a-f]+|0x[0-9a-f]{6,}")


def program_hash(functions: Iterable[tuple[Any, tuple[Any, ...]]], *more: Any) -> str:
    """SHA-256 of what each function does with arguments of these shapes, and of `more` plain values."""
    digest = hashlib.sha256(repr(more).encode())
    for function, arguments in functions:
        traced = jax.make_jaxpr(function)(*arguments)
        digest.update(ADDRESS.sub("", str(traced)).encode())
        for constant in _constants(traced):
            array = np.asarray(jax.random.key_data(constant) if _is_key(constant) else constant)
            digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def task_hash(env: Any) -> str:
    """Of a user's task: its model, and each of its functions."""
    task, key = env.task, jax.eval_shape(lambda: jax.random.key(0))
    facts: tuple[Any, ...] = (task.name, task.episode_length)
    if isinstance(env, JaxEnv):
        world, control = jax.eval_shape(task.start, key), task.action_like
        moves = [(task.advance, (world, control))]
    else:
        slots = task.simulation.slots()
        fields: Any = jax.ShapeDtypeStruct((width(slots),), np.float32)
        world = Data(None, fields, slots)
        control, moves = jax.ShapeDtypeStruct((task.simulation.model.nu,), np.float32), []
        facts += (content_key(task.simulation),)
    read = [(task.start, (key,)), (task.observe, (world,)), (task.terminated, (world,))]
    return program_hash([*moves, *read, (task.reward, (world, control, world))], *facts)


def has_task(env: Any) -> bool:
    """Whether `task_hash` knows the environment's kind."""
    return isinstance(env, MujocoEnv | JaxEnv)


def guide_hash(guide: Guide, observation_size: int) -> str:
    """Of what a guide does with its parameters, whatever these are."""
    params = jax.eval_shape(lambda: guide.of(0).params)
    obs, key = jax.ShapeDtypeStruct((observation_size,), np.float32), jax.eval_shape(lambda: jax.random.key(0))
    drawn = lambda params, obs, key: guide.action_fn(params, obs, key)
    plain = lambda params, obs: guide.action_fn(params, obs, None)
    asked = [(drawn, (params, obs, key)), (plain, (params, obs)), (guide.confidence_fn, (params, obs))]
    return program_hash(asked, guide.panel)


def _constants(traced: Any) -> Iterator[Any]:
    """Arrays that a traced program holds, those of the programs within it too."""
    yield from getattr(traced, "consts", ())
    for equation in getattr(traced, "jaxpr", traced).eqns:
        for value in jax.tree.leaves(dict(equation.params), is_leaf=_is_program):
            if _is_program(value):
                yield from _constants(value)


def _is_program(value: Any) -> bool:
    return hasattr(value, "eqns") or hasattr(value, "jaxpr")


def _is_key(value: Any) -> bool:
    return hasattr(value, "dtype") and jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key)
