"""DIIQN-style: DQN that trusts an expert's inferred actions as far as it has reason to.

arXiv 2511.03616. We could not read the paper's losses, distance and thresholds; what follows is from third-party
accounts, and what they leave open is a switch. The expert is known by pairs (s_e, s'_e) alone. Its action a_e is
inferred from one's own steps (`expert_actions`). A transition (s_a, a_a, r, s'_a) of the replay is matched with the
nearest s_e, if that is similar enough, and then learned from both:

    Φ = min(σ(β [Q(s_e, a_e) - Q(s_e, a_a)]) δ, ζ),
    δ = log(1 + min(c, c_max)) / log(1 + c_max),     ζ = 1 - err / err_max,
    L = E[Φ L_e + (1 - Φ) L_a].

c is how often s_e was in a batch, err the distance of the step that a_e was inferred from. Ours: no gradient through Φ;
L_a is DQN's loss, and L_e by the switch `expert_loss`, with y_e = r + γ max_a Q̄(s'_e, a), H(Q(s_e, a_e) - y_e)
(`agent_reward`), H(Q(s_a, a_e) - y_e) (`own_state`), or DQfD's margin max_a [Q(s_a, a) + 0.8 (a ≠ a_e)] - Q(s_a, a_e)
(`margin`). Actions are looked up when they are learned from, not when the transition is stored.

Off: `confidence = 0`, which multiplies Φ, is DQN, bit for bit.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.data.observations import expert_observations
from guided_rl.data.replay import Layout
from guided_rl.methods.base import Agent, Batch, Context, Events, Method, Metrics, Needs
from guided_rl.methods.bases import dqn
from guided_rl.methods.hparams import HParam
from guided_rl.methods.observations.expert_actions import DISTANCES, infer, nearest, nothing_inferred
from guided_rl.runtime.errors import UserError, unknown_name

HPARAMS = {
    **dqn.HPARAMS,
    "beta": HParam(1.0, 0.0, doc="slope β of the confidence in the difference of values"),
    "c_max": HParam(1e4, 1.0, doc="c_max, uses of an expert pair after which trust by familiarity is full"),
    "similarity": HParam(0.97, 0.0, 1.0, doc="least similarity of states at which a transition is matched"),
    "confidence": HParam(1.0, 0.0, 1.0, doc="multiplies Φ; 0 is DQN"),
}
MARGIN = 0.8
LOSSES = ("agent_reward", "own_state", "margin")


@dataclass(frozen=True)
class Expert:
    """How the expert set is used; see `diiqn`."""

    expert_loss: str
    distance: Callable[..., jax.Array]
    true_actions: bool = False


def familiarity(count: jax.Array, c_max: jax.Array) -> jax.Array:
    """δ = log(1 + min(c, c_max)) / log(1 + c_max)."""
    return jnp.log1p(jnp.minimum(count, c_max)) / jnp.log1p(c_max)


def precision(error: jax.Array, largest: jax.Array) -> jax.Array:
    """ζ = 1 - err / err_max; 0 where no action was inferred, and 1 where no error was ever made."""
    return jnp.where(jnp.isfinite(error), 1.0 - error / jnp.maximum(largest, 1e-9), 0.0)


def preference(expert_value: jax.Array, own_value: jax.Array, beta: jax.Array) -> jax.Array:
    """σ(β [Q(s_e, a_e) - Q(s_e, a_a)])."""
    return jax.nn.sigmoid(beta * (expert_value - own_value))


def phi(agent: Agent, batch: Batch, pair: jax.Array, similarity: jax.Array, ctx: Context) -> jax.Array:
    """Φ [batch]; 0 where the match is not similar enough."""
    memory, hp = agent.memory, ctx.hp
    q = dqn.critic(ctx.setup).apply(agent.params["critic"], memory["expert_obs"][pair])
    action = memory["expert_action"][pair]
    prefers = preference(dqn.q_of(q, action), dqn.q_of(q, batch["action"]), hp["beta"])
    zeta = precision(memory["error"][pair], memory["largest_error"])
    trust = jnp.minimum(prefers * familiarity(memory["count"][pair], hp["c_max"]), zeta)
    return hp["confidence"] * jnp.where(similarity >= hp["similarity"], trust, 0.0)


def expert_losses(
    params: Any,
    agent: Agent,
    batch: Batch,
    pair: jax.Array,
    action: jax.Array,
    ctx: Context,
    expert_loss: str,
    loss: str = "huber",
) -> jax.Array:
    """L_e [batch] of the matched pairs and the expert's actions there."""
    q = lambda params, obs: dqn.critic(ctx.setup).apply(params, obs)
    if expert_loss == "margin":
        own = q(params, batch["obs"])
        others = MARGIN * (1.0 - jax.nn.one_hot(action, own.shape[-1]))
        return jnp.max(own + others, axis=-1) - dqn.q_of(own, action)
    obs = batch["obs"] if expert_loss == "own_state" else agent.memory["expert_obs"][pair]
    next_q = q(agent.targets["critic"], agent.memory["expert_next"][pair])
    target = batch["reward"] + ctx.hp["gamma"] * jnp.max(next_q, axis=-1)
    return dqn.td_losses(q(params, obs), action, jax.lax.stop_gradient(target), loss)


