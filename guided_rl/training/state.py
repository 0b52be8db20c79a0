"""What a population is made of: its settings, its members, what they read, and the sums that they report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from flax import struct

from guided_rl.data.traces import Traces
from guided_rl.envs.base import State
from guided_rl.guides.base import Guide
from guided_rl.methods.base import Agent, HParams
from guided_rl.training.sharding import SAME, SPLIT


@dataclass(frozen=True)
class Loop:
    """Static settings of the training loop, in steps.

    Attributes:
      batch: transitions per update.
      capacity: replay rows per member.
      learning_starts: stored steps before the first update.
      random_steps: leading steps whose actions are uniform over the action space.
      block: environment steps collected before the same number of updates.
      timeout_is_terminal: do not bootstrap through the time limit (the PAG table's setting).
      execution: `vmap` or `map` over members during updates.
      replay_dtype: of replay rows.
    """

    batch: int = 256
    capacity: int = 1_000_000
    learning_starts: int = 5_000
    random_steps: int = 5_000
    block: int = 1
    timeout_is_terminal: bool = False
    execution: str = "vmap"
    replay_dtype: str = "float32"


class Totals(struct.PyTreeNode):
    """Sums over one chunk of training, per member."""

    episodes: jax.Array
    episode_return: jax.Array
    failures: jax.Array
    updates: jax.Array
    metrics: dict[str, jax.Array]
    outcomes: dict[str, jax.Array] = struct.field(default_factory=dict)


class Members(struct.PyTreeNode):
    """One learner each; leaves are [population, ...].

    Attributes:
      spent: steps of the member's own clock, where members take them in groups; None where all share the population's.
    """

    seed: jax.Array
    key: jax.Array
    agent: Agent
    env: State
    running_return: jax.Array
    alive: jax.Array
    died_at: jax.Array
    outcomes: dict[str, jax.Array] = struct.field(default_factory=dict)  # which the running episode has had
    spent: Any = None


class Population(struct.PyTreeNode):
    """Everything that a run must keep to go on exactly where it stopped."""

    members: Members
    replay: jax.Array
    step: jax.Array


class Inputs(struct.PyTreeNode):
    """What a population reads but never changes: [population, ...], but for the shared data.

    `real` tells members from the rows behind them that only fill up the last devices' share.
    """

    hp: HParams
    guide: Guide | None
    real: jax.Array
    offline: jax.Array | None = None
    traces: Traces | None = None


POPULATION = Population(members=SPLIT, replay=SPLIT, step=SAME)
INPUTS = Inputs(hp=SPLIT, guide=SPLIT, real=SPLIT, offline=SAME, traces=SAME)
TOTALS = Totals(episodes=SPLIT, episode_return=SPLIT, failures=SPLIT, updates=SAME, metrics=SPLIT, outcomes=SPLIT)
