"""PEX with SAC as its online learner: IQL offline, then SAC beside the frozen offline policy.

The variant that Zhang et al. 2023 (arXiv 2302.00935) report beside IQL's; it is not in the
released code. Acting, evaluation and the critic's transfer are `pex`'s; critics, actor and
temperature learn as in SAC, on batches half of which are offline rows. All proposals are scored
by the online critics (of what is public, one implementation scores the offline one offline).
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from guided_rl.methods.base import Agent, Batch, Context, Method, Metrics, Needs, OffPolicy
from guided_rl.methods.bases import sac
from guided_rl.methods.hparams import OFFLINE_RATIO, REWARD_SHIFT
from guided_rl.methods.policy_expansion.composite_policy import Composition, chosen, expanded
from guided_rl.methods.policy_expansion.pex import HPARAMS, SWITCHES, transferred
from guided_rl.runtime.errors import unknown_name


def pex_sac(*, critic: str = "transfer", weights: str = "softmax", offline_proposal: str = "mode") -> Method:
    """PEX on SAC; the switches are `pex`'s."""
    for switch, value in (("critic", critic), ("weights", weights), ("offline_proposal", offline_proposal)):
        if value not in SWITCHES[switch]:
            raise unknown_name(f"{switch} of pex-sac", value, SWITCHES[switch])

    def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
        agent = sac.init(key, ctx)
        if critic == "transfer":
            agent = transferred(agent, ctx)
        size = ctx.guide.panel + 1
        return agent.replace(memory={"chosen": jnp.full(size, 1.0 / size)})

    def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
        shifted = {**batch, "reward": batch["reward"] + ctx.hp["reward_shift"]}
        agent, metrics = sac.update(agent, shifted, key, ctx)
        return agent, {**metrics, **chosen(agent)}

    return dataclasses.replace(
        sac.SAC,
        name="pex-sac",
        hparams={**sac.HPARAMS, **HPARAMS, "offline_ratio": OFFLINE_RATIO, "reward_shift": REWARD_SHIFT},
        init=init,
        update=update,
        loop=OffPolicy(random_warmup=False, mixes_dataset=True),
        needs=Needs(guide=True, agents="iql-offline" if critic == "transfer" else None, dataset=True),
        **expanded(sac.SAC, Composition(weights, offline_proposal)),
    )
