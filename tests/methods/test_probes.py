"""Learning probes: one tiny environment whose values are known, learned by the whole loop.

At reset it draws one of six probes, shown one-hot beside a number x = ±1, so that a single
compiled run per method and per treatment of time limits answers for all of them.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.envs.base import State
from guided_rl.envs.spaces import Box, Discrete
from guided_rl.methods.base import Context, Setup
from guided_rl.methods.bases import dqn, sac, sac_discrete, td3
from guided_rl.methods.hparams import defaults
from guided_rl.training.population import Trainer
from guided_rl.training.sharding import SPLIT, place, population_mesh
from guided_rl.training.state import INPUTS, Inputs, Loop

pytestmark = pytest.mark.trains

CONSTANT, OBSERVATION, DISCOUNT, ACTION, LIMIT, FINAL = range(6)
GAMMA, TIME_LIMIT, SEEDS, STEPS = 0.9, 3, 2, 6_000
QUIET = {"initial_temperature": 1e-3, "temperature_lr": 0.0}
METHODS = {  # name: module, method, and what makes it explore as the probes need
    "sac": (sac, sac.SAC, QUIET),
    "td3": (td3, td3.TD3, {"exploration_noise": 0.5}),
    "dqn": (dqn, dqn.dqn(loss="squared"), {"target_every": 1.0, "epsilon_last": 0.5}),
    "sac-discrete": (sac_discrete, sac_discrete.SAC_DISCRETE, QUIET),
}


class Probes:
    """constant: reward 1, then over. observation: reward x, then over. discount: 0, then 1, then over.
    action: 1 - (a - x/2)², then over. limit: 1 for ever, cut off after three steps. final: reward 1
    where x = 1, every step leads to x = 1 and is cut off at once."""

    name, observation_size, action_size, episode_length = "probes", 7, 1, TIME_LIMIT
    action_space = Box(1)

    def reset(self, rng: jax.Array) -> State:
        probe_key, sign_key = jax.random.split(rng)
        probe = jax.random.randint(probe_key, (), 0, 6)
        x = jnp.where(jax.random.bernoulli(sign_key), 1.0, -1.0)
        obs = observation(probe, jnp.where(probe == DISCOUNT, -1.0, x))
        zero = jnp.float32(0)
        return State(None, obs, zero, zero, {}, {"truncation": zero, "step": jnp.int32(0)})

    def step(self, state: State, action: jax.Array, active: jax.Array | bool = True) -> State:
        probe, x, step = jnp.argmax(state.obs[:6]), state.obs[6], state.info["step"] + 1
        one = jnp.float32(1)
        rewards = [one, x, (x > 0) * one, 1.0 - (action[0] - x / 2) ** 2, one, (x > 0) * one]
        over = [True, True, x > 0, True, False, False]
        cut = [False, False, False, False, step >= TIME_LIMIT, True]
        pick = lambda values: jnp.stack([jnp.asarray(v, jnp.float32) for v in values])[probe]
        following = jnp.where((probe == DISCOUNT) | (probe == FINAL), 1.0, x)
        done = jnp.maximum(pick(over), pick(cut))
        info = {"truncation": pick(cut), "step": step}
        return state.replace(obs=observation(probe, following), reward=pick(rewards), done=done, info=info)

    def reset_where(self, mask: jax.Array, state: State, rng: jax.Array) -> State:
        fresh = self.reset(rng).replace(reward=state.reward)
        return jax.tree.map(lambda new, old: jnp.where(mask, new, old), fresh, state)


class DiscreteProbes(Probes):
    """The same with two actions, which stand for a = ±½."""

    action_space = Discrete(2)

    def step(self, state: State, action: jax.Array, active: jax.Array | bool = True) -> State:
        return super().step(state, action[None] - 0.5, active)


def observation(probe: jax.Array | int, x: jax.Array | float) -> jax.Array:
    return jnp.append(jax.nn.one_hot(probe, 6), x)


@functools.cache
def learned(name: str, timeout_is_terminal: bool):
    """`(q, act)` of the trained members: functions of (probe, x[, a]), each the mean over seeds."""
    module, method, exploring = METHODS[name]
    discrete = method.needs.actions == "discrete"
    env = DiscreteProbes() if discrete else Probes()
    setup = Setup(7, env.action_space, (64, 64), STEPS)
    values = {**defaults(method.hparams), "gamma": GAMMA, "tau": 0.05, "actor_lr": 1e-3, "critic_lr": 1e-3, **exploring}
    loop = Loop(64, STEPS, 500, 500, timeout_is_terminal=timeout_is_terminal)
    trainer, mesh = Trainer(env, method, setup, loop), population_mesh(SEEDS)
    inputs = place(
        Inputs({k: jnp.full(SEEDS, v, jnp.float32) for k, v in values.items()}, None, jnp.ones(SEEDS, bool)),
        mesh,
        INPUTS,
    )
    population = trainer.init(mesh)(place(jnp.arange(SEEDS), mesh, SPLIT), inputs)
    population, _ = trainer.chunk(mesh, STEPS)(population, inputs)
    agent = jax.device_get(population.members.agent)

    def q(probe: int, x: float, action: float = 0.0) -> float:
        taken = () if discrete else (jnp.array([action]),)
        critic = lambda params: module.critic(setup).apply(params, observation(probe, x), *taken)
        found = jax.vmap(critic)(agent.params["critic"])
        return float(jnp.mean(found[..., int(action > 0)] if discrete else found))

    def act(probe: int, x: float) -> float:
        ctx = Context({}, jnp.int32(0), None, setup=setup)
        policy = lambda member: module.mode(member, observation(probe, x), jax.random.key(0), ctx)
        return float(jnp.mean(jax.vmap(policy)(agent))) - 0.5 * discrete

    return q, act


methods = pytest.mark.parametrize(
    "name", ["sac", "dqn", *(pytest.param(name, marks=pytest.mark.slow) for name in ("td3", "sac-discrete"))]
)


@methods
def test_constant_reward(name):
    q, _ = learned(name, False)
    assert q(CONSTANT, 1.0) == pytest.approx(1.0, abs=0.1)


@methods
def test_reward_predicted_from_the_observation(name):
    q, _ = learned(name, False)
    assert [q(OBSERVATION, x) for x in (-1.0, 1.0)] == pytest.approx([-1.0, 1.0], abs=0.15)


@methods
def test_discounting(name):
    q, _ = learned(name, False)
    assert q(DISCOUNT, 1.0) == pytest.approx(1.0, abs=0.05)
    assert q(DISCOUNT, -1.0) / q(DISCOUNT, 1.0) == pytest.approx(GAMMA, abs=0.05)


@methods
def test_reward_that_depends_on_the_action(name):
    q, act = learned(name, False)
    for x in (-1.0, 1.0):
        assert act(ACTION, x) == pytest.approx(x / 2, abs=0.15)
        values = [q(ACTION, x, a) for a in (x / 2, -x / 2)]
        assert values == pytest.approx([1.0, 0.0], abs=0.3)


@methods
def test_a_time_limit_is_not_the_end(name):
    """Reward 1 for ever is worth 1 / (1 - γ) = 10, however often episodes are cut off."""
    q, _ = learned(name, False)
    assert np.mean([q(LIMIT, x) for x in (-1.0, 1.0)]) == pytest.approx(1 / (1 - GAMMA), rel=0.07)


@methods
def test_a_cut_off_step_bootstraps_from_its_own_last_observation(name):
    """x = 1 is worth 10, and x = -1 leads there: γ · 10 = 9, whatever the next episode starts from."""
    q, _ = learned(name, False)
    assert [q(FINAL, x) for x in (1.0, -1.0)] == pytest.approx([10.0, 9.0], rel=0.07)


@methods
def test_timeout_is_terminal_makes_it_the_end(name):
    """A third of the steps then ends the sum: v = 1 + γ (2/3) v; the other probes are as before."""
    q, _ = learned(name, True)
    expected = 1 / (1 - GAMMA * (1 - 1 / TIME_LIMIT))
    assert np.mean([q(LIMIT, x) for x in (-1.0, 1.0)]) == pytest.approx(expected, rel=0.07)
    assert [q(FINAL, x) for x in (1.0, -1.0)] == pytest.approx([1.0, 0.0], abs=0.15)
    assert q(DISCOUNT, -1.0) == pytest.approx(GAMMA, abs=0.1)
