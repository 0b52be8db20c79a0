"""How a method's steps and updates take turns: what it says of its training loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
from flax import struct

from guided_rl.methods.hooks import Begin


@dataclass(frozen=True)
class OffPolicy:
    """Learning from replay: steps of one environment per member, and as many updates.

    Attributes:
      warmup: share of the budget that is stored before the first update.
      random_warmup: whether those first steps are uniformly random instead of `act`'s.
      draws: how many batches' rows `update` is given at once, to share out or to choose from.
      mixes_dataset: whether the share `hp["offline_ratio"]` of every batch is of the dataset.
      expert_batch: rows of the dataset that every batch brings besides, as `batch["expert"]`.
      begin: where the next episode begins in the expert's traces, see `Begin`; None: as the task begins.
    """

    warmup: float = 0.005
    random_warmup: bool = True
    draws: int = 1
    mixes_dataset: bool = False
    expert_batch: int = 0
    begin: Begin | None = None


REPLAYING = OffPolicy()


@dataclass(frozen=True)
class Offline:
    """Learning from the dataset alone: steps are updates, and the environment is for evaluations.

    Attributes:
      draws: as `OffPolicy`'s.
      expert_batch: as `OffPolicy`'s, but drawn of the dataset's last rows alone.
      tail: how many of its last rows are those; no other batch has them.
      agents: whether its agents are kept for online methods, which know IQL's, AWAC's and CQL's networks.
    """

    draws: int = 1
    expert_batch: int = 0
    tail: int = 0
    agents: bool = True


@dataclass(frozen=True)
class Planning:
    """Rounds of planning in a process that is known, `ctx.setup.problem`: a step is a round, which is an update.

    `update` is given no batch, and the environment is for evaluations.

    Attributes:
      check: `(problem, hyper-parameters [population]) -> None`, on the host, before anything compiles; refuses what
        cannot be planned.
    """

    check: Callable[..., None] = lambda problem, hparams: None


class RollOut(struct.PyTreeNode):
    """Which roll-out of its group acts, and which of its own steps it takes; both from 0."""

    number: jax.Array
    time: jax.Array


class Start(NamedTuple):
    """Where a group of roll-outs begins: before action `index` of a trace; at index 0 afresh, as the task begins."""

    trace: jax.Array
    index: jax.Array  # type: ignore[assignment]  # nobody looks for a value in it, as tuple.index does


@dataclass(frozen=True)
class OnPolicy:
    """Learning from groups of roll-outs: `group` episodes from one start, then one update on them.

    `update` is given columns [time, group, …]: `obs`, `action`, what `act` stores, and `mask`, 1 where a roll-out
    still ran; and `return` [group], `start` (a `Start`) and `trace_length`, scalars.

    Attributes:
      group: roll-outs of a group.
      begin: where the next group begins, see `Begin`; None: always afresh.
    """

    group: int = 16
    begin: Begin | None = None
