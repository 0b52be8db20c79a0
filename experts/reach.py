"""How often the goal-reaching ant arrives, by the goal's distance: `python -m experts.reach [POLICY]`.

Each expert plays whole episodes of `AntReach`, whose goals lie in a disc of 10 m. Its success rate in
rings of 2 m says how far D4RL's waypoints, 4 to 6 m away, may be. `experts/AntReach.json` has those of
the policies that lead through the mazes.
"""

from __future__ import annotations

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.data.rollout import play_episodes
from guided_rl.envs import make
from guided_rl.envs.base import Env
from guided_rl.envs.mazes import REACH_RADIUS
from guided_rl.guides import find_guide
from guided_rl.guides.base import Guide
from guided_rl.runtime.errors import UserError
from guided_rl.training.cache import enable_compile_cache

EPISODES, SEED, RINGS = 300, 5_000_001, 5


def arrivals(guide: Guide, env: Env, episodes: int = EPISODES, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """Distance of the goal at the start, and whether it was reached, [experts, episodes] each."""
    count = guide.size or 1
    start = jax.random.split(jax.random.key(seed), episodes)

    def play(number: jax.Array) -> tuple[jax.Array, jax.Array]:
        adviser = guide.of(number)
        state = jax.vmap(env.reset)(start)
        distance = jnp.linalg.norm(state.obs[:, -2:], axis=-1)

        act = lambda s, time: (jax.vmap(adviser.action)(s.obs), None)
        note = lambda reached, said, after, going: reached | (going & (after.metrics["success"] > 0))
        return distance, play_episodes(env, act, state, note, jnp.zeros(episodes, bool))

    found = [jax.jit(play)(jnp.int32(i)) for i in range(count)]
    distances, reached = zip(*found, strict=True)
    return np.stack(distances), np.stack(reached)


def by_distance(distance: np.ndarray, reached: np.ndarray) -> list[tuple[float, float, float, int]]:
    """(from, to, success rate, episodes) of every ring that has episodes."""
    edges = np.linspace(0.0, REACH_RADIUS, RINGS + 1)
    ring = np.clip(np.digitize(distance, edges) - 1, 0, RINGS - 1)
    inside = [(i, ring == i) for i in range(RINGS)]
    return [(*edges[i : i + 2].tolist(), float(reached[m].mean()), int(m.sum())) for i, m in inside if m.any()]


def success_by_distance(guide: Guide, env: Env) -> list[list[dict[str, Any]]]:
    """The rings of every expert, as JSON."""
    names = ("from", "to", "success", "episodes")
    found = zip(*arrivals(guide, env), strict=True)
    return [[dict(zip(names, ring, strict=True)) for ring in by_distance(*played)] for played in found]


def main(arguments: list[str]) -> int:
    enable_compile_cache()
    try:
        env = make("AntReach", "native")
        experts = success_by_distance(find_guide(arguments[0] if arguments else "sac@100", env), env)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for number, rings in enumerate(experts):
        shown = [f"{r['from']:.0f}-{r['to']:.0f} m {r['success']:.0%} of {r['episodes']}" for r in rings]
        print(f"expert {number}: " + "  ".join(shown))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
