"""The types of a method's functions. Each sees one member of the population; arguments are positional."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import jax

if TYPE_CHECKING:
    from guided_rl.methods.base import Act, Agent, Batch, Context, Metrics, Start


class Init(Protocol):
    """The learner before its first step; `dataset` are its offline rows [rows, width], its traces, or None."""

    def __call__(self, key: jax.Array, ctx: Context, dataset: Any, /) -> Agent: ...


class Behaviour(Protocol):
    """How data are collected, for one `obs` [obs]."""

    def __call__(self, agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context, /) -> Act: ...


class Update(Protocol):
    """One gradient step on a batch of named columns [batch, ...]."""

    def __call__(self, agent: Agent, batch: Batch, key: jax.Array, ctx: Context, /) -> tuple[Agent, Metrics]: ...


class Begin(Protocol):
    """Where what comes next begins, in one of the expert's traces; `lengths` are the actions in each, [traces]."""

    def __call__(self, agent: Agent, key: jax.Array, ctx: Context, lengths: jax.Array, /) -> Start: ...


class Policy(Protocol):
    """The action that is taken at one `obs` [obs] in an evaluation, alone or as an `Act`."""

    def __call__(self, agent: Agent, obs: jax.Array, key: jax.Array, ctx: Context, /) -> jax.Array | Act: ...


class AfterStep(Protocol):
    """What the learner remembers of an environment step.

    `seen` has the extras of `act` with its `action`, `obs` and `next_obs`, the `reward` and the `length` of the episode
    so far and, where the episode ended, `episode` = 1, its `return`, and `failure` = 1 if it was terminated.
    """

    def __call__(self, agent: Agent, seen: Batch, ctx: Context, /) -> Agent: ...


class AfterNextObs(Protocol):
    """Transition columns {name: value} that depend on where the action led."""

    def __call__(
        self, agent: Agent, next_obs: jax.Array, key: jax.Array, ctx: Context, /
    ) -> Mapping[str, jax.Array]: ...


class AtEpisode(Protocol):
    """What changes between two episodes.

    `recent` are the newest transitions, columns [window, ...], of which the first `count` exist;
    `dataset` as in `Init`.
    """

    def __call__(
        self,
        agent: Agent,
        recent: Batch,
        count: jax.Array,
        key: jax.Array,
        ctx: Context,
        dataset: jax.Array | None,
        /,
    ) -> Agent: ...