def critic_loss(
    params: Any, agent: Agent, target: jax.Array, batch: Batch, ctx: Context, *, expert_loss: str, loss: str
) -> tuple[jax.Array, Metrics]:
    """E[Φ L_e + (1 - Φ) L_a]; a branch, so that confidence 0 leaves DQN's loss to the last bit.

    The batch brings `pair`, `expert_action` and `phi`.
    """

    def mixed(params: Any) -> tuple[jax.Array, Metrics]:
        share, q = batch["phi"], dqn.critic(ctx.setup).apply(params, batch["obs"])
        chosen = dqn.q_of(q, batch["action"])
        theirs = expert_losses(params, agent, batch, batch["pair"], batch["expert_action"], ctx, expert_loss, loss)
        value = jnp.mean(share * theirs + (1.0 - share) * dqn.td_losses(q, batch["action"], target, loss))
        return value, {"critic_loss": value, "q": jnp.mean(chosen)}

    alone = lambda params: dqn.critic_loss(params, agent, target, batch, ctx, loss=loss)
    return jax.lax.cond(ctx.hp["confidence"] > 0, mixed, alone, params)


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, how: Expert, double: bool, loss: str, trust=phi
) -> tuple[Agent, Metrics]:
    """DQN's update on the mixed loss; every pair that was matched counts as used once more."""
    pair, similarity = nearest(agent.memory, batch["obs"], how.distance)
    action = agent.memory["expert_action"][pair]
    matched = (similarity >= ctx.hp["similarity"]).astype(jnp.float32)
    agent = agent.replace(memory={**agent.memory, "count": agent.memory["count"].at[pair].add(matched)})
    share = jax.lax.stop_gradient(trust(agent, batch, pair, similarity, ctx))
    rows = {**batch, "pair": pair, "expert_action": action, "phi": share}
    mixed = functools.partial(critic_loss, expert_loss=how.expert_loss, loss=loss)
    agent, metrics = dqn.update(agent, rows, key, ctx, double=double, critic_loss=mixed)
    return agent, {**metrics, "phi": jnp.mean(share), "matched": jnp.mean(matched)}


def init(key: jax.Array, ctx: Context, dataset: jax.Array | None, *, how: Expert) -> Agent:
    """DQN's learner, with the expert set in its memory: one copy a member, read at every update."""
    agent = dqn.init(key, ctx)
    rows = Layout.of(ctx.setup.observation_size, ctx.setup.action_space.width).unpack(dataset)
    memory = nothing_inferred(rows["obs"], rows["next_obs"])
    if how.true_actions:
        known = {"expert_action": rows["action"].astype(jnp.int32), "error": jnp.zeros_like(memory["error"])}
        memory = {**memory, **known, "largest_error": jnp.float32(1)}
    return agent.replace(memory=memory)


def after_step(agent: Agent, seen: Batch, ctx: Context, *, how: Expert) -> Agent:
    """Lend the action of this step to the expert pairs that it comes closest to."""
    if how.true_actions:
        return agent
    step = seen["obs"], seen["action"].astype(jnp.int32), seen["next_obs"]
    return agent.replace(memory=infer(agent.memory, *step, how.distance))


def first_rows(rows: np.ndarray, layout: Layout, *, limit: int, true_actions: bool) -> np.ndarray:
    """The first `limit` pairs of each expert [experts, limit, width].

    Raises:
      UserError: they are no observations, or the true actions are asked for and missing.
    """
    rows = expert_observations(rows[:, :limit], layout)
    if true_actions and not np.isfinite(layout.unpack(rows)["action"]).all():
        raise UserError("the expert set has no actions, but true_actions asks for them; give actions, or leave it out")
    return rows


def diiqn(
    *,
    expert_loss: str = "agent_reward",
    distance: str = "euclidean",
    rows: int = 2_000,
    true_actions: bool = False,
    double: bool = False,
    train_every: int = 1,
    loss: str = "huber",
) -> Method:
    """DIIQN-style.

    Args:
      expert_loss: L_e, `agent_reward`, `own_state` or `margin`.
      distance: of states and steps, `euclidean` over their ranges, or `hamming`.
      rows: pairs of the expert set that are used, the first ones.
      true_actions: the baseline that is told the expert's actions instead of inferring them.
      double, train_every, loss: as `dqn.dqn`'s.

    Raises:
      UserError: a switch has a value that it does not take.
    """
    for kind, value, known in (("expert loss", expert_loss, LOSSES), ("distance", distance, DISTANCES)):
        if value not in known:
            raise unknown_name(kind, value, known)
    if rows < 1:
        raise UserError(f"rows is {rows}; an expert set has at least 1 pair (s, s')")
    dqn.check_switches(train_every, loss)
    how = Expert(expert_loss, DISTANCES[distance], true_actions)
    learn = functools.partial(update, how=how, double=double, loss=loss)
    return dataclasses.replace(
        dqn.dqn(),
        name="diiqn",
        hparams=HPARAMS,
        init=functools.partial(init, how=how),
        update=dqn.every(train_every, learn),
        needs=Needs(
            actions="discrete",
            dataset=True,
            observations_only=not true_actions,
            prepare=functools.partial(first_rows, limit=rows, true_actions=true_actions),
        ),
        events=Events(after_step=functools.partial(after_step, how=how)),
    )
