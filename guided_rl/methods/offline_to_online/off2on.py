"""Off2On: an offline ensemble goes on online, by balanced replay and a pessimistic Q-ensemble.

Lee, Seo, Lee, Abbeel and Shin 2022, "Offline-to-Online Reinforcement Learning via Balanced Replay
and Pessimistic Q-Ensemble" (CoRL 2021, arXiv 2107.00591). N CQL agents of the same data become one
SAC agent. Its policy is the squashed Gaussian with the averaged moments of theirs,

    μ(s) = 1/N Σ_n μ_n(s),   σ²(s) = 1/N Σ_n (σ_n²(s) + μ_n²(s)) - μ²(s),

its value is the mean of what each agent's twin critics agree on, and all actors learn as one:

    y_n = r + γ (1 - d) [min_i Q̄_ni(s', a') - α log π(a'|s')],   a' ~ π(·|s')
    L_Q = ½ Σ_n Σ_i E[(Q_ni(s, a) - y_n)²]
    L_π = E[α log π(a|s) - 1/N Σ_n min_i Q_ni(s, a)],   a ~ π(·|s)

with each agent's own target, targets that start as copies of the critics and a temperature that
starts anew, as in the authors' code. Batches come from offline and online rows together, in which a
row is drawn with a probability in proportion to its priority p, as near as w is to on-policy:

    L_w = E_off[f*(f'(w(s, a)))] - E_on[f'(w(s, a))],   f' = log(2w / (w + 1)),   f*(f'(w)) = log((w + 1) / 2)
    p = w(s, a)^(1/T) / E_off[w(s, a)^(1/T)],   in [0.001, 1000]

L_w is least (Jensen and Shannon's f) where w is the ratio of the online rows' density to that of the
offline rows, and T is `priority_temperature`.

The authors keep every row's p in a sum tree and renew it when the row is drawn. Here rows are
chosen among candidates drawn uniformly, p being that of the current w and weighted by how many rows
each candidate stands for (sampling-importance-resampling; Rubin 1987), stratified as the authors'
draws are: no priority is out of date and none is kept per row, at the price of candidates, of
which a row may be drawn twice. A row has no history then, so the priority by which the authors
begin (every new row is seen about once) has no counterpart, nor have the 5 to 10 times as many
updates of their first epoch. Losses are taken in SAC's order.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.guides.offline_agents import members_of, networks_of
from guided_rl.methods.base import (
    Agent,
    Batch,
    Context,
    Cost,
    Method,
    Metrics,
    Needs,
    OffPolicy,
    Setup,
    descend,
    optimizer,
)
from guided_rl.methods.bases import cql, sac
from guided_rl.methods.hparams import REWARD_SHIFT, HParam, learning_rate
from guided_rl.networks.distributions import sample_squashed
from guided_rl.networks.mlp import MLP
from guided_rl.runtime.errors import UserError

HPARAMS = {
    **sac.HPARAMS,
    "ratio_lr": learning_rate(3e-4, "the density ratio"),
    "priority_temperature": HParam(5.0, 0.1, doc="T, of priorities w^(1/T); the larger, the more even"),
    "reward_shift": REWARD_SHIFT,
}
BATCH = 256  # the authors'
LEAST_PRIORITY, LARGEST_PRIORITY = 1e-3, 1e3
TINY = 1e-10
LAST_LAYER = 3e-3  # so that w is about 1 everywhere at first
RATIO_STREAM = 0x6F32  # beyond any counter that SAC draws from the same key


def values(setup: Setup, params: Any, obs: jax.Array, action: jax.Array) -> jax.Array:
    """min_i Q_ni(s, a), [members, ...]."""
    return jnp.min(jax.vmap(lambda p: sac.critic(setup).apply(p, obs, action))(params), axis=1)


def critic_target(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> jax.Array:
    """y_n = r + γ (1 - d) [min_i Q̄_ni(s', a') - α log π(a'|s')],  a' ~ π(·|s'); [members, batch]."""
    action, log_prob = sample_squashed(*cql.policy(ctx.setup, agent.params["actor"], batch["next_obs"]), key)
    q = values(ctx.setup, agent.targets["critic"], batch["next_obs"], action)
    value = q - jnp.exp(agent.params["log_temperature"]) * log_prob
    return batch["reward"] + ctx.hp["gamma"] * (1.0 - batch["terminated"]) * value


def critic_loss(params: Any, target: jax.Array, batch: Batch, ctx: Context) -> tuple[jax.Array, Metrics]:
    """½ Σ_n Σ_i E[(Q_ni(s, a) - y_n)²]."""
    losses, metrics = jax.vmap(lambda p, y: sac.critic_loss(p, y, batch, ctx))(params, target)
    return jnp.sum(losses), jax.tree.map(jnp.mean, metrics)


def actor_loss(params: Any, agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[jax.Array, Metrics]:
    """E[α log π(a|s) - 1/N Σ_n min_i Q_ni(s, a)],  a ~ π(·|s), the ensemble's."""
    action, log_prob = sample_squashed(*cql.policy(ctx.setup, params, batch["obs"]), key)
    q = jnp.mean(values(ctx.setup, agent.params["critic"], batch["obs"], action), axis=0)
    loss = jnp.mean(jnp.exp(agent.params["log_temperature"]) * log_prob - q)
    return loss, {"actor_loss": loss, "entropy": -jnp.mean(log_prob)}


