"""BREAD's search finds known anchors; resets and imitation do what they say.

That off is GRPO stands in `tests/training/test_on_policy.py`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl import envs
from guided_rl.data.traces import record_traces
from guided_rl.guides import find_guide
from guided_rl.methods import build
from guided_rl.methods.base import Start
from guided_rl.methods.start_states import baselines, bread
from guided_rl.networks import policies
from tests.methods.test_grpo import SETUP, context, some_agent, some_batch

K, LOW, HIGH = 10, 0.05, 0.95
START = {"searching": False, "low": 0, "high": K, "piece": 0, "trace": 0, "low_success": 0.0, "high_success": 1.0}
TYPES = {bool: jnp.bool_, int: jnp.int32, float: jnp.float32}


def state(**changes):
    return {name: TYPES[type(START[name])](value) for name, value in {**START, **changes}.items()}


def search(staircase):
    """(pieces that were tried, whether the last group was learned from) of one search on a known success by piece."""
    memory, pieces = state(), []
    for _ in range(20):
        piece = int(memory["piece"])
        pieces.append(piece)
        memory, learns = bread.searched(memory, jnp.float32(staircase[piece]), jnp.int32(0), LOW, HIGH, K)
        if not memory["searching"]:
            return pieces, bool(learns)
    raise AssertionError("the search does not end")


@pytest.mark.parametrize("anchor", range(1, K))
def test_a_staircase_of_success_gives_the_known_anchor(anchor):
    """Nobody succeeds from before it, half do from it, all do from behind it."""
    stairs = np.where(np.arange(K + 1) < anchor, 0.0, np.where(np.arange(K + 1) == anchor, 0.5, 1.0))
    pieces, learned = search(stairs)
    assert learned and pieces[0] == 0 and pieces[-1] == anchor and len(pieces) <= 1 + int(np.ceil(np.log2(K)))


def test_where_no_piece_is_in_range_the_search_ends_without_a_gradient():
    pieces, learned = search(np.where(np.arange(K + 1) < 4, 0.0, 1.0))
    assert not learned and len(pieces) <= 6


def test_a_group_from_the_start_is_learned_from_unless_it_fails_entirely():
    for success in (1 / 16, 0.5, 1.0):
        memory, learns = bread.searched(state(), jnp.float32(success), jnp.int32(3), LOW, HIGH, K)
        assert learns and not memory["searching"] and memory["piece"] == 0
    memory, learns = bread.searched(state(), jnp.float32(0.0), jnp.int32(3), LOW, HIGH, K)
    assert not learns and memory["searching"] and memory["piece"] == 5 and memory["trace"] == 3


def test_a_search_remembers_the_success_on_either_side_of_what_it_tries():
    tried = lambda memory, success: bread.searched(memory, jnp.float32(success), jnp.int32(0), 0.2, 0.8, K)[0]
    memory = tried(tried(state(), 0.0), 0.1)  # half of the trace is too little
    assert memory["low"] == 5 and memory["low_success"] == np.float32(0.1) and memory["high_success"] == 1
    memory = tried(memory, 0.9)
    assert memory["high"] == 7 and memory["high_success"] == np.float32(0.9)
    memory = tried(tried(memory, 0.5), 0.0)  # the next search knows nothing of this one
    assert memory["searching"] and memory["low_success"] == 0 and memory["high_success"] == 1


@pytest.mark.parametrize(
    ("searching", "successes", "against"),
    [(True, 0, True), (True, 2, False), (True, 4, True), (False, 0, False)],
)
def test_probes_against_the_rule_that_success_grows_with_the_prefix_are_told(searching, successes, against):
    ctx, memory = context(method="bread"), state(searching=searching, piece=6, low_success=0.1, high_success=0.9)
    returns = [1.0] * successes + [0.0] * (4 - successes)
    batch = {**some_batch(returns=returns), "start": Start(jnp.int32(0), jnp.int32(5)), "trace_length": jnp.int32(9)}
    metrics = bread.update(some_agent(ctx).replace(memory=memory), batch, jax.random.key(0), ctx, 1, "roll-out", K)[1]
    assert metrics["not_monotone"] == against


def test_pieces_are_of_the_traces_own_length_and_leave_an_action():
    index = jax.vmap(lambda piece: bread.anchor_index(piece, jnp.int32(7), K))(jnp.arange(K + 1))
    np.testing.assert_array_equal(index, [0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6])


def test_a_probe_leaves_the_learner_and_its_optimizer_as_they_were():
    ctx = context(method="bread")
    agent = some_agent(ctx).replace(memory=state(searching=True, low=0, high=8, piece=4))
    batch = {**some_batch(returns=[1.0] * 4), "start": Start(jnp.int32(2), jnp.int32(5)), "trace_length": jnp.int32(9)}
    after, metrics = bread.update(agent, batch, jax.random.key(0), ctx, 1, "roll-out", K)
    for name in ("params", "optimizers"):
        for new, old in zip(jax.tree.leaves(getattr(after, name)), jax.tree.leaves(getattr(agent, name)), strict=True):
            np.testing.assert_array_equal(new, old)
    assert after.memory["high"] == 4 and after.memory["piece"] == 2 and after.memory["trace"] == 2
    assert metrics["learned"] == 0 and metrics["probe"] == 1 and metrics["accepted"] == 0
    batch["return"] = jnp.array([1.0, 0.0, 0.0, 0.0])
    after, metrics = bread.update(agent, batch, jax.random.key(0), ctx, 1, "roll-out", K)
    assert metrics["accepted"] == 1 and not after.memory["searching"]
    np.testing.assert_allclose(metrics["accepted_prefix"], 5 / 9, rtol=1e-6)


def chain_traces(named="exact", count=4):
    env = envs.make("Chain-8")
    return env, record_traces(env, env, find_guide(named, env), count)


def test_the_loss_does_not_know_the_actions_before_the_anchor():
    """Other actions of the expert before a branch lead to the same group and the same learner."""
    _, traces = chain_traces()
    ctx = context(method="uniform-resets")
    other = traces.replace(action=traces.action.at[:, :, :5].set(2 - traces.action[:, :, :5]))
    start = baselines.uniform_begin(None, jax.random.key(3), ctx, traces.lengths(0))
    assert start.index > 0
    for left, right in zip(*(jax.tree.leaves(one.state(0, *start)) for one in (traces, other)), strict=True):
        np.testing.assert_array_equal(left, right)
    assert "prefix" not in some_batch()  # nor is there any column for them


@pytest.mark.parametrize(
    ("begin", "reach", "expected"),
    [
        (baselines.uniform_begin, 1.0, set(range(8))),
        (baselines.uniform_begin, 0.5, set(range(4))),
        (baselines.uniform_begin, 0.0, {0}),
        (baselines.fixed_begin, 0.5, {0, 4}),
        (baselines.fixed_begin, 1.0, {0, 7}),
        (baselines.fixed_begin, 0.0, {0}),
    ],
)
def test_where_groups_begin(begin, reach, expected):
    _, traces = chain_traces()
    name = "uniform-resets" if begin is baselines.uniform_begin else "fixed-prefix"
    ctx = context(method=name, reach=reach)
    keys = jax.random.split(jax.random.key(0), 200)
    index = np.asarray(jax.vmap(lambda key: begin(None, key, ctx, traces.lengths(0)).index)(keys))
    assert set(index.tolist()) == expected
    if begin is baselines.uniform_begin and reach == 1.0:
        assert np.bincount(index).min() > 10


def test_imitation_makes_the_traces_actions_likely_and_is_the_reference():
    _, traces = chain_traces()
    setup = SETUP.__class__(8, SETUP.action_space, (16,), activation="tanh")
    ctx = context(setup, "sft-grpo")
    agent = build("sft-grpo", {"imitation": 300}).init(jax.random.key(0), ctx, traces.of(jnp.int32(0)))
    out = baselines.network(setup).apply(agent.params["policy"], traces.obs[0, 0])
    assert jnp.exp(policies.log_prob(out, traces.action[0, 0])).min() > 0.95
    for new, old in zip(
        jax.tree.leaves(agent.params["policy"]), jax.tree.leaves(agent.targets["reference"]), strict=True
    ):
        np.testing.assert_array_equal(new, old)
