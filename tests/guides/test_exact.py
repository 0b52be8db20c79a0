"""The exact experts: they succeed wherever they say so, and worse ones are as much worse as their name says."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl import envs
from guided_rl.data.rollout import measure
from guided_rl.data.traces import drawn_action
from guided_rl.guides import find_guide
from guided_rl.guides.exact import exact_guide
from guided_rl.runtime.errors import UserError

TASKS = ["Chain-20", "JumpChain-12-expert", "DistractorChain-8", "GridMaze-large-8", "PushMaze-large", "CartPole-v1"]


def returns(task: str, named: str, episodes: int) -> np.ndarray:
    env = envs.make(task)
    guide = find_guide(named, env)

    def act(key, obs):
        keys = jax.random.split(key, obs.shape[0])
        return jax.vmap(lambda o, k: drawn_action(env.action_space, guide, o, k))(obs, keys)

    return measure(env, act, episodes)


@pytest.mark.parametrize("task", [*TASKS, "PushMaze-umaze-turned"])
def test_the_expert_succeeds_in_every_episode(task):
    assert (returns(task, "exact", 20) == (500.0 if task == "CartPole-v1" else 1.0)).all()


def test_noise_is_the_probability_of_any_action():
    env = envs.make("Chain-6")
    obs = jnp.eye(6)[2]
    noisy = find_guide("exact,noise=0.3", env).action(obs)
    best = find_guide("exact", env).action(obs)
    np.testing.assert_allclose(noisy, 0.7 * best + 0.1, rtol=1e-6)
    # A step goes right with probability 0.7 + 0.3 / 3.
    found = returns("Chain-6", "exact,noise=0.3", 2_000)
    np.testing.assert_allclose(found.mean(), 0.8**6, atol=4 * np.sqrt(0.8**6 / 2_000))


def test_temperature_is_a_softmax_over_the_values():
    env = envs.make("Chain-6")
    q = np.where(np.asarray(find_guide("exact", env).action(jnp.eye(6)[5])) == 1.0, 1.0, 0.0)
    expected = np.exp(q / 0.5) / np.exp(q / 0.5).sum()
    np.testing.assert_allclose(find_guide("exact,temperature=0.5", env).action(jnp.eye(6)[5]), expected, rtol=1e-5)


@pytest.mark.parametrize("named", ["exact,noise", "exact,noise=2", "exact,heat=1", "exact,noise=-1"])
def test_a_name_that_is_not_as_in_the_table_is_refused(named):
    with pytest.raises(UserError, match="exact"):
        exact_guide(named, envs.make("Chain-6"))


def test_a_task_without_an_exact_expert_says_who_has_one():
    with pytest.raises(UserError, match="Acrobot-v1 has no exact expert; those that do are chains"):
        find_guide("exact", envs.make("Acrobot-v1"))
