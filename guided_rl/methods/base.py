"""What a method is: a handful of pure functions on one learner's explicit state.

Every function below sees one member of the population; the training loop vmaps it. A new
method starts from a base (`sac.SAC`, `td3.TD3`) with `dataclasses.replace` and changes only
the hooks in which its paper differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct

from guided_rl.envs.spaces import Box, Discrete, Space
from guided_rl.guides.base import Guide
from guided_rl.methods.hooks import AfterNextObs, AfterStep, AtEpisode, Behaviour, Init, Policy, Update
from guided_rl.methods.hparams import HParam
from guided_rl.methods.loops import REPLAYING, Offline, OffPolicy, OnPolicy, Planning, RollOut
from guided_rl.methods.loops import Start as Start
from guided_rl.planning.problem import RewardProblem

HParams = dict[str, jax.Array]
Batch = dict[str, Any]  # columns by name, arrays [batch, ...]; under `expert` a batch of its own
Metrics = dict[str, jax.Array]
ADAM = optax.scale_by_adam()


@dataclass(frozen=True)
class Setup:
    """Static facts of one run: shapes, replay rows, and the budget that schedules are fractions of."""

    observation_size: int
    action_space: Space
    hidden: tuple[int, ...] = (256, 256)
    budget: int = 1_000_000
    activation: str = "relu"
    episode_length: int = 1_000
    capacity: int = 1_000_000
    critic_layer_norm: bool = False
    initialization: str = "lecun"
    actor_head: str = "clipped"
    problem: RewardProblem | None = None

    @property
    def action_size(self) -> int:
        """Entries of a continuous action."""
        assert isinstance(self.action_space, Box)  # as `Needs.actions` promises to who asks
        return self.action_space.size

    @property
    def actions(self) -> int:
        """How many discrete actions there are."""
        assert isinstance(self.action_space, Discrete)  # as above
        return self.action_space.n


class Agent(struct.PyTreeNode):
    """All that one learner learns, by name: parameters, Polyak copies, Adam states, and what it remembers."""

    params: dict[str, Any]
    targets: dict[str, Any]
    optimizers: dict[str, Any]
    memory: dict[str, Any] = struct.field(default_factory=dict)


class Context(struct.PyTreeNode):
    """What a hook may read besides the agent.

    Attributes:
      hp: this member's hyper-parameters, traced floats.
      step: environment steps taken so far, shared by the population (never batched); where learning is from
        groups of roll-outs, this member's own.
      guide: this member's adviser, or None.
      roll_out: who acts, where learning is from groups of roll-outs.
      setup: static shapes and budget.
    """

    hp: HParams
    step: jax.Array
    guide: Guide | None
    setup: Setup = struct.field(pytree_node=False, default=None)
    roll_out: RollOut | None = None

    @property
    def progress(self) -> jax.Array:
        """Share of the budget spent, in [0, 1]."""
        return self.step / self.setup.budget


class Act(NamedTuple):
    """An action to execute, and transition columns to store beside or instead of it.

    What is named here but in no column is not stored; `after_step` sees it all the same. Two names are counted and
    reported: `expert_queries`, how often an expert was asked, and `expert_share`, how much of the action is the
    expert's, in [0, 1].
    """

    action: jax.Array
    extras: Mapping[str, jax.Array] = {}


@dataclass(frozen=True)
class Needs:
    """What a method must be given.

    Attributes:
      actions: the spaces that it acts in, `continuous` (a `Box`), `discrete` or `any`.
      guide: whether an adviser, `ctx.guide`.
      agents: the offline method whose agents that adviser must be, such as `iql-offline`; None: any adviser will do.
      dataset: whether offline rows.
      traces: how many successful traces of the guide, `data.traces`, which `init` gets as its dataset; 0 for none.
      observations_only: whether it reads nothing but pairs (s, s') of the dataset, which then
        may lack the rest.
      prepare: `(rows [experts, rows, width], layout) -> rows`, on the host, once, before
        training; may refuse a dataset. None: taken as it is.
    """

    actions: Literal["continuous", "discrete", "any"] = "continuous"
    guide: bool = False
    agents: str | None = None
    dataset: bool = False
    traces: int = 0
    observations_only: bool = False
    prepare: Callable[..., Any] | None = None


@dataclass(frozen=True)
class EveryEpisode:
    """What happens at the start of every episode length of the task's clock, once learning has begun.

    For tasks that never terminate, that is every episode.

    Attributes:
      hook: see `AtEpisode`.
      window: how many of the newest transitions the hook is given.
    """

    hook: AtEpisode
    window: int


@dataclass(frozen=True)
class Events:
    """What a method does besides acting and updating; None: nothing.

    Attributes:
      after_step: after every environment step, the learner with what it remembers of it.
      after_next_obs: transition columns that depend on where the action led.
      every_episode: something between two episodes.
    """

    after_step: AfterStep | None = None
    after_next_obs: AfterNextObs | None = None
    every_episode: EveryEpisode | None = None


@dataclass(frozen=True)
class Cost:
    """What the plan's estimates must know, where an update costs much more than SAC's.

    Attributes:
      ensemble: agents inside one learner, which cost as many times the compute.
      critic_rows: rows that pass the critics in an update per row of a batch.
    """

    ensemble: int = 1
    critic_rows: int = 1


@dataclass(frozen=True, eq=False)
class Method:
    """A learning method as data.

    Attributes:
      name: as in tables.
      hparams: its hyper-parameters by name; `ctx.hp` has a member's values of them.
      init: `(key, ctx, dataset) -> Agent`; `dataset` are this member's offline rows [rows, width], or None.
      act: `(agent, obs, key, ctx) -> Act`, the behaviour that collects data.
      update: `(agent, batch, key, ctx) -> (Agent, metrics)`, one gradient step.
      policies: evaluation protocols, `(agent, obs, key, ctx) -> action`, or an `Act` whose extras are
        counted; `policy` is the learner's own deterministic policy.
      loop: how steps and updates take turns.
      needs: what it must be given.
      events: what it does besides.
      columns: `setup -> {name: width}` of extra transition columns that `act` and `after_next_obs`
        store; width 0 stands for a scalar, 1 for a vector of one entry.
      cost: for the plan's estimates.
    """

    name: str
    hparams: Mapping[str, HParam]
    init: Init
    act: Behaviour
    update: Update
    policies: Mapping[str, Policy]
    loop: OffPolicy | Offline | OnPolicy | Planning = REPLAYING
    needs: Needs = Needs()
    events: Events = Events()
    columns: Callable[[Setup], Mapping[str, int]] = lambda setup: {}
    cost: Cost = Cost()

    @property
    def offline(self) -> bool:
        """Whether it steps no environment: it learns from the dataset alone, or plans."""
        return isinstance(self.loop, Offline | Planning)

    @property
    def leaves_agents(self) -> bool:
        """Whether what it learns is kept, so that an online method can go on from it."""
        return isinstance(self.loop, Offline) and self.loop.agents

    @property
    def off_policy(self) -> OffPolicy:
        """Its loop, if it learns from replay; a TypeError if not."""
        if not isinstance(self.loop, OffPolicy):
            raise TypeError(f"{self.name} does not learn from replay")
        return self.loop

    @property
    def on_policy(self) -> OnPolicy:
        """Its loop, if it learns from groups of roll-outs; a TypeError if not."""
        if not isinstance(self.loop, OnPolicy):
            raise TypeError(f"{self.name} does not learn from groups of roll-outs")
        return self.loop


def optimizer(params: Any) -> Any:
    """A fresh Adam state for `params`."""
    return ADAM.init(params)


def descend(agent: Agent, name: str, loss: Callable[[Any], Any], rate: jax.Array | float) -> tuple[Agent, Any]:
    """One Adam step of `agent.params[name]` on `loss(params) -> (value, aux)`; returns aux too."""
    gradient, aux = jax.grad(loss, has_aux=True)(agent.params[name])
    return follow(agent, name, gradient, rate), aux


def follow(agent: Agent, name: str, gradient: Any, rate: jax.Array | float) -> Agent:
    """One Adam step of `agent.params[name]` against `gradient`.

    The learning rate is applied outside of optax, so that it can be a traced float.
    """
    updates, state = ADAM.update(gradient, agent.optimizers[name])
    params = jax.tree.map(lambda p, u: p - rate * u, agent.params[name], updates)
    return agent.replace(
        params={**agent.params, name: params},
        optimizers={**agent.optimizers, name: state},
    )


def at_every(period: int, step: jax.Array, do: Callable[[Any], tuple[Any, Metrics]], value: Any) -> tuple[Any, Metrics]:
    """`do(value)` at every `period`-th step, else `value` as it is.

    Metrics are times `period` where it is done and zeros where not, so that their mean over steps is theirs.
    """

    def done(value: Any) -> tuple[Any, Metrics]:
        value, metrics = do(value)
        return value, jax.tree.map(lambda x: period * x, metrics)

    def skipped(value: Any) -> tuple[Any, Metrics]:
        shapes = jax.eval_shape(lambda: done(value)[1])
        return value, jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

    return jax.lax.cond(step % period == 0, done, skipped, value)


def polyak(agent: Agent, name: str, tau: jax.Array) -> Agent:
    """Move `agent.targets[name]` towards its parameters by the fraction `tau`."""
    target = jax.tree.map(lambda t, p: t + tau * (p - t), agent.targets[name], agent.params[name])
    return agent.replace(targets={**agent.targets, name: target})
