"""Reward-robust planning: the linear programme's known answers, the perturbed leader beside it, and its baselines."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from guided_rl import envs
from guided_rl.api import make_run, train
from guided_rl.config import RunConfig
from guided_rl.envs.planning.grids import GAMMA, PROBLEMS, grid_5, layouts
from guided_rl.methods.base import Context, Setup
from guided_rl.methods.reward_robust import baselines, follow_the_leader, parts
from guided_rl.planning import linear_programme
from guided_rl.planning.mdp import exact_occupancy, exact_q, greedy, greedy_occupancy, occupancy, q_values
from guided_rl.planning.problem import RewardProblem
from guided_rl.runtime.errors import UserError
from tests.training.small import assert_same

AROUND = GAMMA**12 - 0.02 * (1 - GAMMA**12) / (1 - GAMMA)  # twelve steps, and the goal behind them
SMALL = functools.partial(RunConfig, "RobustGrid-5", seeds=2, evaluations=2, episodes=1)


@functools.cache
def grid() -> RewardProblem:
    return grid_5()


def context(problem: RewardProblem, step: int = 0, **hp: float) -> Context:
    env = envs.make("RobustGrid-5")
    setup = Setup(env.observation_size, env.action_space, problem=problem)
    values = {"epsilon": 0.0, "perturbation": 1.0, **hp}
    return Context({name: jnp.float32(v) for name, v in values.items()}, jnp.int32(step), None, setup)


def played(problem: RewardProblem, update, rounds: int, samples: int = 256, seed: int = 0, **hp: float):
    """The learner after so many rounds, and the last round's metrics."""
    begin = lambda key: parts.init(key, context(problem, **hp), samples=samples)

    def one(carry, step):
        ctx = context(problem, **hp).replace(step=step)
        agent, metrics = update(carry, {}, jax.random.fold_in(jax.random.key(seed), step), ctx)
        return agent, metrics

    run = jax.jit(lambda key: jax.lax.scan(one, begin(key), jnp.arange(rounds)))
    agent, metrics = run(jax.random.key(seed))
    return agent, {name: float(values[-1]) for name, values in metrics.items()}


def test_the_programmes_answer_for_the_small_grid_is_the_way_around():
    """0.3565 = γ¹² - 0.02 (1 - γ¹²) / (1 - γ), and the maximin policy never touches the wall."""
    found = linear_programme.maximin(grid(), "exact", 0.0)
    assert found.value == pytest.approx(AROUND, abs=1e-6) == pytest.approx(0.3565, abs=5e-5)
    counts = found.occupancy.sum(-1) @ grid().test.features
    assert counts[2] == pytest.approx(0.0, abs=1e-7)
    assert counts[0] == pytest.approx(GAMMA**12, abs=1e-6)


def test_the_naive_way_leads_through_the_wall():
    """Occupancy γ² = 0.9025, and a worst case of -0.144."""
    weights = np.array([1.0, -0.02, 0.0])
    q = exact_q(grid().test, grid().test.features @ weights, GAMMA)
    counts = exact_occupancy(grid().test, np.eye(4)[q.argmax(1)], GAMMA).sum(-1) @ grid().test.features
    assert counts[2] == pytest.approx(0.9025)
    assert linear_programme.worst_case(grid(), "exact", 0.0, counts) == pytest.approx(-0.144, abs=5e-4)


def test_the_programme_is_the_dense_one_written_out_by_hand():
    """Variables (w, V_tr, V_te), one row a state and action, on layouts with free weights and a noisy expert."""
    problem, epsilon = small_layouts(), 0.2
    found = linear_programme.maximin(problem, "noisy", epsilon)
    k, n = len(problem.low), len(problem.test.start)
    rows = []
    for place, mdp in ((k, problem.train), (k + n, problem.test)):
        for s in range(n):
            for a in range(4):
                row = np.zeros(k + 2 * n)
                row[:k] = mdp.features[s]
                row[place + mdp.following[s, a, 0]] += problem.gamma
                row[place + s] -= 1.0
                rows.append(row)
    last = np.zeros(k + 2 * n)
    last[:k], last[k : k + n] = -problem.expert_counts("noisy")[0], problem.train.start
    cost = np.concatenate([np.zeros(k + n), problem.test.start])
    bounds = [*zip(problem.low, problem.high, strict=True), *[(None, None)] * (2 * n)]
    dense = linprog(cost, np.array([*rows, last]), np.append(np.zeros(len(rows)), epsilon), bounds=bounds)
    assert found.value == pytest.approx(dense.fun, abs=1e-6)
    counts = found.occupancy.sum(-1) @ problem.test.features
    assert linear_programme.worst_case(problem, "noisy", epsilon, counts) == pytest.approx(found.value, abs=1e-6)


