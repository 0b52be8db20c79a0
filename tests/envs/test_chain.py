"""Chains and push mazes: what each action does, what chance reaches, and the expert's world beside the learner's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from guided_rl.envs import make
from guided_rl.envs.base import restore_where
from guided_rl.envs.discrete import chain
from guided_rl.envs.discrete.grid_maze import GridMaze
from guided_rl.envs.discrete.push_maze import DRAG, PUSH, directions, place_of


def walked(env, actions):
    """States [steps] of one episode under a tape of actions."""
    step = lambda state, action: (lambda after: (after, after))(env.step(state, action, state.done == 0))
    return jax.jit(lambda key: jax.lax.scan(step, env.reset(key), jnp.asarray(actions)))(jax.random.key(0))[1]


@pytest.mark.parametrize("n", [6, 12])
def test_the_right_actions_lead_to_the_end_and_a_wrong_one_ends_it(n):
    env, right = make(f"Chain-{n}"), chain.right_actions(n, 3)
    whole = walked(env, right)
    np.testing.assert_array_equal(whole.pipeline_state, np.arange(1, n + 1))
    np.testing.assert_array_equal(whole.reward, np.arange(1, n + 1) == n)
    np.testing.assert_array_equal(whole.done, np.arange(1, n + 1) == n)
    assert not whole.info["truncation"].any()
    for at in (0, n - 1):
        wrong = right.copy()
        wrong[at] = (wrong[at] + 1) % 3
        states = walked(env, wrong)
        assert states.done[at] == 1 and states.pipeline_state[at] == chain.FALLEN and not states.reward.any()


@pytest.mark.parametrize("kind, per_place", [("chain", 1 / 3), ("jump", 1 / 3)])
def test_by_chance_the_end_is_reached_with_one_over_actions_to_the_n(kind, per_place):
    table = chain.effects(8, kind)
    np.testing.assert_allclose(np.prod((table == chain.FORWARD).mean(axis=1)), per_place**8)
    assert ((table == chain.FORWARD).sum(axis=1) == 1).all() and (table != chain.STAYS).all()


def test_the_jumping_expert_lives_in_the_learners_chain_but_acts_as_the_learner_cannot():
    learner, expert = make("JumpChain-6"), make("JumpChain-6-expert")
    assert learner.task.demonstrated_in == expert.name and (learner.action_space.n, expert.action_space.n) == (3, 4)
    jumped = walked(expert, [chain.JUMP] * 3)
    np.testing.assert_array_equal(jumped.pipeline_state, [2, 4, 6])
    between = jax.tree.map(lambda leaf: leaf[1], jumped)
    state = restore_where(True, learner.reset(jax.random.key(0)), between)
    for action in chain.right_actions(6, 2)[4:]:
        state = learner.step(state, jnp.int32(action))
    assert state.reward == 1 and state.done == 1
    assert (chain.effects(6, "jump")[:, 2] == chain.ENDS).all()  # what stands for the jump where it is imitated


def test_distractors_lead_nowhere_and_cost_time():
    env, table = make("DistractorChain-8"), chain.effects(8, "distractor")
    assert ((table == chain.STAYS).sum(axis=1) == 2).all() and ((table == chain.ENDS).sum(axis=1) == 1).all()
    idle = int(np.flatnonzero(table[0] == chain.STAYS)[0])
    states = walked(env, [idle] * env.episode_length)
    assert (states.pipeline_state == 0).all() and states.info["truncation"][-1] == 1 and states.done[-2] == 0


@pytest.mark.parametrize("turned", [False, True])
def test_a_push_adds_its_direction_to_the_speed_that_drag_left(turned):
    env = make(f"PushMaze-medium{'-turned' if turned else ''}")
    maze, place, speed = GridMaze("medium", 4), np.array([1.0, 1.0]), np.zeros(2)
    actions = np.random.default_rng(0).integers(0, 8, 100)
    states = walked(env, actions)
    for number, action in enumerate(actions):
        speed = DRAG * speed + PUSH * directions(turned)[action]
        for axis in (0, 1):
            moved = place.copy()
            moved[axis] += speed[axis]
            if maze.grid[tuple(np.round(moved).astype(int))] == "#":
                speed[axis] = 0.0
            else:
                place = moved
        np.testing.assert_allclose(states.pipeline_state["place"][number], place, atol=1e-4)
        seen = place_of(maze, states.obs[number])
        np.testing.assert_allclose(seen[0], place, atol=1e-4)
        np.testing.assert_allclose(seen[1], speed, atol=1e-4)


def test_the_turned_pushes_are_none_of_the_others():
    plain, turned = directions(False), directions(True)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), 1.0, rtol=1e-6)
    assert np.linalg.norm(plain[:, None] - turned[None], axis=-1).min() > 0.3
