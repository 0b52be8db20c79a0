"""What a run will cost, said before anything compiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import numpy as np

from guided_rl.methods.base import OnPolicy
from guided_rl.runtime import env_vars, limits
from guided_rl.training.checkpoint import tree_bytes
from guided_rl.training.processes import least_of

if TYPE_CHECKING:
    from guided_rl.training.run import Run
    from guided_rl.training.state import Population

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
      input_bytes: exact bytes of what a wave reads besides: hyper-parameters, experts, datasets.
      temporary_bytes: estimate of what the compiled chunk needs besides, on all devices together.
      available_bytes: memory that a wave may use.
      updates: gradient steps of all members together.
    """

    population: int
    width: int
    devices: int
    chunk: int
    state_bytes: int
    input_bytes: int
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
    """Bytes that a population may take on all devices: as many times what the poorest process has as there are."""
    return jax.process_count() * least_of(own_memory_limit())


def own_memory_limit() -> int:
    """Bytes on this process' devices: a share of their memory, or of what this process may use of this host's.

    On CPU `$GUIDED_RL_MEMORY_GB` decides, where it is set.
    """
    of_devices = [(device.memory_stats() or {}).get("bytes_limit", 0) for device in jax.local_devices()]
    if all(of_devices):
        return int(MEMORY_SHARE * sum(of_devices))
    return env_vars.memory() or int(MEMORY_SHARE * limits.memory().amount)


def make_plan(run: Run) -> Plan:
    """The plan of a run's population on this machine."""
    population, available = len(run.seeds), memory_limit()
    one, two = (tree_bytes(abstract_population(run, width)) for width in (1, 2))
    per_member = two - one
    shared = 0 if run.offline is None else run.offline.nbytes
    temporary, constant = temporary_bytes(run)
    devices = devices_for(population, run.loop.execution)
    fit = max(1, (available // devices - shared - constant) // (per_member + temporary))
    waves = -(-population // (int(fit) * devices))
    devices = devices_for(-(-population // waves), run.loop.execution)
    width = -(-population // (waves * devices)) * devices
    return Plan(
        population=population,
        width=width,
        devices=devices,
        chunk=_chunk(run, width),
        state_bytes=one + (width - 1) * per_member,
        input_bytes=tree_bytes(jax.eval_shape(lambda: run.inputs(np.zeros(width, int)))),
        temporary_bytes=width * temporary + devices * constant,
        available_bytes=available,
        updates=population * max(0, run.config.steps - run.loop.learning_starts),
    )


def devices_for(members: int, execution: str) -> int:
    """How many devices so many members are spread over.

    XLA compiles a lone device's program otherwise, and rounds it otherwise: one by one, two are the least.
    """
    least = 2 if execution == "map" else 1
    return min(len(jax.devices()), max(least, members))


def abstract_population(run: Run, width: int) -> Population:
    """Shapes and types of a population of `width` members; nothing is allocated."""
    wide = lambda leaf: jax.ShapeDtypeStruct((width, *leaf.shape[1:]), leaf.dtype)
    one = run.one_member
    return one.replace(members=jax.tree.map(wide, one.members), replay=wide(one.replay))


def temporary_bytes(run: Run) -> tuple[int, int]:
    """What a compiled chunk holds besides its state: bytes per member, and bytes per device.

    The loop carries a second copy of every learner, a third is being written, and each member's
    batch is gathered before any of them learns. Activations and their gradients are those of one
    member where members run one by one, and of all where they are batched; so are the
    window of `every_episode`, its inputs and its targets. What `critic_rows` add passes through the critics alone. The
    factors are fitted to XLA's own analysis on CPU; `tests/training/test_plan.py` holds them to 25 %.
    """
    learner = tree_bytes(abstract_population(run, 1).members.agent)
    method, units = run.method, sum(run.setup.hidden)
    rows = 4 * (run.trainer.drawn + run.trainer.expert_batch) * run.trainer.layout.width
    learns_at_once = run.trainer.drawn if isinstance(method.loop, OnPolicy) else run.loop.batch
    batch = learns_at_once * method.cost.ensemble
    more = 4 * batch * (method.cost.critic_rows - 1) * 5 * units
    event = method.events.every_episode
    window = 0 if event is None else min(event.window, run.loop.capacity)
    refit = int(3.3 * 4 * window * run.trainer.layout.width)
    if run.loop.execution == "map":
        return 2 * learner + rows, learner + 4 * batch * (int(4.5 * units) + 300) + more + refit
    return int(1.8 * learner) + rows + 4 * batch * (int(1.2 * units) + 450) + more + refit, 0


def _chunk(run: Run, width: int) -> int:
    """The largest divisor of the evaluation interval, in whole blocks, that keeps chunks short."""
    interval, block = run.config.interval, run.loop.block
    most = max(block, CHUNK_UPDATES // width)
    return max(c for c in range(block, interval + 1, block) if interval % c == 0 and (c <= most or c == block))