@functools.cache
def small_layouts() -> RewardProblem:
    """The first two of the twenty layouts."""
    whole, cells = layouts(), 2 * 25

    def first(mdp):
        keep = [*range(cells), len(mdp.start) - 1]
        following = np.where(mdp.following[keep] >= cells, cells, mdp.following[keep])
        return mdp._replace(
            following=following,
            probability=mdp.probability[keep],
            features=mdp.features[keep],
            start=mdp.start[keep] * 10,
        )

    return dataclasses.replace(whole, train=first(whole.train), test=first(whole.test))


def test_planning_in_jax_is_planning_in_float64():
    problem = small_layouts()
    reward = problem.test.features @ np.array([1.0, -0.02, -0.1, -0.05, 0.3])
    q = q_values(problem.test, jnp.asarray(reward, jnp.float32), problem.gamma)
    np.testing.assert_allclose(q, exact_q(problem.test, reward, problem.gamma), atol=1e-4)
    policy = np.asarray(greedy(q))
    found = occupancy(problem.test, jnp.asarray(policy), problem.gamma)
    np.testing.assert_allclose(found, exact_occupancy(problem.test, policy, problem.gamma), atol=1e-4)
    np.testing.assert_allclose(greedy_occupancy(problem.test, q, problem.gamma), found, atol=1e-5)


def test_the_leader_comes_within_two_per_cent_of_the_programme():
    """On the small grid in 200 rounds; it spends less than 1 % of the time on the wall."""
    _, metrics = played(grid(), follow_the_leader.update, 200)
    assert metrics["worst_case"] == pytest.approx(AROUND, rel=0.02)
    assert metrics["unseen_share"] < 0.01
    assert metrics["agreement"] > 0.95


def test_the_leaders_regret_shrinks_where_weights_are_free():
    """Beside the programme at the same ε; a mixture's exact worst case is never above it."""
    problem, best = small_layouts(), linear_programme.maximin(small_layouts(), "exact", 0.1).value
    gaps = []
    for rounds in (5, 200):
        agent, _ = played(problem, follow_the_leader.update, rounds, epsilon=0.1)
        gaps.append(best - linear_programme.worst_case(problem, "exact", 0.1, np.asarray(agent.memory["counts"])))
    assert -1e-4 < gaps[1] < max(0.05, gaps[0])


def test_where_the_truth_alone_is_possible_every_round_is_value_iteration():
    problem = dataclasses.replace(grid(), low=grid().truth, high=grid().truth)
    agent, metrics = played(problem, follow_the_leader.update, 3)
    q = q_values(problem.test, jnp.asarray(problem.test.features @ problem.truth, jnp.float32), GAMMA)
    expected = occupancy(problem.test, greedy(q), GAMMA)
    np.testing.assert_allclose(agent.memory["occupancy"], expected, atol=1e-6)
    assert metrics["consistent_share"] == 1.0


def test_samples_are_consistent_exactly_where_the_expert_is_nearly_optimal():
    problem, epsilon = small_layouts(), 0.004
    weights = parts.sampled_weights(jax.random.key(3), problem, 64)
    found = parts.explains(weights, problem, "exact", jnp.float32(epsilon))
    for w, consistent in zip(np.asarray(weights, np.float64), found, strict=True):
        best = problem.train.start @ exact_q(problem.train, problem.train.features @ w, problem.gamma).max(1)
        short = best - problem.expert_counts("exact")[0] @ w
        if abs(short - epsilon) > 5e-4:
            assert consistent == (short <= epsilon)
    assert 0 < found.sum() < 64


def test_a_seed_whose_samples_explain_nothing_is_no_number():
    problem = small_layouts()
    low, high = problem.low.copy(), problem.high.copy()
    low[2], high[2] = 0.5, 0.6  # mud that pays: nobody who leaves it is near the best
    none = dataclasses.replace(problem, low=low, high=high)
    agent = parts.init(jax.random.key(0), context(none), experts="exact", samples=32)
    assert not np.isfinite(agent.memory["counts"]).any()


