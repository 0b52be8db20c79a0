"""What a method is: a handful of pure functions on one learner's explicit state.

Every function below sees one member of the population; the training loop vmaps it. A new
method starts from a base (`sac.SAC`, `td3.TD3`) with `dataclasses.replace` and changes only
the hooks in which its paper differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import optax
from flax import struct

from guided_rl.guides.base import Guide
from guided_rl.methods.hparams import HParam

HParams = dict[str, jax.Array]
Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]
ADAM = optax.scale_by_adam()


@dataclass(frozen=True)
class Setup:
    """Static facts of one run: shapes, replay rows, and the budget that schedules are fractions of."""

    observation_size: int
    action_size: int
    hidden: tuple[int, ...] = (256, 256)
    budget: int = 1_000_000
    activation: str = "relu"
    episode_length: int = 1_000
    capacity: int = 1_000_000
    critic_layer_norm: bool = False
    initialization: str = "lecun"
    actor_head: str = "clipped"


@struct.dataclass
class Agent:
    """All that one learner learns, by name: parameters, Polyak copies, Adam states, and what it remembers."""

    params: dict[str, Any]
    targets: dict[str, Any]
    optimizers: dict[str, Any]
    memory: dict[str, Any] = struct.field(default_factory=dict)


@struct.dataclass
class Context:
    """What a hook may read besides the agent.

    Attributes:
      hp: this member's hyper-parameters, traced floats.
      step: environment steps taken so far, shared by the population (never batched).
      guide: this member's adviser, or None.
      offline: this member's offline rows [rows, width], given to `init` and `refit` alone; else None.
      setup: static shapes and budget.
    """

    hp: HParams
    step: jax.Array
    guide: Guide | None
    offline: jax.Array | None = None
    setup: Setup = struct.field(pytree_node=False, default=None)

    @property
    def progress(self) -> jax.Array:
        """Share of the budget spent, in [0, 1]."""
        return self.step / self.setup.budget


class Act(NamedTuple):
    """An action to execute [action], and transition columns to store beside or instead of it.

    What is named here but in no column is not stored; `observe` sees it all the same.
    """

    executed: jax.Array
    stored: Mapping[str, jax.Array] = {}


@dataclass(frozen=True, eq=False)
class Method:
    """A learning method as data.

    Attributes:
      name: as in tables.
      hparams: its hyper-parameters by name; `ctx.hp` has a member's values of them.
      init: `(key, ctx) -> Agent`.
      act: `(agent, obs, key, ctx) -> Act`, the behaviour that collects data.
      update: `(agent, batch, key, ctx) -> (Agent, metrics)`, one gradient step.
      policies: evaluation protocols, `(agent, obs, key, ctx) -> action`; `policy` is the
        learner's own deterministic policy.
      observe: `(agent, seen, ctx) -> Agent`, called after every environment step; `seen` has
        what `act` stored or noted beside the action, its `reward` and the `length` of the episode
        so far and, where the episode ended, `episode` = 1, its `return`, and `failure` = 1 if it
        was terminated. None: not called.
      arrive: `(agent, next_obs, key, ctx) -> {column: value}`, transition columns that depend on
        where the action led. None: not called.
      columns: `setup -> {name: width}` of extra transition columns that `act` and `arrive` store;
        width 0 stands for a scalar, 1 for a vector of one entry.
      warmup: share of the budget that is stored before the first update.
      random_warmup: whether those first steps are uniformly random instead of `act`'s.
      needs_guide: whether a guide must be given.
      refit: `(agent, recent, count, key, ctx) -> Agent`, called at the start of every episode
        length of the task's clock once learning has begun (for tasks that never terminate, of
        every episode); `recent` are the newest transitions, columns [window, ...], of which the
        first `count` exist. None: not called.
      window: how many of the newest transitions `refit` is given.
      needs_dataset: whether offline rows must be given.
      mixes_dataset: whether the share `hp["offline_ratio"]` of every batch is of them.
      expert_batch: offline rows that every batch brings besides, as `batch["expert"]`.
      draws: how many batches' rows `update` is given at once, to share out or to choose from.
      ensemble: agents inside one learner, which costs as many times the compute.
      load: rows that pass the critics in an update per row of a batch, where far more than SAC's;
        like `ensemble`, for the plan's estimates.
      prepare: `(rows [experts, rows, width], layout) -> rows`, on the host, once, before
        training; may refuse a dataset. None: taken as it is.
      observations_only: whether it reads nothing but pairs (s, s') of the dataset, which then
        may lack the rest.
      offline: whether it learns from the dataset alone: its steps are gradient steps, and no
        environment step is taken but in evaluations.
    """

    name: str
    hparams: Mapping[str, HParam]
    init: Callable[..., Agent]
    act: Callable[..., Act]
    update: Callable[..., tuple[Agent, Metrics]]
    policies: Mapping[str, Callable[..., jax.Array]]
    observe: Callable[..., Agent] | None = None
    arrive: Callable[..., Mapping[str, jax.Array]] | None = None
    refit: Callable[..., Agent] | None = None
    window: int = 0
    expert_batch: int = 0
    draws: int = 1
    ensemble: int = 1
    load: int = 1
    prepare: Callable[..., Any] | None = None
    columns: Callable[[Setup], Mapping[str, int]] = field(default=lambda setup: {})
    warmup: float = 0.005
    random_warmup: bool = True
    needs_guide: bool = False
    needs_dataset: bool = False
    mixes_dataset: bool = False
    observations_only: bool = False
    offline: bool = False


def optimizer(params: Any) -> Any:
    """A fresh Adam state for `params`."""
    return ADAM.init(params)


def descend(agent: Agent, name: str, loss: Callable[[Any], Any], rate: jax.Array) -> tuple[Agent, Any]:
    """One Adam step of `agent.params[name]` on `loss(params) -> (value, aux)`; returns aux too."""
    gradient, aux = jax.grad(loss, has_aux=True)(agent.params[name])
    return follow(agent, name, gradient, rate), aux


def follow(agent: Agent, name: str, gradient: Any, rate: jax.Array) -> Agent:
    """One Adam step of `agent.params[name]` against `gradient`.

    The learning rate is applied outside of optax, so that it can be a traced float.
    """
    updates, state = ADAM.update(gradient, agent.optimizers[name])
    params = jax.tree.map(lambda p, u: p - rate * u, agent.params[name], updates)
    return agent.replace(
        params={**agent.params, name: params},
        optimizers={**agent.optimizers, name: state},
    )


def polyak(agent: Agent, name: str, tau: jax.Array) -> Agent:
    """Move `agent.targets[name]` towards its parameters by the fraction `tau`."""
    target = jax.tree.map(lambda t, p: t + tau * (p - t), agent.targets[name], agent.params[name])
    return agent.replace(targets={**agent.targets, name: target})
