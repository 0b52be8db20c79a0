"""Off-policy learning whose episodes begin in an expert's traces: where, at which clock, and where not."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl import envs
from guided_rl.data.traces import record_traces
from guided_rl.guides import find_guide
from guided_rl.methods.base import Act, Agent, Method, Needs, OffPolicy, Setup
from guided_rl.methods.start_states.baselines import REACH, uniform_begin
from guided_rl.training.population import Trainer
from guided_rl.training.sharding import SPLIT, place, population_mesh
from guided_rl.training.state import INPUTS, Inputs, Loop

STEPS = 600
ENV = envs.make("Chain-6")
GUIDE = find_guide("exact", ENV)


def wrong(agent, obs, key, ctx):
    """An action that ends the episode wherever it is taken."""
    return Act((jnp.argmax(GUIDE.action(obs)) + 1).astype(jnp.int32) % 3)


METHOD = Method(
    name="wrong",
    hparams={"reach": REACH},
    init=lambda key, ctx, dataset: Agent({}, {}, {}),
    act=wrong,
    update=lambda agent, batch, key, ctx: (agent, {}),
    policies={"policy": lambda agent, obs, key, ctx: wrong(agent, obs, key, ctx).action},
    needs=Needs(actions="discrete", traces=2, guide=True),
    loop=OffPolicy(warmup=1.0, random_warmup=False, begin=uniform_begin),
)


def places(method: Method, reach: float) -> np.ndarray:
    """Where each one-step episode of a member began, [STEPS]."""
    setup, loop = Setup(ENV.observation_size, ENV.action_space), Loop(4, STEPS, STEPS, 0)
    trainer, mesh = Trainer(ENV, method, setup, loop), population_mesh(1)
    hp = {"reach": jnp.full(1, reach)}
    traces = record_traces(ENV, ENV, GUIDE, 2)
    inputs = place(Inputs(hp, None, jnp.ones(1, bool), None, traces), mesh, INPUTS)
    population = trainer.init(mesh)(place(jnp.arange(1), mesh, SPLIT), inputs)
    population, totals = trainer.chunk(mesh, STEPS)(population, inputs)
    assert float(totals.episodes[0]) == STEPS == float(totals.failures[0])
    assert int(population.members.env.info["step"][0]) == int(population.members.env.pipeline_state[0])  # its clock
    return trainer.layout.unpack(np.asarray(population.replay))["obs"][0].argmax(axis=-1)


@pytest.mark.trains
@pytest.mark.parametrize(("reach", "count"), [(1.0, 6), (0.5, 3), (0.0, 1)])
def test_episodes_begin_evenly_over_the_part_of_the_traces_that_is_asked_for(reach, count):
    begun = places(METHOD, reach)
    assert begun[0] == 0  # the first as the task begins
    share = np.bincount(begun[1:], minlength=6) / (STEPS - 1)
    expected = np.where(np.arange(6) < count, 1 / count, 0.0)
    np.testing.assert_allclose(share, expected, atol=4 * np.sqrt(0.25 / STEPS) * (count > 1))


@pytest.mark.trains
def test_without_it_they_begin_as_the_task_does():
    plain = dataclasses.replace(METHOD, loop=dataclasses.replace(METHOD.loop, begin=None))
    assert (places(plain, 1.0) == 0).all()


def test_the_states_of_traces_have_the_clock_of_their_place():
    traces = record_traces(ENV, ENV, GUIDE, 2)
    for index in range(6):
        state = traces.state(jnp.int32(7), jnp.int32(1), jnp.int32(index))
        assert int(state.info["step"]) == index == int(state.pipeline_state)
    assert jax.tree.leaves(traces.of(jnp.int32(3)).length)[0].shape == (2,)
