"""A tabulated cart-pole with a part of the track that no expert saw.

The steps are CartPole-v1's, four a decision: all to the left, all to the right, or left, right, right, left. States are
the nodes of a grid over cart and pole; where a decision leads is shared out among the 16 nodes around by multilinear
interpolation (Munos and Moore 2002, "Variable resolution discretization in optimal control", section 2). Outside of the
grid the episode is over. A decision upright earns 1. On the left margin, from x = -1.6 m on, it costs, and the experts'
ways are all that is known of that. In the test the track from x = 0.8 m on is of a kind of its own, whose weight may be
anything in [-2, 2]; the truth is -2.
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.discrete.cartpole import TILT, TRACK, advance
from guided_rl.envs.planning.tabular import PlanningEnv, planning_env
from guided_rl.planning.mdp import MDP
from guided_rl.planning.problem import RewardProblem

AXES = (
    np.linspace(-TRACK, TRACK, 7),
    np.linspace(-2.0, 2.0, 5),
    np.linspace(-TILT, TILT, 5),
    np.linspace(-2.0, 2.0, 5),
)
PUSHES = ((0, 0, 0, 0), (0, 1, 1, 0), (1, 1, 1, 1))
GAMMA, DECISIONS = 0.95, 100
MARGIN, UNSEEN = -1.6, 0.8
UPRIGHT, COST = 1.0, -0.3
MINDS = (-0.3, 0.2)  # of the margin, of two experts who disagree
START = (0.0, 0.0, 0.0, 0.0)  # upright in the middle of the track, at rest


def nodes() -> np.ndarray:
    """[x, ẋ, θ, θ̇] of every node, [nodes, 4]."""
    return np.stack(np.meshgrid(*AXES, indexing="ij"), -1).reshape(-1, 4)


def reached(states: np.ndarray) -> np.ndarray:
    """Where every decision leads from these states [n, 4], [n, decisions, 4]."""

    def decide(state: jax.Array, push: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, len(PUSHES[0]), lambda i, s: advance(s, push[i]), state)

    every = jax.vmap(jax.vmap(decide, (None, 0)), (0, None))
    return np.asarray(every(jnp.asarray(states, jnp.float32), jnp.asarray(PUSHES)), np.float64)


def shared_out(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 16 nodes around each point [..., 4] and their shares, [..., 16]; the number of nodes where it is outside.

    Speeds beyond the grid count as its edge; places and angles beyond it are outside.
    """
    clipped = np.clip(points, [axis[0] for axis in AXES], [axis[-1] for axis in AXES])
    outside = (np.abs(points[..., 0]) > TRACK) | (np.abs(points[..., 2]) > TILT)
    width = [axis[1] - axis[0] for axis in AXES]
    place = (clipped - [axis[0] for axis in AXES]) / width
    low = np.minimum(place.astype(int), [len(axis) - 2 for axis in AXES])
    rest, sizes, count = place - low, [len(axis) for axis in AXES], len(nodes())
    found = []
    for corner in itertools.product((0, 1), repeat=4):
        share = np.prod(np.where(np.array(corner) == 1, rest, 1 - rest), axis=-1)
        found.append((np.ravel_multi_index(tuple(np.moveaxis(low + corner, -1, 0)), sizes), share))
    following, shares = (np.stack(part, -1) for part in zip(*found, strict=True))
    return np.where(outside[..., None], count, following), np.where(outside[..., None], 1 / 16, shares)


def cartpole_problem() -> RewardProblem:
    """The track without and with its unseen part."""
    states = nodes()
    following, probability = shared_out(reached(states))
    over = np.full((1, *following.shape[1:]), len(states))
    following = np.concatenate([following, over]).astype(np.int32)
    probability = np.concatenate([probability, np.full((1, *probability.shape[1:]), 1 / 16)])
    first, share = shared_out(np.asarray(START))
    start = np.bincount(first, share, len(states) + 1)
    margin, unseen = states[:, 0] <= MARGIN + 1e-9, states[:, 0] >= UNSEEN - 1e-9
    shown = lambda unseen: np.vstack([np.stack([np.ones(len(states)), margin, unseen], -1), np.zeros(3)])
    train, test = (MDP(following, probability, shown(part), start) for part in (0 * unseen, unseen))
    low, high = np.array([UPRIGHT, -0.5, -2.0]), np.array([UPRIGHT, 0.5, 2.0])
    minds = np.array([[UPRIGHT, mind, 0.0] for mind in MINDS])
    names = ("upright", "margin", "unseen track")
    return RewardProblem(train, test, GAMMA, low, high, names, 2, np.array([UPRIGHT, COST, -2.0]), 0.05, minds)


def cartpole() -> PlanningEnv:
    return planning_env("RobustCartPole", cartpole_problem(), DECISIONS)


TASKS = {"RobustCartPole": cartpole}
