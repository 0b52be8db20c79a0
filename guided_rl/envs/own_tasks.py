"""A user's own task, tried before anything compiles: each of its functions is traced once.

A reward or an end that is a whole number, a flag or an array of one entry simply works. Whatever else
does not fit is one sentence: which function of which task, what it gave, and what it should give.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.base import Task
from guided_rl.envs.jax_env import JaxEnv, JaxTask
from guided_rl.physics.base import Data, width
from guided_rl.runtime.errors import UserError, reason

Own = Task | JaxEnv | JaxTask


def own_task(made: Any, named: str) -> Task | JaxEnv:
    """The task that a user's function `made` returns, its functions checked and its scalars as they should be.

    Raises:
      UserError: it is no function, fails, or returns no task; or a function of the task does not fit.
    """
    if isinstance(made, Own) or not callable(made):
        raise UserError(f"{named} is a {type(made).__name__}, not a function; give a function that returns a Task")
    try:
        task = made()
    except UserError:
        raise
    except Exception as error:  # whatever a user's code raises
        raise UserError(f"{named}() failed ({reason(error)}); it must return a Task without being given any") from error
    if isinstance(task, JaxTask):
        return JaxEnv(fitted(task, named))
    if isinstance(task, JaxEnv):
        return JaxEnv(fitted(task.task, named)) if type(task) is JaxEnv else task
    if not isinstance(task, Task):
        raise UserError(f"{named} returned {type(task).__name__}, not a guided_rl.envs.Task; return a Task from it")
    return fitted(task, named)


def fitted(task: Any, named: str) -> Any:
    """`task` (a `Task` or a `JaxTask`) with a reward and an end of the right type.

    Raises:
      UserError: the first function that fails, or gives something of the wrong shape.
    """
    for name, least in (("episode_length", 1), ("action_size", 1), ("frame_skip", 1)):
        holder = task.simulation if name == "frame_skip" and isinstance(task, Task) else task
        value = getattr(holder, name, least)
        if not isinstance(value, int | np.integer) or value < least:
            raise UserError(f"{name} of the task {named} is {value!r}; give a whole number of at least {least}")
    tried = functionally(task, named)
    start = tried("start", jax.eval_shape(lambda: jax.random.key(0)))
    world, control = _world(task, start, named), _control(task)
    if isinstance(task, JaxTask):
        _same_world(tried("advance", world, control), world, named)
    _refuse_observation(tried("observe", world), named)
    _refuse_reward(tried("reward", world, control, world), named)
    _refuse_shape("terminated", "true or false", tried("terminated", world), named)

    def reward(before: Any, ctrl: jax.Array, after: Any) -> tuple[jax.Array, Mapping[str, jax.Array]]:
        value, terms = task.reward(before, ctrl, after)
        return scalar(value).astype(jnp.float32), {name: scalar(term) for name, term in terms.items()}

    observe = lambda world: jnp.asarray(task.observe(world)).astype(jnp.float32)
    terminated = lambda world: scalar(task.terminated(world)) != 0
    return dataclasses.replace(task, observe=observe, reward=reward, terminated=terminated)


def scalar(value: Any) -> jax.Array:
    """The one entry of a number or an array of one entry."""
    return jnp.asarray(value).reshape(())


def functionally(task: Any, named: str) -> Callable[..., Any]:
    """`(function's name, arguments) -> shapes` of what it gives, by tracing it alone."""

    def tried(function: str, *arguments: Any) -> Any:
        try:
            return jax.eval_shape(getattr(task, function), *arguments)
        except UserError:
            raise
        except Exception as error:  # whatever a user's code raises
            raise UserError(f"{function} of the task {named} failed ({reason(error)}); mend it") from error

    return tried


def _control(task: Any) -> jax.ShapeDtypeStruct:
    if isinstance(task, JaxTask):
        return task.action_like
    return jax.ShapeDtypeStruct((task.simulation.model.nu,), jnp.float32)


def _world(task: Any, start: Any, named: str) -> Any:
    """What the task's functions are given: its own world, or the fields of a simulation that starts as it says."""
    if isinstance(task, JaxTask):
        return start
    model = task.simulation.model
    try:
        slots = task.simulation.slots()
    except UserError as error:
        raise UserError(f"the simulation of the task {named} cannot be read: {error}") from error
    parts = start if isinstance(start, tuple | list) else (start,)
    shapes = [getattr(part, "shape", None) for part in parts]
    if shapes != [(model.nq,), (model.nv,)]:
        raise UserError(
            f"start of the task {named} gives {_said(start)}; it must give qpos of shape ({model.nq},) and qvel of "
            f"shape ({model.nv},)"
        )
    fields: Any = jax.ShapeDtypeStruct((width(slots),), jnp.float32)
    return Data(None, fields, slots)


def _same_world(after: Any, before: Any, named: str) -> None:
    old, new = (([_kind(x) for x in jax.tree.leaves(world)], jax.tree.structure(world)) for world in (before, after))
    if new != old:
        raise UserError(
            f"advance of the task {named} gives {_said(after)}; it must give a world as start does, {_said(before)}"
        )


def _refuse_observation(seen: Any, named: str) -> None:
    if not hasattr(seen, "shape") or len(seen.shape) != 1 or not seen.shape[0] or not _is_number(seen):
        raise UserError(f"observe of the task {named} gives {_said(seen)}; it must give one array of shape (n,)")


def _refuse_reward(given: Any, named: str) -> None:
    if not (isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[1], Mapping)):
        raise UserError(
            f"reward of the task {named} gives {_said(given)}; it must give (reward, terms), where terms is a "
            "dictionary, such as {}"
        )
    _refuse_shape("reward", "a number", given[0], named)
    for name, term in given[1].items():
        _refuse_shape(f"the term {name!r} of reward", "a number", term, named)


def _refuse_shape(function: str, what: str, given: Any, named: str) -> None:
    if not hasattr(given, "shape") or int(np.prod(given.shape)) != 1 or not _is_number(given):
        raise UserError(f"{function} of the task {named} gives {_said(given)}; it must give {what}")


def _is_number(leaf: Any) -> bool:
    return leaf.dtype == bool or jnp.issubdtype(leaf.dtype, jnp.integer) or jnp.issubdtype(leaf.dtype, jnp.floating)


def _kind(leaf: Any) -> tuple[tuple[int, ...], Any]:
    return leaf.shape, leaf.dtype


def _said(given: Any) -> str:
    """What a function gave, as one reads it."""
    if hasattr(given, "shape"):
        return f"{given.dtype} of shape {given.shape}"
    if isinstance(given, tuple | list):
        return f"({', '.join(_said(part) for part in given)})"
    if isinstance(given, Mapping):
        return f"a dictionary of {', '.join(map(str, given)) or 'nothing'}"
    return f"a {type(given).__name__}"