def actor_gradient(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Any, Metrics]:
    return jax.grad(actor_loss, has_aux=True)(agent.params["actor"], agent, batch, key, ctx)


def ratio_init(key: jax.Array, setup: Setup) -> Any:
    """A network whose last layer is nearly 0 but for a bias of 1."""
    params = MLP(setup.hidden, 1, setup.activation, setup.initialization).init(
        key, jnp.zeros(setup.observation_size + setup.action_size)
    )
    last = params["params"][f"Dense_{len(setup.hidden)}"]
    kernel = jax.random.uniform(key, last["kernel"].shape, minval=-LAST_LAYER, maxval=LAST_LAYER)
    last = {"kernel": kernel, "bias": jnp.ones_like(last["bias"])}
    return {"params": {**params["params"], f"Dense_{len(setup.hidden)}": last}}


def ratio(setup: Setup, params: Any, rows: Batch) -> jax.Array:
    """w(s, a) ≥ 0, [...]."""
    pairs = jnp.concatenate([rows["obs"], rows["action"]], axis=-1)
    return jax.nn.relu(MLP(setup.hidden, 1, setup.activation, setup.initialization).apply(params, pairs)[..., 0])


def ratio_loss(params: Any, offline: Batch, online: Batch, ctx: Context) -> tuple[jax.Array, Metrics]:
    """L_w = E_off[log((w + 1) / 2)] - E_on[log(2w / (w + 1))]."""
    off, on = (ratio(ctx.setup, params, rows) for rows in (offline, online))
    loss = jnp.mean(jnp.log((off + 1.0) / 2.0)) - jnp.mean(jnp.log(2.0 * on / (on + 1.0) + TINY))
    return loss, {"ratio_loss": loss, "ratio_offline": jnp.mean(off), "ratio_online": jnp.mean(on)}


def priority(w: jax.Array, offline: jax.Array, temperature: jax.Array) -> jax.Array:
    """p of rows with ratios `w` [...], normalised by the ratios `offline` [n] of offline rows."""
    scale = jnp.mean(offline ** (1.0 / temperature)) + TINY
    return jnp.clip(w ** (1.0 / temperature) / scale, LEAST_PRIORITY, LARGEST_PRIORITY)


