"""How one device runs its members: batched together, or one by one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def over_members(execution: str, count: jax.Array) -> Callable[[Callable], Callable]:
    """How one device runs its members: batched together (`vmap`), or one by one (`map`).

    One by one, a member's arithmetic is the same program whoever else runs, so that on CPU
    its result does not depend on the crowd; batched, rounding varies with the batch.

    Args:
      count: how many of the device's rows are members, the first ones. The rows behind them only
        fill up its share, and one by one nothing is computed for them: their results are zeros.
        It must not be a constant, or XLA would unroll a lone member's loop and round it differently.
    """
    if execution == "vmap":
        return jax.vmap
    return lambda function: functools.partial(_one_by_one, function, count)


def _one_by_one(function: Callable, count: jax.Array, *arguments: Any) -> Any:
    function = jax.jit(function, inline=True)  # traced once, for the shapes and for the loop
    rows = jax.tree.leaves(arguments)[0].shape[0]
    if rows == 1:  # beside an idle copy: indexing one of one would be simplified away
        arguments = jax.tree.map(lambda x: jnp.concatenate([x, x]), arguments)
    member = lambda i: jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, i, keepdims=False), arguments)
    shapes = jax.eval_shape(lambda: function(*member(0)))
    results = jax.tree.map(lambda s: jnp.zeros((max(rows, 2), *s.shape), s.dtype), shapes)

    def body(i, results):
        put = lambda everyone, one: jax.lax.dynamic_update_index_in_dim(everyone, one, i, 0)
        return jax.tree.map(put, results, function(*member(i)))

    results = jax.lax.fori_loop(0, count, body, results)
    return jax.tree.map(lambda x: x[:rows], results)
