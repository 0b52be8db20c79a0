"""DQN's parts against NumPy: targets, loss and its gradient, exploration, and the target network's copies."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.envs.discrete.grid_maze import GridMaze
from guided_rl.methods.bases import dqn

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
    loss, gradient = jax.value_and_grad(dqn.td_loss)(jnp.asarray(Q), jnp.float32(ACTION), target)
    np.testing.assert_allclose(loss, huber.mean(), rtol=1e-5)
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


def test_the_target_network_is_copied_at_every_period_alone():
    old, new = {"w": jnp.zeros(2)}, {"w": jnp.ones(2)}
    copied = [float(dqn.copied_every(3, jnp.int32(n), old, new)["w"][0]) for n in range(1, 7)]
    assert copied == [0, 0, 1, 0, 0, 1]


def test_tabular_iteration_of_targets_ends_at_the_mazes_exact_values():
    maze = GridMaze("medium", 8)
    q, goal = jnp.zeros(maze.following.shape), maze.find("G")
    arrived = jnp.asarray(maze.following == goal, jnp.float32)
    flat = lambda x: x.reshape(-1, *x.shape[2:])
    for _ in range(int(maze.distance.max()) + 1):
        q = dqn.td_target(flat(arrived), flat(arrived), flat(q[maze.following]), GAMMA).reshape(q.shape)
    elsewhere = np.arange(len(q)) != goal
    np.testing.assert_allclose(q[elsewhere], maze.optimal_q(GAMMA)[elsewhere], rtol=1e-5)