def resample(weights: jax.Array, count: int, key: jax.Array) -> jax.Array:
    """`count` numbers of `weights` [n], each in proportion to its weight: one from every equal part of their sum."""
    edges = jnp.cumsum(weights / jnp.sum(weights))
    points = (jnp.arange(count) + jax.random.uniform(key, (count,))) / count
    return jnp.minimum(jnp.searchsorted(edges, points * edges[-1], side="right"), weights.shape[0] - 1)


def balanced(agent: Agent, offline: Batch, online: Batch, count: int, key: jax.Array, ctx: Context):
    """`count` rows of both kinds together by their priorities, and the share of offline ones among them."""
    off, on = (ratio(ctx.setup, agent.params["ratio"], rows) for rows in (offline, online))
    stored = jnp.minimum(ctx.step + 1, ctx.setup.capacity)
    mass = [agent.memory["offline_rows"] / off.shape[0], stored / on.shape[0]]
    weights = [m * priority(w, off, ctx.hp["priority_temperature"]) for m, w in zip(mass, (off, on), strict=True)]
    index = resample(jnp.concatenate(weights), count, key)
    rows = jax.tree.map(lambda a, b: jnp.concatenate([a, b])[index], offline, online)
    return rows, {"offline_share": jnp.mean(index < off.shape[0])}


def off2on(*, members: int = 5, candidates: int = 4) -> Method:
    """SAC from an ensemble of CQL agents.

    Args:
      members: N, the agents of the ensemble that the guide brings; the paper has five.
      candidates: rows of each kind that are drawn uniformly for each one that is learned from, as
        many as in so many batches: this run's online, and the authors' offline.
    """
    cql.whole("members", members, "off2on")
    cql.whole("candidates", candidates, "off2on")

    def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
        found = members_of(ctx.guide)
        if found != members:
            brings = f"an ensemble of {found}" if found else "no ensemble of CQL agents"
            raise UserError(
                f"off2on goes on from members={members} CQL agents, but the guide {ctx.guide.name!r} brings {brings}; "
                f"give the agents of --method cql-offline --option members={members}"
            )
        fresh = jax.eval_shape(lambda k: cql.members_init(k, ctx, members=members), key).params
        params = networks_of(ctx.guide, {name: fresh[name] for name in ("actor", "critic")}, "cql-offline")
        params["log_temperature"] = jnp.log(jnp.float32(ctx.hp["initial_temperature"]))
        params["ratio"] = ratio_init(jax.random.fold_in(key, RATIO_STREAM), ctx.setup)
        optimizers = {name: optimizer(leaf) for name, leaf in params.items()}
        memory = {"offline_rows": jnp.float32(dataset.shape[0])}
        return Agent(params, {"critic": params["critic"]}, optimizers, memory)

    def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
        """The ratio, a batch by priority, then SAC."""
        offline, online = batch["expert"], {name: column for name, column in batch.items() if name != "expert"}
        size = online["reward"].shape[0] // candidates
        off, on = (jax.tree.map(lambda column: column[:size], rows) for rows in (offline, online))
        agent, told = descend(agent, "ratio", lambda p: ratio_loss(p, off, on, ctx), ctx.hp["ratio_lr"])
        rows, share = balanced(agent, offline, online, size, jax.random.fold_in(key, RATIO_STREAM), ctx)
        rows["reward"] = rows["reward"] + ctx.hp["reward_shift"]
        agent, metrics = sac.update(
            agent,
            rows,
            key,
            ctx,
            critic_target=critic_target,
            critic_loss=critic_loss,
            actor_gradient=actor_gradient,
        )
        return agent, {**metrics, **told, **share}

    return Method(
        name="off2on",
        hparams=HPARAMS,
        init=init,
        act=cql.act,
        update=update,
        policies={"policy": cql.mode},
        loop=OffPolicy(random_warmup=False, draws=candidates, expert_batch=candidates * BATCH),
        needs=Needs(guide=True, agents="cql-offline", dataset=True),
        cost=Cost(ensemble=members),
    )
