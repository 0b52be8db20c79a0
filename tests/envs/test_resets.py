"""Start states are drawn from the twins' own distributions."""

import gymnasium
import jax
import numpy as np
import pytest
from scipy import stats

from guided_rl.envs import make
from guided_rl.envs.gymnasium_mujoco import TASKS

BOUND = {
    "HalfCheetah-v5": 0.1,
    "Hopper-v5": 5e-3,
    "Walker2d-v5": 5e-3,
    "Ant-v5": 0.1,
    "Humanoid-v5": 1e-2,
    "InvertedPendulum-v5": 1e-2,
}
DRAWS = 2000


def ours(name: str, seed: int = 0) -> np.ndarray:
    """Start states [DRAWS, nq + nv]."""
    start = make(name, "native").task.start
    return np.concatenate(jax.vmap(start)(jax.random.split(jax.random.key(seed), DRAWS)), axis=1).astype(np.float64)


def twins(name: str) -> np.ndarray:
    twin = gymnasium.make(name).unwrapped
    twin.reset(seed=0)
    rows = []
    for _ in range(DRAWS):
        twin.reset_model()
        rows.append(twin.state_vector())
    return np.stack(rows)


@pytest.mark.parametrize("name", TASKS)
def test_every_coordinate_follows_the_twins_law(name):
    mine, theirs = ours(name), twins(name)
    assert mine.shape == theirs.shape
    for column in range(mine.shape[1]):
        if np.ptp(theirs[:, column]) == 0:
            np.testing.assert_array_equal(mine[:, column], theirs[0, column])
        else:
            # One in 10^5 per coordinate: some 250 coordinates are tested.
            assert stats.ks_2samp(mine[:, column], theirs[:, column]).pvalue > 1e-5


@pytest.mark.parametrize("name", BOUND)
def test_bounds(name):
    model = make(name, "native").task.simulation.model
    moved = np.abs(ours(name)[:, : model.nq] - model.qpos0)
    assert moved.max() <= BOUND[name] * (1 + 1e-5) + 1e-6
    assert moved.max() > 0.98 * BOUND[name]


def test_coordinates_are_independent():
    correlation = np.corrcoef(ours("HalfCheetah-v5").T)
    np.fill_diagonal(correlation, 0)
    assert np.abs(correlation).max() < 5 / np.sqrt(DRAWS)


def test_reacher_goals_fill_a_disc_evenly():
    goal = ours("Reacher-v5")[:, 2:4]
    radius = np.hypot(*goal.T)
    assert radius.max() < 0.2 + 1e-7
    assert stats.kstest((radius / 0.2) ** 2, "uniform").pvalue > 1e-4
    assert stats.kstest(np.arctan2(*goal.T) / (2 * np.pi) + 0.5, "uniform").pvalue > 1e-4


def test_every_reset_draws_afresh():
    env = make("Hopper-v5", "native")
    state = jax.jit(env.reset)(jax.random.key(0))
    reset = jax.jit(env.reset_where)
    seen = {np.asarray(reset(np.True_, state, jax.random.key(k)).obs).tobytes() for k in range(20)}
    assert len(seen) == 20
