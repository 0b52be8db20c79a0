"""DIIQN and HA-DIIQN: confidence and losses against NumPy, inference, bridges, and what off means."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided_rl.api import train
from guided_rl.data.replay import Layout
from guided_rl.envs.discrete.grid_maze import GridMaze
from guided_rl.envs.spaces import Discrete
from guided_rl.methods import build
from guided_rl.methods.base import Context, Setup
from guided_rl.methods.bases import dqn
from guided_rl.methods.hparams import defaults
from guided_rl.methods.observations import bridges, diiqn, expert_actions, ha_diiqn
from guided_rl.runtime.errors import UserError
from guided_rl.training.run import Result
from tests.training.small import assert_same, learned, run, small

RNG = np.random.default_rng(0)
OBS, ACTIONS, PAIRS, BATCH = 3, 3, 12, 8
SETUP = Setup(OBS, Discrete(ACTIONS), (8, 8))
LAYOUT = Layout.of(OBS, 0)
HOW = diiqn.Expert("agent_reward", expert_actions.euclidean)
unit = st.floats(0, 1, width=32)


def context(hparams: dict | None = None, **values: float) -> Context:
    floats = {**defaults(hparams or diiqn.HPARAMS), **values}
    return Context({name: jnp.float32(v) for name, v in floats.items()}, jnp.int32(3), None, SETUP)


def normal(*shape: int) -> jax.Array:
    return jnp.float32(RNG.normal(size=shape))


@pytest.fixture(scope="module")
def learner():
    """A learner with an expert set of which some is inferred, and a batch that begins in expert states."""
    rows = jax.vmap(LAYOUT.pack)({"obs": normal(PAIRS, OBS), "action": jnp.zeros(PAIRS), "reward": jnp.zeros(PAIRS),
                                  "terminated": jnp.zeros(PAIRS), "next_obs": normal(PAIRS, OBS)})  # fmt: skip
    agent = diiqn.init(jax.random.key(0), context(), rows, how=HOW)
    agent = agent.replace(targets=dqn.init(jax.random.key(1), context()).params)
    known = {"expert_action": jnp.int32(RNG.integers(0, ACTIONS, PAIRS)), "count": jnp.arange(PAIRS) * 100.0}
    known |= {"error": jnp.float32(RNG.uniform(0, 1, PAIRS)).at[3].set(jnp.inf), "largest_error": jnp.float32(1.25)}
    agent = agent.replace(memory={**agent.memory, **known})
    pair = jnp.arange(BATCH) % PAIRS
    batch = {"obs": agent.memory["expert_obs"][pair], "next_obs": normal(BATCH, OBS), "reward": normal(BATCH)}
    return agent, {**batch, "action": jnp.int32(RNG.integers(0, ACTIONS, BATCH)), "terminated": jnp.zeros(BATCH)}, pair


def q_of(params, obs) -> np.ndarray:
    return np.asarray(dqn.critic(SETUP).apply(params["critic"], obs), np.float64)


def test_phi_is_numpys(learner):
    agent, batch, pair = learner
    memory, rows = jax.tree.map(np.asarray, agent.memory), np.asarray(pair)
    q = q_of(agent.params, memory["expert_obs"][rows])
    values = [q[np.arange(BATCH), a] for a in (memory["expert_action"][rows], np.asarray(batch["action"]))]
    delta = np.log1p(np.minimum(memory["count"][rows], 500)) / np.log1p(500)
    zeta = np.where(np.isfinite(memory["error"][rows]), 1 - memory["error"][rows] / 1.25, 0)
    expected = np.minimum(delta / (1 + np.exp(-2.0 * (values[0] - values[1]))), zeta)
    similar = jnp.float32(np.arange(BATCH) < 6)
    found = diiqn.phi(agent, batch, pair, similar, context(beta=2.0, c_max=500, similarity=0.9))
    np.testing.assert_allclose(found, np.where(np.arange(BATCH) < 6, expected, 0), rtol=1e-5)
    assert float(found[0]) == 0 and float(found[3]) == 0  # never used; nothing inferred


@settings(max_examples=50)
@given(st.floats(0, 1e6), st.floats(1, 1e6), st.floats(-5, 5), unit)
def test_the_parts_of_phi_keep_to_their_ranges(count, c_max, value, error):
    assert 0 <= float(diiqn.familiarity(jnp.float32(count), jnp.float32(c_max))) <= 1 + 1e-6
    assert float(diiqn.familiarity(jnp.float32(0), jnp.float32(c_max))) == 0
    assert float(diiqn.familiarity(jnp.float32(2 * c_max), jnp.float32(c_max))) == pytest.approx(1)
    assert float(diiqn.preference(jnp.float32(value), jnp.float32(value), jnp.float32(3))) == 0.5
    assert float(diiqn.precision(jnp.float32(error), jnp.float32(1))) == pytest.approx(1 - error, abs=1e-6)


@pytest.mark.parametrize("which", diiqn.LOSSES)
def test_the_mixed_loss_is_numpys(which, learner):
    agent, batch, pair = learner
    rows, taken, theirs = np.arange(BATCH), np.asarray(batch["action"]), np.asarray(agent.memory["expert_action"][pair])
    own_q, target = q_of(agent.params, batch["obs"]), RNG.normal(size=BATCH)
    huber = lambda error: np.where(np.abs(error) <= 1, 0.5 * error**2, np.abs(error) - 0.5)
    next_q = q_of(agent.targets, agent.memory["expert_next"][pair])
    y = np.asarray(batch["reward"]) + 0.99 * next_q.max(1)
    if which == "margin":
        expert = (own_q + 0.8 * (np.arange(ACTIONS) != theirs[:, None])).max(1) - own_q[rows, theirs]
    else:
        states = {"agent_reward": agent.memory["expert_obs"][pair], "own_state": batch["obs"]}
        expert = huber(q_of(agent.params, states[which])[rows, theirs] - y)
    share = RNG.uniform(size=BATCH)
    expected = (share * expert + (1 - share) * huber(own_q[rows, taken] - target)).mean()
    told = {**batch, "pair": pair, "expert_action": jnp.int32(theirs), "phi": jnp.float32(share)}
    arguments = agent.params["critic"], agent, jnp.float32(target), told, context()
    value, _ = diiqn.critic_loss(*arguments, expert_loss=which, loss="huber")
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_the_nearest_own_step_so_far_lends_its_action(learner):
    memory = expert_actions.nothing_inferred(jnp.float32([[0, 0], [1, 1]]), jnp.float32([[1, 0], [0, 1]]))
    step = lambda memory, s, a, after: expert_actions.infer(
        memory, jnp.float32(s), jnp.int32(a), jnp.float32(after), expert_actions.euclidean
    )
    first = step(memory, [0, 0], 2, [0.5, 0])
    np.testing.assert_allclose(first["error"], [0.25, np.sqrt((1 + 1 + 0.25 + 1) / 4)], rtol=1e-6)
    exact = step(first, [0, 0], 1, [1, 0])
    np.testing.assert_array_equal(exact["expert_action"], [1, 2])
    assert float(exact["error"][0]) == 0
    worse = step(exact, [0, 0], 0, [0.9, 0])
    np.testing.assert_array_equal(worse["expert_action"], [1, 2])
    assert float(worse["largest_error"]) == float(first["largest_error"])  # of those that were ever kept


def test_a_match_is_the_first_of_equals_and_its_similarity_one_minus_the_distance():
    obs = jnp.float32([[0, 0], [1, 2], [1, 2]])
    memory = expert_actions.nothing_inferred(obs, obs)
    pair, similarity = expert_actions.nearest(memory, jnp.float32([[1, 2], [0.1, 0.2]]), expert_actions.euclidean)
    np.testing.assert_array_equal(pair, [1, 0])
    np.testing.assert_allclose(similarity, [1, 0.9], rtol=1e-6)
    _, similarity = expert_actions.nearest(memory, jnp.float32([[1, 0]]), expert_actions.hamming)
    np.testing.assert_allclose(similarity, [0.5])


def follow(maze: GridMaze, moves: list[int]) -> tuple[list[int], list[int]]:
    """Cells before and after each move from the start."""
    cells = [maze.find("R")]
    for move in moves:
        cells.append(int(maze.following[cells[-1], move]))
    return cells[:-1], cells[1:]


def maze_learner(**hparams: float):
    """A learner with four moves that watches an expert with eight on its shortest way through the small maze."""
    wide, narrow = GridMaze("umaze", 8), GridMaze("umaze", 4)
    cells = [wide.find("R")]
    while cells[-1] != wide.find("G"):
        cells.append(int(wide.following[cells[-1], wide.shortest_policy[cells[-1]].argmax()]))
    see = jax.vmap(narrow.observe)
    obs, after = see(jnp.array(cells[:-1])), see(jnp.array(cells[1:]))
    size, pairs = obs.shape[1], len(cells) - 1
    layout, setup = Layout.of(size, 0), Setup(size, Discrete(4), (8, 8))
    zeros = jnp.zeros(pairs)
    row = {"obs": obs, "action": zeros, "reward": zeros, "terminated": zeros, "next_obs": after}
    values = {**defaults(ha_diiqn.HPARAMS), "infeasible": 0.1, **hparams}
    ctx = Context({name: jnp.float32(v) for name, v in values.items()}, jnp.int32(3), None, setup)
    agent = ha_diiqn.init(jax.random.key(0), ctx, jax.vmap(layout.pack)(row), how=HOW, longest=4, ahead=4)
    return agent, ctx, cells, narrow


def walked(agent, ctx, narrow: GridMaze, steps: int = 600):
    """The learner after random moves through the maze, and these moves as a batch, newest first."""
    rng, cell, rows = np.random.default_rng(1), narrow.find("R"), []
    for _ in range(steps):
        move = int(rng.integers(4))
        after = int(narrow.following[cell, move])
        ended = after == narrow.find("G")
        rows.append((cell, move, after, ended))
        cell = narrow.find("R") if ended else after
    before, action, after, ended = (jnp.array(column) for column in zip(*rows, strict=True))
    seen = {"obs": jax.vmap(narrow.observe)(before), "action": action, "next_obs": jax.vmap(narrow.observe)(after)}
    step = lambda agent, one: (ha_diiqn.after_step(agent, one, ctx, how=HOW), None)
    agent, _ = jax.jit(lambda agent, seen: jax.lax.scan(step, agent, seen))(agent, seen)
    newest_first = jax.tree.map(lambda x: x[::-1], {**seen, "terminated": ended.astype(jnp.float32)})
    return agent, newest_first


def test_in_the_maze_diagonals_are_infeasible_and_get_the_one_feasible_first_move():
    agent, ctx, cells, narrow = maze_learner()
    agent, recent = walked(agent, ctx, narrow)
    moves = np.diff(narrow.cells[np.array(cells)], axis=0)
    diagonal = np.abs(moves).sum(1) == 2
    assert 0 < diagonal.sum() < len(diagonal)
    np.testing.assert_array_equal(ha_diiqn.infeasible(agent, ctx), diagonal)
    np.testing.assert_allclose(np.asarray(agent.memory["error"])[~diagonal], 0, atol=1e-6)
    search = functools.partial(ha_diiqn.search, how=HOW, longest=4)
    after = search(agent, recent, jnp.int32(600), jax.random.key(0), ctx, None)
    assert not ha_diiqn.bridged(agent, ctx, 4).any()
    np.testing.assert_array_equal(ha_diiqn.bridged(after, ctx, 4), diagonal)
    for pair in np.flatnonzero(diagonal):
        first = int(after.memory["bridge_action"][pair])
        assert narrow.distance[narrow.following[cells[pair], first]] == narrow.distance[cells[pair]] - 1
        assert int(after.memory["bridge_steps"][pair]) == 2
    unseen = search(agent, recent, jnp.int32(0), jax.random.key(0), ctx, None)
    assert not ha_diiqn.bridged(unseen, ctx, 4).any()


def test_with_the_threshold_at_one_nothing_is_infeasible():
    agent, ctx, _, narrow = maze_learner(infeasible=1.0)
    agent, _ = walked(agent, ctx, narrow)
    assert not ha_diiqn.infeasible(agent, ctx).any()


def test_a_path_breaks_off_where_an_episode_ends():
    begins, arrives = jnp.array([0, 1, 5, 2]), jnp.array([1, 2, 2, 3])
    linked = jnp.array([True, False, True, False])
    found = bridges.ends(begins, arrives, linked, 3)
    np.testing.assert_array_equal(found, [[1, 2, -1], [2, -1, -1], [2, 3, -1], [3, -1, -1]])


def test_an_experts_next_states_stop_at_the_end_of_its_trajectory():
    obs, after = jnp.arange(5.0)[:, None], jnp.array([1.0, 2.0, 9.0, 4.0, 5.0])[:, None]
    rows = bridges.ahead_of(obs, after, 3)
    np.testing.assert_array_equal(rows, [[0, 1, 2], [1, 2, -1], [2, -1, -1], [3, 4, -1], [4, -1, -1]])


def pairs() -> np.ndarray:
    """Expert rows of CartPole [2, 40, width] without actions."""
    rows = np.random.default_rng(0).uniform(-0.2, 0.2, (2, 40, Layout.of(4, 0).width)).astype(np.float32)
    rows[..., 4:7] = np.nan
    return rows


def trained(method: str, **hparams: float) -> Result:
    result = train(small(task="CartPole-v1", method=method, hparams=hparams), offline=pairs())
    assert learned(result)
    return result


@pytest.mark.trains
def test_confidence_zero_is_dqn_and_never_infeasible_is_diiqn_bit_for_bit():
    plain = run(small(task="CartPole-v1", method="dqn"))
    off = trained("diiqn", confidence=0.0)
    assert_same(off.agents.params, plain.agents.params)
    assert_same(off.history.evaluation, plain.history.evaluation)
    on = trained("diiqn", c_max=2.0, similarity=0.0)
    assert on.history.training["phi"].sum() > 0
    assert any(
        (a != b).any() for a, b in zip(*map(jax.tree.leaves, (on.agents.params, off.agents.params)), strict=True)
    )
    never = trained("ha-diiqn", c_max=2.0, similarity=0.0, infeasible=1.0)
    assert_same(never.agents.params, on.agents.params)
    assert_same(never.history.evaluation, on.history.evaluation)


def test_an_expert_set_is_cut_and_one_without_actions_is_refused_where_they_are_asked_for():
    layout = Layout.of(4, 0)
    assert build("diiqn", {"rows": 10}).needs.prepare(pairs(), layout).shape[1] == 10
    with pytest.raises(UserError, match="has no actions, but true_actions asks for them"):
        build("diiqn", {"true_actions": True}).needs.prepare(pairs(), layout)
    with pytest.raises(UserError, match="cosine"):
        build("diiqn", {"distance": "cosine"})
    with pytest.raises(UserError, match="rows is 0"):
        build("diiqn", {"rows": 0})
    with pytest.raises(UserError, match="steps is 0; a bridge takes at least 1"):
        build("ha-diiqn", {"steps": 0})


def test_a_similarity_outside_the_unit_interval_is_refused(capsys):
    from guided_rl.cli import main

    command = ["run", "--task", "CartPole-v1", "--method", "diiqn", "--dataset", "demos", "--set", "similarity=2"]
    assert main(command) == 2
    assert "is outside [0, 1]" in capsys.readouterr().err
