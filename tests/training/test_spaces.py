"""Action spaces: what the loop draws and stores where actions are discrete, and what is refused on which task."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl import envs
from guided_rl.cli import main
from guided_rl.config import check_actions
from guided_rl.envs.base import State
from guided_rl.envs.spaces import Box, Discrete
from guided_rl.guides.base import Guide
from guided_rl.guides.find import refuse_bad_advice
from guided_rl.methods.base import Act, Agent, Method, Needs, Setup
from guided_rl.methods.bases.sac import SAC
from guided_rl.runtime.errors import UserError
from guided_rl.training.population import Trainer
from guided_rl.training.run import Run
from guided_rl.training.sharding import SPLIT, place, population_mesh
from guided_rl.training.state import INPUTS, Inputs, Loop
from tests.training.small import small

WARMUP, STEPS, BATCH = 300, 350, 8


class Arms:
    """A bandit of three arms; the reward is the number of the arm, and nothing ever ends."""

    name, backend, observation_size, episode_length = "Arms", "jax", 2, 1_000
    action_space = Discrete(3)

    def reset(self, rng: jax.Array) -> State:
        zero = jnp.float32(0)
        return State(None, jnp.ones(2), zero, zero, {}, {"truncation": zero, "step": jnp.int32(0)})

    def step(self, state: State, action: jax.Array, active: jax.Array | bool = True) -> State:
        return state.replace(reward=action.astype(jnp.float32))

    def reset_where(self, mask: jax.Array, state: State, rng: jax.Array) -> State:
        return state


def update(agent, batch, key, ctx):
    assert batch["action"].dtype == jnp.int32 and batch["action"].shape == (BATCH,)
    return agent, {"right": jnp.mean(batch["reward"] == batch["action"])}


LAST_ARM = Method(
    name="last-arm",
    hparams={},
    init=lambda key, ctx, dataset: Agent({}, {}, {}),
    act=lambda agent, obs, key, ctx: Act(jnp.int32(ctx.setup.action_space.n - 1)),
    update=update,
    policies={"policy": lambda agent, obs, key, ctx: jnp.int32(2)},
    needs=Needs(actions="discrete"),
)


@pytest.mark.trains
@pytest.mark.parametrize("env", [Arms(), envs.make("CartPole-v1")], ids=["bandit", "cartpole"])
def test_discrete_actions_are_drawn_uniformly_kept_as_numbers_and_learned_from_as_integers(env):
    setup, loop = Setup(env.observation_size, env.action_space), Loop(BATCH, STEPS, WARMUP, WARMUP)
    trainer, mesh, n = Trainer(env, LAST_ARM, setup, loop), population_mesh(1), env.action_space.n
    inputs = place(Inputs({}, None, jnp.ones(2, bool)), mesh, INPUTS)
    population = trainer.init(mesh)(place(jnp.arange(2), mesh, SPLIT), inputs)
    population, totals = trainer.chunk(mesh, STEPS)(population, inputs)
    action = trainer.layout.unpack(np.asarray(population.replay))["action"]
    assert trainer.layout.width == 2 * env.observation_size + 3 and action.shape == (2, STEPS)
    for drawn in action[:, :WARMUP]:
        shares = np.bincount(drawn.astype(int), minlength=n) / WARMUP
        np.testing.assert_allclose(shares, np.full(n, 1 / n), atol=4 * np.sqrt(1 / 4 / WARMUP))
    np.testing.assert_array_equal(action[:, WARMUP:], n - 1)
    if env.name == Arms.name:
        np.testing.assert_allclose(totals.metrics["right"], float(totals.updates))


@pytest.mark.parametrize(("space", "size"), [(Box(3), (7, 3)), (Discrete(3), (7,))])
def test_samples_are_uniform_over_the_space(space, size):
    drawn = space.sample(jax.random.key(0), (7,))
    assert drawn.shape == size and drawn.dtype == space.dtype and space.width == (3 if len(size) > 1 else 0)
    many = np.asarray(space.sample(jax.random.key(1), (3_000,)))
    low, high = (0, 2) if isinstance(space, Discrete) else (-1, 1)
    assert many.min() >= low and many.max() <= high
    np.testing.assert_allclose(many.mean(0), (low + high) / 2, atol=0.1)


def test_a_method_is_refused_where_it_cannot_act_before_anything_compiles(monkeypatch):
    with pytest.raises(UserError, match=r"'last-arm' acts in discrete action spaces, but .* is Box\(size=1\)"):
        check_actions(LAST_ARM, envs.make("InvertedPendulum-v5", "native"))
    check_actions(LAST_ARM, Arms())
    for env in (Arms(), envs.make("InvertedPendulum-v5", "native")):
        check_actions(dataclasses.replace(LAST_ARM, needs=Needs(actions="any")), env)
    monkeypatch.setattr(envs, "make", lambda task, engine: Arms())
    with pytest.raises(UserError, match=r"'sac' acts in continuous action spaces, but that of Arms is Discrete\(n=3\)"):
        Run(small(method=SAC.name))


def test_the_command_line_says_it_in_one_sentence(capsys):
    assert main(["run", "--task", "CartPole-v1", "--method", "sac"]) == 2
    said = capsys.readouterr().err.strip()
    assert "method 'sac' acts in continuous action spaces, but that of CartPole-v1 is Discrete(n=2)" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("advice", "wrong"),
    [
        ([0.2, 0.3, 0.5], None),
        ([0.2, 0.8], r"shape \(2,\), but a distribution over the actions of Arms is \(3,\)"),
        ([0.5, 0.5, 0.5], "no distribution over the 3 actions"),
        ([-0.5, 0.5, 1.0], "no distribution over the 3 actions"),
    ],
)
def test_a_guide_of_discrete_actions_advises_a_distribution(advice, wrong):
    guide = Guide(jnp.array(advice), lambda params, obs, key: params)
    if wrong is None:
        refuse_bad_advice(guide, Arms())
        return
    with pytest.raises(UserError, match=wrong):
        refuse_bad_advice(guide, Arms())
