"""What a run will cost, said before anything compiles."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.training.checkpoint import tree_bytes

if TYPE_CHECKING:
    from guided_rl.training.population import Population
    from guided_rl.training.run import Session

CHUNK_UPDATES = 40_000  # between two returns to the host: some tens of seconds on two cores
MEMORY_SHARE = 0.6


@dataclass(frozen=True)
class Plan:
    """Size and shape of a run.

    Attributes:
      population: members in all; width: members per wave, all waves equally wide.
      devices: how many devices a wave is spread over.
      chunk: environment steps per compiled call.
      state_bytes: exact bytes of one wave's live state (twice while a checkpoint is restored).
      temporary_bytes: estimate of what the compiled chunk needs besides.
      available_bytes: memory that a wave may use.
      updates: gradient steps of all members together.
    """

    population: int
    width: int
    devices: int
    chunk: int
    state_bytes: int
    temporary_bytes: int
    available_bytes: int
    updates: int

    def waves(self) -> list[np.ndarray]:
        """Member indices of each wave; the last is padded with its own first member."""
        count = -(-self.population // self.width)
        indices = np.arange(count * self.width)
        indices[self.population :] = (count - 1) * self.width
        return list(indices.reshape(count, self.width))


def memory_limit() -> int:
    """Bytes that a population may take: a share of the device's memory, or of this host's."""
    stats = jax.devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return int(MEMORY_SHARE * stats["bytes_limit"])
    limit = os.environ.get("GUIDED_RL_MEMORY_GB")
    if limit:
        return int(float(limit) * 2**30)
    return int(MEMORY_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def make_plan(session: Session) -> Plan:
    """The plan of a session's population on this machine."""
    population = len(session.seeds)
    per_member = _state_bytes(session, 2) - _state_bytes(session, 1)
    shared = _state_bytes(session, 1) - per_member
    temporary = _temporary_bytes(session)
    available = memory_limit()
    fit = max(1, (available - shared) // (per_member + temporary))
    waves = -(-population // int(fit))
    devices = min(len(jax.devices()), -(-population // waves))
    width = -(-population // (waves * devices)) * devices
    return Plan(
        population=population,
        width=width,
        devices=devices,
        chunk=_chunk(session, width),
        state_bytes=_state_bytes(session, width),
        temporary_bytes=width * temporary,
        available_bytes=available,
        updates=population * max(0, session.config.steps - session.loop.learning_starts),
    )


def abstract_population(session: Session, width: int) -> Population:
    """Shapes and types of a population of `width` members; nothing is allocated."""
    seeds = jax.ShapeDtypeStruct((width,), jnp.int32)
    return jax.eval_shape(session.trainer._init, seeds, session.inputs(np.zeros(width, int)))


def _state_bytes(session: Session, width: int) -> int:
    return tree_bytes(abstract_population(session, width))


def _chunk(session: Session, width: int) -> int:
    """The largest divisor of the evaluation interval, in whole blocks, that keeps chunks short."""
    interval, block = session.config.interval, session.loop.block
    most = max(block, CHUNK_UPDATES // width)
    return max(c for c in range(block, interval + 1, block) if interval % c == 0 and (c <= most or c == block))


def _temporary_bytes(session: Session) -> int:
    """Per member: activations and their gradients in one update, and one more copy of the agent."""
    setup, batch = session.setup, session.loop.batch
    widths = sum(setup.hidden) * 2 + setup.observation_size + setup.action_size
    rows = batch * session.trainer.layout.width
    return tree_bytes(abstract_population(session, 1).members) * 2 + 4 * (6 * batch * widths + 2 * rows)
