"""Which ladder points become a task's experts; every trained expert ships.

1. Of each expert the three ladder points with the best evaluations play 100 fresh episodes; the best of these is its
   policy at 100 %. What ships is a point and not the last one, since SAC's return can collapse between two of them.
2. B, the best return, is the best of these policies' over those 100 episodes.
3. Each expert's policy at 25, 50 and 75 % is its ladder point whose evaluation comes closest to
   floor + level · (B - floor); the floor is the better of random and zero action. Where D4RL has data of the body,
   its policy `sac@medium` is the ladder point whose evaluation comes closest to the mean score of D4RL's medium data.
4. These and their clones are quoted by 100 episodes more, which chose nothing, from the weights as they are stored.

So no expert is left out, and no quote is a maximum over what it quotes: a point is chosen by the luck of its own
evaluation and of 100 episodes, neither of which is quoted.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from experts.ladder import Ladder
from guided_rl.data.rollout import measure
from guided_rl.envs.base import Env
from guided_rl.guides.base import Guide
from guided_rl.guides.expert_weights import D4RL_LEVEL, LEVELS, as_stored, guide_of

FINALISTS = 3
QUOTED = 100
SELECTION_SEED = 2_000_001
SELECTION = " ".join(__doc__.split("\n\n", 1)[1].split())


@dataclass(frozen=True)
class Choice:
    """Which ladder points become which level.

    Attributes:
      points: level, `25` to `100` and perhaps `medium`, to the ladder point of each expert [n].
      best: the expert whose return is 100 %.
      best_return: B, over fresh episodes.
    """

    points: dict[str, np.ndarray]
    best: int
    best_return: float


def returns_of(guide: Guide, env: Env, episodes: int, seed: int) -> np.ndarray:
    """Undiscounted returns [experts, episodes] of each expert's deterministic policy."""
    count = guide.size

    def act(key: jax.Array, obs: jax.Array) -> jax.Array:
        each = jax.vmap(lambda layers, o: jax.vmap(lambda x: guide.action_fn(layers, x, None))(o))
        return each(guide.params, obs.reshape(count, episodes, -1)).reshape(obs.shape[0], -1)

    return measure(env, act, count * episodes, seed).reshape(count, episodes)


def choose(ladder: Ladder, env: Env, floor: float, medium: float | None = None) -> Choice:
    """For each expert the ladder point that is its best, and those closest to the other levels' returns."""
    means = np.nan_to_num(ladder.returns.mean(-1), nan=-np.inf)  # an expert that came to grief has points before
    everyone = np.arange(means.shape[1])
    finalists = np.argsort(-means, axis=0, kind="stable")[:FINALISTS]
    fresh = np.stack([_fresh(ladder, points, env) for points in finalists])
    peaks, tops = finalists[fresh.argmax(0), everyone], fresh.max(0)
    best = int(tops.argmax())
    nearest = lambda target: np.abs(means - target).argmin(0)
    points = {str(level): nearest(floor + level / 100 * (tops[best] - floor)) for level in LEVELS[:-1]}
    points[str(LEVELS[-1])] = peaks
    if medium is not None:
        points[D4RL_LEVEL] = nearest(medium)
    return Choice(points, best, float(tops[best]))


def _fresh(ladder: Ladder, points: np.ndarray, env: Env) -> np.ndarray:
    """Mean returns [n] over fresh episodes of one ladder point of each expert, as it would be stored."""
    layers = as_stored(ladder.pick(points, np.arange(points.size)))
    return returns_of(guide_of("sac", layers, "sac"), env, QUOTED, SELECTION_SEED).mean(1)