def test_the_baselines_are_what_they_say():
    """Naive planning and cloning walk through the wall; apprenticeship's counts come no farther from the expert's."""
    _, naive = played(grid(), functools.partial(baselines.update, reply=baselines.mean_reward, experts="exact"), 2)
    _, cloned = played(grid(), functools.partial(baselines.update, reply=baselines.cloned, experts="exact"), 2)
    assert naive["unseen_share"] == pytest.approx(0.05 * 0.9025, rel=1e-3)
    assert cloned["unseen_share"] > 0.01
    wanted, distances = grid().expert_counts("exact")[0], []
    for rounds in (1, 2, 10):
        agent, _ = played(
            grid(), functools.partial(baselines.update, reply=baselines.projected, experts="exact"), rounds
        )
        distances.append(np.linalg.norm(wanted - np.asarray(agent.memory["counts"])))
    assert distances == sorted(distances, reverse=True)


def test_two_experts_who_disagree_need_an_epsilon_and_it_is_named():
    problem = layouts()
    least = linear_programme.least_epsilon(problem, "two")
    assert least > 0.001
    named = np.ceil(least * 1e4) / 1e4
    with pytest.raises(UserError, match=f"consistent set is empty; give epsilon of at least {named:g}"):
        linear_programme.maximin(problem, "two", 0.0)
    assert np.isfinite(linear_programme.maximin(problem, "two", named).value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"options": {"experts": "two"}}, "kind of experts of this task"),
        ({"options": {"experts": "noisy"}}, "the consistent set is empty; give epsilon of at least"),
        ({"task": "CartPole-v1"}, "CartPole-v1 has none; give one such as --task RobustGrid-5"),
        ({"options": {"samples": 0}}, "samples=0 of reward-robust is no whole number"),
        ({"hparams": {"epsilon": -0.1}}, "epsilon=-0.1 is outside"),
    ],
)
def test_what_cannot_be_planned_is_said_before_anything_compiles(changes, sentence):
    with pytest.raises(UserError, match=sentence):
        make_run(RunConfig(**{"task": "RobustGrid-5", "method": "reward-robust", "steps": 20, **changes}))


@pytest.mark.trains
def test_a_planner_trains_as_a_population_with_a_curve_and_resumes(tmp_path):
    """Seed 1 alone is seed 1 in the crowd; stopped after half of the rounds and begun again, a run ends as unbroken."""
    options = {"samples": 64}
    both = train(SMALL(method="reward-robust", steps=20, options=options))

    def stop_late(seen):
        if seen.point == 1:
            raise RuntimeError("stopped")

    same = SMALL(method="reward-robust", steps=20, options=options)
    with pytest.raises(RuntimeError, match="stopped"):
        train(same, folder=tmp_path, observers=[stop_late], checkpoint_seconds=0.0)
    resumed = train(same, folder=tmp_path)
    assert_same(resumed.agents, both.agents)
    assert_same(resumed.history.tree(), both.history.tree())
    alone = train(SMALL(method="reward-robust", steps=20, options=options, seeds=1, first_seed=1))
    assert_same(jax.tree.map(lambda x: x[1:], both.agents), alone.agents)
    means = both.history.training_means(10)
    assert both.history.training["updates"].tolist() == [10.0, 10.0]
    assert means["worst_case"].shape == (2, 2)
    np.testing.assert_allclose(means["worst_case"][-1], AROUND, rtol=0.1)


@pytest.mark.parametrize("task", PROBLEMS)
def test_the_task_pays_the_true_reward_of_the_state_that_is_left(task):
    env = envs.make(task)
    problem, state = env.problem, env.reset(jax.random.key(0))
    for action in (1, 2, 2, 1):
        before = int(np.argmax(state.obs))
        state = env.step(state, jnp.int32(action))
        after = int(np.argmax(state.obs))
        assert after in problem.test.following[before, action]
        assert float(state.reward) == pytest.approx(float(problem.test.features[before] @ problem.truth))
    assert problem.train.features[:, problem.unseen].sum() == 0 < problem.test.features[:, problem.unseen].sum()
