"""DQN's parts against NumPy: targets, loss and its gradient, exploration, and the target network's copies."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.envs.discrete.grid_maze import GridMaze
from guided_rl.envs.spaces import Discrete
from guided_rl.methods.base import Context, Setup
from guided_rl.methods.bases import dqn
from guided_rl.methods.hparams import defaults
from guided_rl.runtime.errors import UserError

RNG = np.random.default_rng(0)
BATCH, ACTIONS, GAMMA = 64, 3, 0.9
Q, NEXT_Q, CHOOSER = (RNG.normal(0, 3, (BATCH, ACTIONS)).astype(np.float32) for _ in range(3))
ACTION = RNG.integers(0, ACTIONS, BATCH)
REWARD, TERMINATED = RNG.normal(size=BATCH).astype(np.float32), RNG.integers(0, 2, BATCH).astype(np.float32)
ROWS = np.arange(BATCH)


@pytest.mark.parametrize("chooser", [None, CHOOSER])
def test_targets_are_numpys(chooser):
    best = (NEXT_Q if chooser is None else chooser).argmax(1)
    expected = REWARD + GAMMA * (1 - TERMINATED) * NEXT_Q[ROWS, best]
    np.testing.assert_allclose(dqn.td_target(REWARD, TERMINATED, NEXT_Q, GAMMA, chooser), expected, rtol=1e-6)


def test_the_loss_is_hubers_and_its_gradient_the_clipped_error():
    """Actions come out of the replay as floats."""
    target = RNG.normal(0, 3, BATCH).astype(np.float32)
    error = Q[ROWS, ACTION] - target
    huber = np.where(np.abs(error) <= 1, 0.5 * error**2, np.abs(error) - 0.5)
    mean = lambda q, loss="huber": jnp.mean(dqn.td_losses(q, jnp.float32(ACTION), target, loss))
    loss, gradient = jax.value_and_grad(mean)(jnp.asarray(Q))
    np.testing.assert_allclose(loss, huber.mean(), rtol=1e-5)
    np.testing.assert_allclose(mean(jnp.asarray(Q), "squared"), 0.5 * (error**2).mean(), rtol=1e-5)
    expected = np.zeros_like(Q)
    expected[ROWS, ACTION] = np.clip(error, -1, 1) / BATCH
    np.testing.assert_allclose(gradient, expected, atol=1e-7)


def test_epsilon_falls_over_its_share_of_the_budget():
    found = dqn.epsilon(np.float32([0, 0.1, 0.2, 0.9]), 1.0, 0.05, 0.2)
    np.testing.assert_allclose(found, [1, 0.525, 0.05, 0.05], rtol=1e-6)
    assert float(dqn.epsilon(jnp.float32(0.5), 1.0, 0.05, 0.0)) == pytest.approx(0.05)


@pytest.mark.parametrize("epsilon, share", [(0.0, 1.0), (0.3, 0.8), (1.0, 1 / 3)])
def test_the_best_action_is_taken_with_probability_one_minus_epsilon_and_its_even_share(epsilon, share):
    keys = jax.random.split(jax.random.key(0), 20_000)
    taken = jax.vmap(lambda key: dqn.epsilon_greedy(jnp.float32([0.0, 2.0, 1.0]), epsilon, key))(keys)
    assert taken.dtype == jnp.int32
    assert np.mean(np.asarray(taken) == 1) == pytest.approx(share, abs=0.015)


def learner(**hparams: float):
    """A small learner, rows of a batch, and `ctx(step)`."""
    setup = Setup(2, Discrete(ACTIONS), (8,))
    hp = {name: jnp.float32(v) for name, v in {**defaults(dqn.HPARAMS), "gamma": GAMMA, **hparams}.items()}
    ctx = lambda step: Context(hp, jnp.int32(step), None, setup)
    normal = lambda *shape: jnp.float32(RNG.normal(size=shape))
    rows = {"obs": normal(BATCH, 2), "next_obs": normal(BATCH, 2), "action": jnp.int32(ACTION)}
    return dqn.init(jax.random.key(0), ctx(0)), {**rows, "reward": REWARD, "terminated": TERMINATED}, ctx


def critic_of(params) -> float:
    return float(params["critic"]["params"]["Dense_1"]["bias"][0])


@pytest.mark.parametrize("tau", [1.0, 0.25])
def test_the_target_network_is_renewed_at_every_period_alone(tau):
    agent, rows, ctx = learner(target_every=3, tau=tau)
    agent = agent.replace(params=jax.tree.map(lambda leaf: leaf + 1, agent.params))
    for step in range(1, 7):
        before, target = critic_of(agent.params), critic_of(agent.targets)
        agent, _ = dqn.update(agent, rows, jax.random.key(1), ctx(step))
        moved = tau if step % 3 == 0 else 0.0
        assert critic_of(agent.targets) == pytest.approx(target + moved * (before - target), rel=1e-5)


@pytest.mark.parametrize("double", [False, True])
def test_an_update_is_one_adam_step_on_the_loss_of_the_target(double):
    """Adam's first step is the rate in the direction of the gradient's sign."""
    agent, rows, ctx = learner(target_every=100, critic_lr=0.01)
    agent = agent.replace(targets=dqn.init(jax.random.key(5), ctx(0)).params)
    q = lambda params, obs: np.asarray(dqn.critic(ctx(1).setup).apply(params["critic"], obs))
    next_q = q(agent.targets, rows["next_obs"])
    best = (q(agent.params, rows["next_obs"]) if double else next_q).argmax(1)
    target = REWARD + GAMMA * (1 - TERMINATED) * next_q[ROWS, best]
    error = np.clip(q(agent.params, rows["obs"])[ROWS, ACTION] - target, -1, 1)
    slope = np.array([error[a == ACTION].sum() for a in range(ACTIONS)])  # of the last layer's biases
    after, metrics = dqn.update(agent, rows, jax.random.key(1), ctx(1), double=double)
    bias = lambda agent: agent.params["critic"]["params"]["Dense_1"]["bias"]
    np.testing.assert_allclose(bias(after) - bias(agent), -0.01 * np.sign(slope), rtol=1e-3)
    assert float(metrics["q"]) == pytest.approx(q(agent.params, rows["obs"])[ROWS, ACTION].mean(), rel=1e-5)


def test_it_learns_at_every_second_step_and_counts_that_step_twice():
    agent, rows, ctx = learner()
    update = dqn.dqn(train_every=2).update
    first, metrics = update(agent, rows, jax.random.key(1), ctx(1))
    assert critic_of(first.params) == critic_of(agent.params) and float(metrics["critic_loss"]) == 0
    second, metrics = update(agent, rows, jax.random.key(1), ctx(2))
    plain, plain_metrics = dqn.update(agent, rows, jax.random.key(1), ctx(2))
    assert critic_of(second.params) == critic_of(plain.params) != critic_of(agent.params)
    assert float(metrics["critic_loss"]) == pytest.approx(2 * float(plain_metrics["critic_loss"]))


def test_a_period_below_one_is_refused():
    with pytest.raises(UserError, match="train_every is 0; it must be at least 1"):
        dqn.dqn(train_every=0)


def test_tabular_iteration_of_targets_ends_at_the_mazes_exact_values():
    maze = GridMaze("medium", 8)
    q, goal = jnp.zeros(maze.following.shape), maze.find("G")
    arrived = jnp.asarray(maze.following == goal, jnp.float32)
    flat = lambda x: x.reshape(-1, *x.shape[2:])
    for _ in range(int(maze.distance.max()) + 1):
        q = dqn.td_target(flat(arrived), flat(arrived), flat(q[maze.following]), GAMMA).reshape(q.shape)
    elsewhere = np.arange(len(q)) != goal
    np.testing.assert_allclose(q[elsewhere], maze.optimal_q(GAMMA)[elsewhere], rtol=1e-5)
