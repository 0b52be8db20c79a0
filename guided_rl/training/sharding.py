"""The population axis over all devices, those of other processes included.

On CPU every core is a device of its own (`guided_rl.runtime.devices`): members are independent, so
two cores each training half of a population beat both cores sharing every small product.
Inside a shard nothing is communicated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

AXIS = "population"
SPLIT: Any = PartitionSpec(AXIS)  # stands for whatever tree lies below it
SAME: Any = PartitionSpec()


def population_mesh(population: int) -> Mesh:
    """As many devices as there are members to give one to, in a row."""
    devices = jax.devices()[: max(1, population)]
    return Mesh(np.array(devices), (AXIS,))


def sharded(function: Callable, mesh: Mesh, inputs: Any, outputs: Any, **jit: Any) -> Callable:
    """`function` compiled with each device working on its own members.

    `inputs` and `outputs` are prefixes of partition specs: SPLIT along axis 0, or SAME.
    """
    mapped = jax.shard_map(function, mesh=mesh, in_specs=inputs, out_specs=outputs, check_vma=False)
    return jax.jit(mapped, **jit)


def shardings(mesh: Mesh, specs: Any, tree: Any) -> Any:
    """Where every leaf of `tree` lies, for `specs` that are a prefix of it."""
    is_spec = lambda x: isinstance(x, PartitionSpec)
    under = lambda spec, part: jax.tree.map(lambda _: NamedSharding(mesh, spec), part)
    return jax.tree.map(under, specs, tree, is_leaf=is_spec)


def place(tree: Any, mesh: Mesh, specs: Any) -> Any:
    """Put host or device arrays where `sharded` functions expect them."""
    return jax.device_put(tree, shardings(mesh, specs, tree))
