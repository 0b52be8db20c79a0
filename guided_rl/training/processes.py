"""A population over several processes: what the host has to agree on, and who speaks for all.

Every process runs the same program on its own devices' members (`sharding`). What the host reads
is gathered from all of them; folders, records and the terminal belong to the leading process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from guided_rl.runtime.errors import UserError


def is_main_process() -> bool:
    """Whether this process speaks for all; so does the only one there is."""
    return jax.process_index() == 0


def to_host(tree: Any) -> Any:
    """The whole of each array, as NumPy's, in every process."""
    if jax.process_count() == 1:
        return jax.tree.map(np.asarray, tree)
    return multihost_utils.process_allgather(tree, tiled=True)


def any_of(*flags: bool) -> list[bool]:
    """For each flag, whether it is set in any process."""
    if jax.process_count() == 1:
        return list(flags)
    return multihost_utils.process_allgather(np.array(flags)).any(axis=0).tolist()


def least_of(number: int) -> int:
    """The smallest of the processes' numbers."""
    if jax.process_count() == 1:
        return number
    return int(multihost_utils.process_allgather(np.float64(number)).min())


@contextlib.contextmanager
def held_by_lead(resource: contextlib.AbstractContextManager) -> Iterator[None]:
    """`resource`, entered by the leading process alone; the others fail if it does.

    Raises:
      UserError: it could not be had.
    """
    with contextlib.ExitStack() as stack:
        refused = None
        if is_main_process():
            try:
                stack.enter_context(resource)
            except UserError as error:
                refused = error
        if any_of(refused is not None)[0]:
            raise refused or UserError("the leading process was refused; its message says why")
        yield
