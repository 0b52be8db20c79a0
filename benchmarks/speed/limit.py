"""What an update costs at least on this machine: counted work over rates measured in the same run.

An update's matrix products are counted from its jaxpr, its bytes as every learner array read and
written once and the batch gathered, its random numbers as what it draws. Divided by this
machine's own rates for a product of that layer's size, for copying, and for drawing, they give
the limit: nothing in between, no elementwise work, no overhead.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.speed.parts import Competitor, Size, TimedPopulation, timed
from guided_rl.methods.base import Context
from guided_rl.runtime.rng import KEYS, normal
from guided_rl.training.checkpoint import tree_bytes
from guided_rl.training.settings import default_execution
from guided_rl.training.sharding import SPLIT, place, population_mesh, sharded

REPEATS = 400  # products in one call
COPIED = {"cpu": 2**22, "else": 2**28}  # floats, more than a cache holds


@dataclass(frozen=True)
class Work:
    """Of one update of one member: floating-point operations of its products, bytes, random numbers."""

    flops: float
    bytes: float
    numbers: float


def count(population: TimedPopulation) -> Work:
    """What one update of one member does."""
    trainer, inputs = population.trainer, population.inputs
    batch, width = population.size.batch, trainer.layout.width
    first = lambda tree: jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), tree)
    agent, hp = first(population.state.members.agent), first(inputs.hp)

    def update(agent, hp, rows, key):
        ctx = Context(hp, jnp.int32(0), None, trainer.setup)
        return trainer.method.update(agent, trainer.layout.unpack(rows), key, ctx)

    rows = jax.ShapeDtypeStruct((batch, width), jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0, impl=KEYS))
    jaxpr = jax.make_jaxpr(update)(agent, hp, rows, key)
    numbers = batch * (1 + 2 * trainer.setup.action_size)  # rows drawn, a' and a
    return Work(products(jaxpr.jaxpr), 2 * tree_bytes(agent) + 2 * 4 * batch * width, numbers)


def products(jaxpr: Any) -> float:
    """Floating-point operations of every matrix product in a jaxpr, those of inner ones included."""
    total = 0.0
    for equation in jaxpr.eqns:
        inner = [v for p in equation.params.values() for v in (p if isinstance(p, (tuple, list)) else (p,))]
        jaxprs = [getattr(v, "jaxpr", v) for v in inner if hasattr(getattr(v, "jaxpr", v), "eqns")]
        times = equation.params.get("length", 1) if equation.primitive.name == "scan" else 1
        if equation.primitive.name == "cond":
            total += max((products(j) for j in jaxprs), default=0.0)
        else:
            total += times * sum(products(j) for j in jaxprs)
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            total += 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(left[i] for i in contracted)
    return total


def _everywhere(name: str, unit: str, work: float, function: Any, *arrays: jax.Array) -> Competitor:
    """`function` on every device at once, each with arrays of its own."""
    devices = len(jax.devices())
    mesh = population_mesh(devices)
    spread = [place(jnp.stack([a] * devices), mesh, SPLIT) for a in arrays]
    each = lambda *arrays: jax.tree.map(lambda x: x[None], function(*(a[0] for a in arrays)))
    program = sharded(each, mesh, (SPLIT,) * len(arrays), SPLIT).lower(*spread).compile()
    run = lambda: timed(lambda: program(*spread))
    run()
    return Competitor(name, run, work * devices, unit)


def rates(size: Size, precision: str = "default") -> list[Competitor]:
    """Matrix products as a hidden layer's forward and backward pass has them, copies, and normals as an update draws.

    Where members are batched (`vmap`), so are these products.
    """
    key = jax.random.key(0)
    stack = (size.members,) if default_execution() == "vmap" else ()
    x = jax.random.normal(key, (*stack, size.batch, size.width))
    weight = jnp.linalg.qr(jax.random.normal(key, (*stack, size.width, size.width)))[0]
    product = functools.partial(jnp.matmul, precision=None if precision == "default" else precision)
    chain = lambda x, w: jax.lax.scan(lambda x, _: (product(x, w), None), x, length=REPEATS)[0]
    gradient = lambda x, w: jax.lax.scan(
        lambda g, _: (product(jnp.swapaxes(x, -1, -2), product(x, g)) / x.shape[-2], None), w, length=REPEATS // 2
    )[0]
    copy = lambda x: jax.lax.fori_loop(0, 10, lambda i, x: x + 1.0, x)
    draw = lambda x: jax.lax.fori_loop(
        0, REPEATS, lambda i, x: x + normal(jax.random.key(i, impl=KEYS), x.shape), x[..., :16]
    )
    flops = REPEATS * 2.0 * x.size * size.width
    copied = jnp.zeros(COPIED["cpu" if jax.default_backend() == "cpu" else "else"])
    return [
        _everywhere("matrix products", "FLOP", flops, chain, x, weight),
        _everywhere("matrix products, backward", "FLOP", flops, gradient, x, weight),
        _everywhere("copying", "bytes", 10 * 2 * copied.nbytes, copy, copied),
        _everywhere("normals", "numbers", REPEATS * x[..., :16].size, draw, x),
    ]


def updates_per_second(work: Work, flops: float, copied: float, drawn: float) -> float:
    """The limit of all devices together."""
    return 1.0 / (work.flops / flops + work.bytes / copied + work.numbers / drawn)
