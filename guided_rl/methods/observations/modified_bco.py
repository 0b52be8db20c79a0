"""Modified-BCO: imitation of expert observations alone, SAC-EO's baseline.

Ozcan et al. 2024 (arXiv 2402.18836): the same loop and forward models as SAC-EO (`sac_eo`),
refitted every episode, but the actor descends MSE(θ) only; no critic, entropy or reward.
"Modified", because BCO (Torabi et al. 2018, arXiv 1805.01954) learns an inverse model and
clones the actions that it infers.
"""

from __future__ import annotations

import dataclasses

import jax

from guided_rl.methods.base import Agent, Batch, Context, Method, Metrics, descend
from guided_rl.methods.hparams import with_defaults
from guided_rl.methods.observations.dynamics import Fitting
from guided_rl.methods.observations.imitation import IMITATION_STREAM, WATCHED, Imitation, imitating, imitation_loss
from guided_rl.methods.observations.sac_eo import EPSILON, fixed

KEPT = ("actor", "models")


def modified_bco(
    *,
    model_hidden: tuple[int, ...] = (512, 512),
    epochs: int = 10,
    window: int = 100_000,
    expert_batch: int = 256,
    normalise: bool = False,
) -> Method:
    """SAC-EO at ε = 1 without what then has no part in it; the switches are `sac_eo.sac_eo`'s."""
    how = Imitation(Fitting(tuple(model_hidden), epochs=epochs, window=window, normalise=normalise))
    whole = imitating(fixed, how, expert_batch)

    def init(key: jax.Array, ctx: Context, dataset: jax.Array | None = None) -> Agent:
        agent = whole.init(key, ctx, dataset)
        pick = lambda tree: {name: tree[name] for name in KEPT}
        return agent.replace(params=pick(agent.params), targets={}, optimizers=pick(agent.optimizers))

    def update(agent: Agent, batch: Batch, key: jax.Array, ctx: Context) -> tuple[Agent, Metrics]:
        _, actor_key = jax.random.split(key)
        imitation_key = jax.random.fold_in(actor_key, IMITATION_STREAM)

        def loss(params):
            error = imitation_loss(params, agent, batch["expert"], imitation_key, ctx, how)
            return error, error

        agent, error = descend(agent, "actor", loss, ctx.hp["actor_lr"])
        return agent, {"imitation": error, **{name: agent.memory[name] for name in WATCHED}}

    rates = ("actor_lr", "model_lr", "initial_temperature")
    return dataclasses.replace(
        whole,
        name="modified-bco",
        hparams={**{name: whole.hparams[name] for name in rates}, **with_defaults({"epsilon": EPSILON}, epsilon=1.0)},
        init=init,
        update=update,
    )
