"""SAC-EO without β, a method of ours: the run weighs the imitation term itself.

SAC-EO's ε = 1 / (1 + β δ_max) mixes units: δ_max is in those of the observation and the two
losses in those of the reward and of a squared observation, so β has to be tuned per task. Here
everything is a ratio. After each refit

    ε / (1 - ε) = ‖∇J_SAC‖ / ‖∇MSE‖ · min(1, δ_max(D) / δ_max(D^e)),

with the norms of the two losses' gradients in the actor's parameters, each on one batch, and
δ_max over as many of the learner's newest states D as expert states are looked at. Imitation thus
pulls at most as hard as reward does, and less by as much as the models disagree more on the
expert's states than on the data that they were fitted to. There is nothing to set.

Nearest published relatives: gradient-norm balancing of several losses (Chen et al. 2018,
GradNorm, arXiv 1711.02257) and the adaptive weight of Esser et al. 2021 (arXiv 2012.09841);
the trust factor is SAC-EO's own disagreement, made free of units.

Off: ε ≡ 0 is SAC-EO's, hence SAC; no setting gives it, since the run itself weighs.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from optax.tree import norm

from guided_rl.data.replay import sample_indices
from guided_rl.methods.base import Agent, Batch, Context, Method
from guided_rl.methods.bases import sac
from guided_rl.methods.observations.dynamics import Fitting
from guided_rl.methods.observations.imitation import Imitation, disagreement, imitating, imitation_loss

ROWS = 256
SMALLEST = 1e-8


def draws(recent: Batch, count: jax.Array, expert: Batch, key: jax.Array) -> tuple[Batch, Batch, jax.Array, jax.Array]:
    """A batch of the first `count` of the learner's rows, one of the expert's, and two keys for what follows."""
    own_key, expert_key, delta_key, actor_key = jax.random.split(key, 4)
    draw = lambda rows, key, n: jax.tree.map(lambda x: x[sample_indices(key, ROWS, n)], rows)
    return draw(recent, own_key, count), draw(expert, expert_key, expert["obs"].shape[0]), delta_key, actor_key


def pulls(
    agent: Agent, ctx: Context, how: Imitation, *, recent: Batch, count: jax.Array, expert: Batch, key: jax.Array
) -> tuple[Any, Any]:
    """∇J_SAC and ∇MSE in the actor's parameters, each on one batch."""
    own, pairs, _, actor_key = draws(recent, count, expert, key)
    actor = agent.params["actor"]
    reward = jax.grad(lambda p: sac.actor_loss(p, agent, own, actor_key, ctx)[0])(actor)
    return reward, jax.grad(lambda p: imitation_loss(p, agent, pairs, actor_key, ctx, how))(actor)


def weigh(
    agent: Agent,
    delta_max: jax.Array,
    ctx: Context,
    how: Imitation,
    *,
    recent: Batch,
    count: jax.Array,
    expert: Batch,
    key: jax.Array,
) -> jax.Array:
    """ε of the equation above; its own batch of expert states stands for `delta_max`'s whole set."""
    reward, imitation = pulls(agent, ctx, how, recent=recent, count=count, expert=expert, key=key)
    own, pairs, delta_key, _ = draws(recent, count, expert, key)
    balance = norm(reward) / jnp.maximum(norm(imitation), SMALLEST)
    seen, asked = (jnp.max(disagreement(agent, rows["obs"], delta_key, ctx, how)) for rows in (own, pairs))
    odds = balance * jnp.minimum(1.0, seen / jnp.maximum(asked, SMALLEST))
    return odds / (1.0 + odds)


def balanced_eo(
    *,
    model_hidden: tuple[int, ...] = (512, 512),
    epochs: int = 10,
    window: int = 100_000,
    expert_batch: int = 256,
    normalise: bool = False,
) -> Method:
    """SAC-EO with the self-weighed ε; the switches are `sac_eo.sac_eo`'s."""
    how = Imitation(Fitting(tuple(model_hidden), epochs=epochs, window=window, normalise=normalise))
    method = imitating(functools.partial(weigh, how=how), how, expert_batch)
    return dataclasses.replace(method, name="balanced-eo")
