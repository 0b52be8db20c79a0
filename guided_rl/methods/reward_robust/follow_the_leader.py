"""Reward-robust planning by following the perturbed leader.

After Huang, Wu, Precup and Cai 2018, "Learning Safe Policies with Expert Guidance" (arXiv 1805.08313), of which the
introduction was read: the best worst case over all rewards that explain the experts,

    max_π min_{w ∈ C} w · μ(π),   C = {w ∈ W: w · μ_E ≥ max_π w · μ_train(π) - ε for every expert E}

played as a game against an adversary who picks the reward (Kalai and Vempala 2005, "Efficient algorithms for online
decision problems"). In round t, with p_t drawn evenly from [0, perturbation] for each feature:

    w_t = argmin_{w ∈ C} w · (Σ_{i<t} Φᵀμ_i + p_t)      the adversary follows the perturbed leader
    μ_t = the occupancy of the policy that is best for w_t in the test process

and the policies of all rounds, one drawn evenly at the start of an episode, are the answer. C is a finite sample of W.
"Safe" is the paper's word. It means robust to a reward that is known in part, and nothing else: no bound on what
happens while learning, and none where the features themselves are wrong.

Off: where W holds w* alone, every round is value iteration for w*.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Agent, Batch, Context, Method, Metrics, Needs, Planning
from guided_rl.methods.hparams import HParam
from guided_rl.methods.reward_robust import parts

HPARAMS = {
    "epsilon": parts.EPSILON,
    "perturbation": HParam(1.0, 0.0, doc="largest entry of the leader's perturbation"),
}


def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
    """One round."""
    problem, memory = ctx.setup.problem, agent.memory
    noise = ctx.hp["perturbation"] * jax.random.uniform(key, memory["counts"].shape)
    played = ctx.step.astype(jnp.float32)
    weights = parts.worst(memory, played * memory["counts"] + noise)
    agent = parts.mixed(agent, parts.best_reply(weights, problem), 1.0 / (played + 1.0), problem)
    return agent, parts.measures(agent, problem)


def reward_robust(*, experts: str = "exact", samples: int = 4096) -> Method:
    """The planner.

    Args:
      experts: whose ways are known, of those that the task has: `exact`, `noisy` or `two`.
      samples: how many weights are drawn from W.
    """
    parts.refuse_few(samples, "reward-robust")
    return Method(
        name="reward-robust",
        hparams=HPARAMS,
        init=functools.partial(parts.init, experts=experts, samples=samples),
        act=parts.act,
        update=update,
        policies={"policy": parts.play},
        loop=Planning(check=parts.checked_by(experts)),
        needs=Needs(actions="discrete"),
    )
