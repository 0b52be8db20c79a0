"""PEX: policy expansion, from an offline agent to an online one.

Zhang, Xu and Yu 2023, "Policy Expansion for Bridging Offline-to-Online Reinforcement Learning"
(arXiv 2302.00935). The offline policy π_β is kept as it is and a fresh π_θ joins it. In a state s
each policy of the set proposes one action, a_β = mode π_β(s) and a_θ ~ π_θ(·|s), and

    P_w[i] = exp(κ Q(s, a_i)) / Σ_j exp(κ Q(s, a_j)),   Q = min(Q_1, Q_2),   w ~ P_w,   a = a_w.

Critics start from the offline ones and learn as in IQL, on batches half of which are offline
rows. π_θ imitates the composite's own actions ã = a_w at the batch's states:

    L_θ = -E[min(exp(β A(s, ã)), 100) log π_θ(ã|s)],   A = min_i Q̄_i(s, ã) - V(s),  both just updated.

κ is `inverse_temperature` (the paper's α is 1/κ). Everything else is a switch of `pex`. The
protocol `policy` takes modes and the proposal of highest Q; `epsilon` does so with probability
0.9 at each of the two choices, as the released code evaluates.

Off: one policy, actor target `replay`, random critics and no offline data are IQL, bit for bit.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from guided_rl.guides.offline_agents import networks_of
from guided_rl.methods.base import Agent, Batch, Context, Method, Metrics, Needs, descend, optimizer
from guided_rl.methods.bases import iql, unsquashed
from guided_rl.methods.hparams import OFFLINE_RATIO, HParam, learning_rate
from guided_rl.methods.policy_expansion.composite_policy import Composition, chosen, compose, expanded
from guided_rl.runtime.errors import UserError, unknown_name

SWITCHES = {
    "actor_target": ("composite", "replay"),
    "critic": ("transfer", "random"),
    "offline_policy": ("frozen", "free"),
    "weights": ("softmax", "uniform", "argmax"),
    "kappa": ("fixed", "adaptive"),
    "offline_proposal": ("mode", "sample"),
}
HPARAMS = {"inverse_temperature": HParam(10.0, 1e-3, doc="κ of the choice among policies by exp(κ Q)")}
ADAPTIVE = {
    "choice_entropy": HParam(0.5, 0.0, 1.0, doc="entropy of the choice that κ keeps, as a share of log K"),
    "kappa_lr": learning_rate(3e-4, "κ"),
}


def transferred(agent: Agent, ctx: Context) -> Agent:
    """The offline critic, its target and, if there is one, V instead of fresh ones; Adam starts anew."""
    fresh: dict[str, Any] = {
        **{k: agent.params[k] for k in ("critic", "value") if k in agent.params},
        "target": agent.targets["critic"],
    }
    networks = networks_of(ctx.guide, fresh)
    target = networks.pop("target")
    return agent.replace(params={**agent.params, **networks}, targets={**agent.targets, "critic": target})


def pex(
    *,
    policies: int = 2,
    actor_target: str = "composite",
    critic: str = "transfer",
    offline_policy: str = "frozen",
    weights: str = "softmax",
    kappa: str = "fixed",
    offline_proposal: str = "mode",
    offline_data: bool = True,
) -> Method:
    """PEX with IQL as its learner.

    Args:
      policies: K, the size of the set: one fresh policy and K - 1 offline ones, which a guide with
        as many advisers brings (`offline:a.npz+offline:b.npz`); the paper has two.
      actor_target: imitate the `composite`'s actions, or the `replay`'s as IQL does.
      critic: `transfer` the (first) offline agent's critics and V, or start from `random` ones.
      offline_policy: `frozen`, or `free` to go on learning with the fresh one's loss.
      weights: choose by `softmax` as in the paper, `uniform`ly, or by `argmax`.
      kappa: `fixed`, or `adaptive` (see `adaptive_kappa`).
      offline_proposal: in training the offline policies propose their `mode`, as in the released
        code, or a `sample`, as the paper writes it; in evaluations always the mode.
      offline_data: half of every batch from the dataset.
    """
    given = (actor_target, critic, offline_policy, weights, kappa, offline_proposal)
    for switch, value in zip(SWITCHES, given, strict=True):
        if value not in SWITCHES[switch]:
            raise unknown_name(f"{switch} of pex", value, SWITCHES[switch])
    alone, adaptive, free = policies == 1, kappa == "adaptive", offline_policy == "free"
    if policies < 1:
        raise UserError(f"policies={policies}, but a policy set has at least the learner's own; give 1 or more")
    if free and policies != 2:
        raise UserError(f"offline_policy=free frees the one offline policy of two, not of policies={policies}")
    if alone and adaptive:
        raise UserError("kappa=adaptive tunes a choice, and policies=1 leaves none; give 2 or more policies")
    started = critic == "transfer" or free
    guided = not alone or started
    how = Composition(weights, offline_proposal, free, adaptive)
    learned = {
        **HPARAMS,
        **(ADAPTIVE if adaptive else {}),
        **({"offline_ratio": OFFLINE_RATIO} if offline_data else {}),
    }
    method = dataclasses.replace(
        iql.IQL,
        name="adaptive-pex" if adaptive else "pex",
        hparams={**iql.HPARAMS, **learned},
        init=functools.partial(init, policies=policies, transfers=critic == "transfer", how=how),
        update=functools.partial(update, policies=policies, composite=actor_target == "composite", how=how),
        loop=dataclasses.replace(iql.IQL.off_policy, mixes_dataset=offline_data),
        needs=Needs(guide=guided, agents="iql-offline" if started else None, dataset=offline_data),
    )
    return method if alone else dataclasses.replace(method, **expanded(iql.IQL, how))


def init(
    key: jax.Array,
    ctx: Context,
    dataset: jax.Array | None = None,
    *,
    policies: int,
    transfers: bool,
    how: Composition,
) -> Agent:
    """IQL's fresh learner; it takes over the offline critics where it `transfers` them."""
    agent = iql.init(key, ctx)
    if policies > 1 and ctx.guide.panel != policies - 1:
        raise UserError(
            f"policies={policies} needs {policies - 1} offline agents beside the learner, but the guide brings "
            f"{ctx.guide.panel}; join them with + or change --option policies"
        )
    if transfers:
        agent = transferred(agent, ctx)
    params = dict(agent.params)
    if how.free:
        params["offline"] = networks_of(ctx.guide, {"actor": agent.params["actor"]})["actor"]
    if how.adaptive:
        params["log_kappa"] = jnp.log(jnp.float32(ctx.hp["inverse_temperature"]))
    memory = {"chosen": jnp.full(policies, 1.0 / policies)} if policies > 1 else {}
    return agent.replace(
        params=params, memory=memory, optimizers={name: optimizer(leaf) for name, leaf in params.items()}
    )


