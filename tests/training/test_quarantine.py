"""A member that turns non-finite is frozen, counted and reported, and its neighbours never notice."""

from __future__ import annotations

import numpy as np
import pytest

from guided_rl.methods.hparams import HParam
from guided_rl.results import collect, summaries
from tests.training.small import assert_same, member, run, small

pytestmark = pytest.mark.trains

METHOD = f"{__file__}:poisoned"
DEADLY_STEP = 130


def poisoned():
    """SAC whose actor becomes NaN at a step, where the hyper-parameter `poison` is 1."""
    import dataclasses

    import jax
    import jax.numpy as jnp

    from guided_rl.methods.bases.sac import SAC

    def update(agent, batch, key, ctx):
        agent, metrics = SAC.update(agent, batch, key, ctx)
        ill = (ctx.hp["poison"] > 0) & (ctx.step == DEADLY_STEP)
        params = jax.tree.map(lambda leaf: jnp.where(ill, jnp.nan, leaf), agent.params)
        return agent.replace(params=params), metrics

    return dataclasses.replace(SAC, name="poisoned", hparams={**SAC.hparams, "poison": HParam(0.0)}, update=update)


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


TASK = f"{__file__}:fragile"


def fragile():
    """A world that breaks at the fifth step of some episodes, which end there, so that a reset follows at once."""
    import jax
    import jax.numpy as jnp

    from guided_rl.envs.jax_env import JaxTask

    breaks = lambda world: (world[1] > 0.96) & (world[0] >= 5)
    return JaxTask(
        name="Fragile",
        twin="none",
        action_size=1,
        start=lambda key: jnp.stack([0.0, jax.random.uniform(key)]),
        advance=lambda world, action: world.at[0].add(1.0),
        observe=lambda world: world,
        reward=lambda before, action, after: (jnp.where(breaks(after), jnp.nan, 1.0), {}),
        terminated=breaks,
        episode_length=10,
    )


@pytest.mark.slow
def test_a_world_that_fails_and_is_reset_within_a_chunk_fails_its_member():
    result = run(small(task=TASK, seeds=4))
    died = result.died_at >= 0
    assert died.any() and not died.all(), "the seeds should part into those that fail and those that do not"
    record = collect.from_result(result, "t", "smoke", "cell")
    assert record.failed == {f"{seed}/0": int(step) for seed, step in enumerate(result.died_at) if step >= 0}
    assert summaries.curves(record, "policy", 0).failed.keys() >= {int(name.split("/")[0]) for name in record.failed}
