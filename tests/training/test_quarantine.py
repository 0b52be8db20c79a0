"""A member that turns non-finite is frozen, counted and reported, and its neighbours never notice."""

from __future__ import annotations

import numpy as np

from guided_rl.reporting import collect
from tests.training.small import assert_same, member, run, small

METHOD = f"{__file__}:poisoned"
DEADLY_STEP = 130


def poisoned():
    """SAC whose actor becomes NaN at a step, where the hyper-parameter `poison` is 1."""
    import dataclasses

    import jax
    import jax.numpy as jnp

    from guided_rl.methods.sac import SAC

    def update(agent, batch, key, ctx):
        agent, metrics = SAC.update(agent, batch, key, ctx)
        ill = (ctx.hp["poison"] > 0) & (ctx.step == DEADLY_STEP)
        params = jax.tree.map(lambda leaf: jnp.where(ill, jnp.nan, leaf), agent.params)
        return agent.replace(params=params), metrics

    return dataclasses.replace(SAC, name="poisoned", hparams={**SAC.hparams, "poison": 0.0}, update=update)


def test_one_poisoned_member_leaves_the_others_alone():
    ill = run(small(method=METHOD, seeds=2, grid={"poison": (0.0, 1.0)}))
    well = run(small(method=METHOD, seeds=2, grid={"poison": (0.0, -1.0)}))
    for seed in range(2):
        assert_same(member(ill, seed, 0), member(well, seed, 0))
        died_at = member(ill, seed, 1)["died_at"]
        assert died_at >= DEADLY_STEP and died_at % ill.plan.chunk == 0
    assert all(np.isfinite(leaf).all() for leaf in ill.agents.params["actor"]["params"]["MLP_0"]["Dense_0"].values())
    record = collect.from_result(ill, "t", "smoke", "cell")
    assert record.failed == {f"{seed}/1": int(died_at) for seed in range(2)}
