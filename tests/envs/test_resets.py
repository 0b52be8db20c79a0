"""Start states are drawn from the twins' own distributions."""

import jax
import numpy as np
import pytest
from scipy import stats

from guided_rl.envs import TASKS, make
from guided_rl.envs.upstream import twin_of

BOUND = {
    "HalfCheetah-v5": 0.1,
    "Hopper-v5": 5e-3,
    "Walker2d-v5": 5e-3,
    "Ant-v5": 0.1,
    "Humanoid-v5": 1e-2,
    "InvertedPendulum-v5": 1e-2,
}
DRAWS = 2000


def ours(name: str, seed: int = 0, draws: int = DRAWS) -> np.ndarray:
    """Start states [draws, nq + nv], settled where the task's are."""
    env, keys = make(name, "native"), jax.random.split(jax.random.key(seed), draws)
    if env.task.simulation.settle:
        data = jax.jit(jax.vmap(env.reset))(keys).pipeline_state
        state = np.asarray(data.raw).view(np.float64)
        return state[:, 1 : 1 + env.task.simulation.model.nq + env.task.simulation.model.nv]
    return np.concatenate(jax.vmap(env.task.start)(keys), axis=1).astype(np.float64)


def twins(name: str, draws: int = DRAWS) -> np.ndarray:
    twin = twin_of(name)
    twin.start(seed=0)
    rows = []
    for _ in range(draws):
        twin.start()
        rows.append(np.concatenate([twin.data.qpos, twin.data.qvel]))
    return np.stack(rows)


@pytest.mark.parametrize("name", TASKS)
def test_every_coordinate_follows_the_twins_law(name):
    draws = 500 if make(name, "native").task.simulation.settle else DRAWS
    mine, theirs = ours(name, draws=draws), twins(name, draws)
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


def test_a_settled_start_is_the_twins():
    """From the same draw, 200 substeps without control end where dm_control's do."""
    twin, env = twin_of("cheetah-run"), make("cheetah-run", "native")
    qpos, qvel = (np.asarray(x) for x in env.task.start(jax.random.key(4)))
    with twin._env.physics.reset_context():
        twin.data.qpos[:] = qpos
        twin._env.physics.step(200)
        twin.data.time = 0
    data = jax.jit(lambda q, v: env.engine.init(q, v, settle=True))(qpos, qvel)
    state = np.asarray(data.raw).view(np.float64)
    np.testing.assert_array_equal(state[1 : 1 + len(qpos)], twin.data.qpos)
    assert np.abs(twin.data.qpos - qpos).max() > 0.1, "settling must move it"


def test_the_ball_never_starts_in_contact():
    twin, starts = twin_of("ball_in_cup-catch"), ours("ball_in_cup-catch")
    for row in starts[:500]:
        with twin._env.physics.reset_context():
            twin.data.qpos[:] = row[:4]
        assert twin.data.ncon == 0