def update(
    agent: Agent, batch: Batch, key: jax.Array, ctx: Context, *, policies: int, composite: bool, how: Composition
) -> tuple[Agent, Metrics]:
    """IQL's, whose actor imitates the `composite`'s actions, or the replay's."""
    if policies == 1:
        imitate = imitate_own if composite else iql.replayed
    else:
        imitate = functools.partial(imitate_set, composite=composite, how=how)
    actors = ("offline", "actor") if how.free else ("actor",)
    agent, metrics = iql.update(agent, batch, key, ctx, imitate=imitate, actors=actors)
    return adaptive_kappa(agent, metrics, policies, ctx) if how.adaptive else (agent, metrics)


def imitate_own(
    agent: Agent, batch: Batch, u: jax.Array, key: jax.Array, ctx: Context
) -> tuple[jax.Array, jax.Array, Metrics]:
    """A set of one: the learner's own actions and their advantages."""
    own = unsquashed.sample(agent.params["actor"], batch["obs"], key, ctx.setup)
    return own, iql.advantage(agent, batch["obs"], own, ctx), {}


def imitate_set(
    agent: Agent, batch: Batch, u: jax.Array, key: jax.Array, ctx: Context, *, composite: bool, how: Composition
) -> tuple[jax.Array, jax.Array, Metrics]:
    """The composite's actions ã and their advantages, or the replay's; what was chosen, either way."""
    obs = batch["obs"]
    own = unsquashed.sample(agent.params["actor"], obs, key, ctx.setup)
    action, _, p = compose(agent, obs, own, key, ctx, how)
    entropy = -jnp.sum(jnp.where(p > 0, p * jnp.log(jnp.where(p > 0, p, 1.0)), 0.0), axis=-1)
    metrics = {**chosen(agent), "choice_entropy": jnp.mean(entropy)}
    if not composite:
        return batch["action"], u, metrics
    action = jax.lax.stop_gradient(action)
    return action, iql.advantage(agent, obs, action, ctx), metrics


def adaptive_kappa(agent: Agent, metrics: Metrics, policies: int, ctx: Context) -> tuple[Agent, Metrics]:
    """κ rises while the choice is more random than H̄ and falls while it is less, a method of ours.

    One Adam step on J(log κ) = -log κ (E[H(P_w)] - H̄), H̄ = `choice_entropy` · log K. The paper
    leaves κ fixed and says that its choice matters; what suits depends on the scale of Q, which a
    target for the entropy does not. Nearest published relative: SAC's tuned temperature (Haarnoja
    et al. 2018, arXiv 1812.05905, equation 18), there for the policy's own entropy.
    """
    gap = metrics["choice_entropy"] - ctx.hp["choice_entropy"] * jnp.log(float(policies))
    loss = lambda log_kappa: (-log_kappa * jax.lax.stop_gradient(gap), {"kappa": jnp.exp(log_kappa)})
    agent, found = descend(agent, "log_kappa", loss, ctx.hp["kappa_lr"])
    return agent, {**metrics, **found}


adaptive_pex = functools.partial(pex, kappa="adaptive")
