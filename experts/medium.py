"""Guides that are good for something and not for all: `python -m experts.medium [TASK ...]`.

PAG's attractive tasks are guided by half-trained SAC policies. Theirs are not shipped; ours are
trained by recipe and must be as good, and no better, as theirs were measured to be: the
specification's mean ± 1 standard deviation, shares of episodes ± 10 points, over 50 episodes.

1. A ladder of policies is kept while SAC learns (`experts.train`), and every one is tried as the
   task's local guide, acting everywhere, over 50 episodes.
2. Of each seed, the policy in all bands that comes closest to their middle is a candidate.
3. Candidates are quoted by 50 fresh episodes; the first three that are in all bands again are registered.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experts.ladder import Ladder, read_ladder
from experts.recipes import FIRST_SEED
from experts.register import FOLDER, QUOTE_SEED
from experts.selection import SELECTION_SEED
from experts.train import RUNS, keep_ladder
from guided_rl import envs
from guided_rl.api import train
from guided_rl.config import RunConfig
from guided_rl.data.rollout import add_reward, play_episodes
from guided_rl.envs.base import Env
from guided_rl.guides.base import Guide
from guided_rl.guides.expert_weights import guide_of, write_weights
from guided_rl.guides.find import weights_name
from guided_rl.guides.local import MEDIUM, local_guide
from guided_rl.results.provenance import provenance
from guided_rl.runtime.errors import UserError, unknown_name
from guided_rl.training.cache import enable_compile_cache
from guided_rl.training.run import Interrupted

SELECTION = " ".join(__doc__.split("\n\n", 1)[1].split())
SEEDS, KEPT, EPISODES = 6, 3, 50
POINTS = 40


@dataclass(frozen=True)
class MediumRecipe:
    """How a task's medium guide is trained, and what it must then be.

    Attributes:
      trained_on: the task that SAC learns. steps: environment steps per seed.
      hidden: widths of the networks.
      bands: statistic -> (middle, half-width). `return` is on the guided task; `left` is the
        share of episodes in which the guide once led out of its own region, its work done.
    """

    trained_on: str
    steps: int
    hidden: tuple[int, ...]
    bands: Mapping[str, tuple[float, float]]


RECIPES = {
    "PointFall": MediumRecipe("PointFall-block", 40_000, (32, 32), {"left": (0.63, 0.10)}),
    "point_mass-sparse": MediumRecipe(
        "point_mass-easy", 60_000, (64, 64), {"left": (0.725, 0.10), "return": (3.6, 11.0)}
    ),
    "ball_in_cup-low": MediumRecipe("ball_in_cup-catch", 80_000, (64, 64), {"return": (621.0, 372.0)}),
}


def run_name(task: str) -> str:
    """The folder of the ladder, apart from that of the task's other experts."""
    return f"medium-{task}"


def config_of(task: str) -> RunConfig:
    """SAC on what the guide learns; a ladder of 40 policies per seed."""
    recipe = RECIPES[task]
    return RunConfig(
        task=recipe.trained_on,
        method="sac",
        steps=recipe.steps,
        seeds=SEEDS,
        first_seed=FIRST_SEED,
        hidden=recipe.hidden,
        batch=256,
        evaluations=POINTS,
        episodes=5,
    )


def try_out(guide: Guide, env: Env, seed: int, episodes: int = EPISODES) -> dict[str, np.ndarray]:
    """What each policy of a set does acting everywhere: `return` and `left`, each [policies, episodes]."""
    count = guide.size
    one = jax.vmap(lambda params, obs: jax.vmap(lambda o: _advise(guide, params, o))(obs))

    def act(state, time):
        actions, trust = one(guide.params, state.obs.reshape(count, episodes, -1))
        return actions.reshape(count * episodes, -1), trust.reshape(-1) == 0

    def note(found, outside, after, active):
        total, left = found
        return add_reward(total, outside, after, active), left | (active & outside)

    def run(key):
        state = jax.vmap(env.reset)(jax.random.split(key, count * episodes))
        none = jnp.zeros(count * episodes)
        total, left = play_episodes(env, act, state, note, (none, none > 0))
        return total.reshape(count, episodes), left.reshape(count, episodes)

    returns, left = jax.jit(run)(jax.random.key(seed))
    return {"return": np.asarray(returns, np.float64), "left": np.asarray(left, np.float64)}


def _advise(guide: Guide, params: Any, obs: jax.Array) -> tuple[jax.Array, jax.Array]:
    speaker = guide.replace(params=params, size=None)
    return speaker.action(obs), speaker.confidence(obs)


def as_guide(task: str, env: Env, layers) -> Guide:
    """SAC policies, leaves [n, ...], as the task's local guide."""
    return local_guide("local", env, lambda policy, of: guide_of("sac", layers, MEDIUM))


def outside(task: str, found: Mapping[str, np.ndarray]) -> np.ndarray:
    """How far each policy's means lie from the middle of the bands [policies], in half-widths; above 1: outside."""
    bands = RECIPES[task].bands
    return np.max([np.abs(found[name].mean(-1) - middle) / half for name, (middle, half) in bands.items()], axis=0)


def candidates(task: str, ladder: Ladder, found: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(points, seeds) of the best policy of each seed, the best first.

    Raises:
      UserError: none is within the bands.
    """
    far = outside(task, found).reshape(len(ladder.steps), -1)
    points = far.argmin(0)
    best = far.min(0)
    order = [seed for seed in np.argsort(best) if best[seed] <= 1]
    if not order:
        raise UserError(
            f"no policy trained for {task} is within its bands (nearest {best.min():.2f}); change its recipe"
        )
    return points[order], np.array(order)


def register(task: str) -> dict[str, Any]:
    """Choose, quote and write `experts/<task>.npz` and its facts.

    Raises:
      UserError: the ladder is missing, or no policy is in its bands twice.
    """
    env, ladder, config = envs.make(task), read_ladder(run_name(task)), config_of(task)
    everyone = [grid.ravel() for grid in np.indices(ladder.returns.shape[:2])]
    found = try_out(as_guide(task, env, ladder.pick(*everyone)), env, SELECTION_SEED)
    points, seeds = candidates(task, ladder, found)
    quoted = try_out(as_guide(task, env, ladder.pick(points, seeds)), env, QUOTE_SEED)
    good = np.flatnonzero(outside(task, quoted) <= 1)[:KEPT]
    if not good.size:
        raise UserError(f"no candidate for {task} stays within its bands over fresh episodes; change its recipe")
    points, seeds, quoted = points[good], seeds[good], {name: values[good] for name, values in quoted.items()}
    facts = {
        "task": task,
        "observation_size": env.observation_size,
        "action_size": env.action_size,
        "recipe": config.to_json(),
        "bands": {name: list(band) for name, band in RECIPES[task].bands.items()},
        "selection": SELECTION,
        "seeds": (config.first_seed + seeds).tolist(),
        "environment_steps": {"until_chosen": {MEDIUM: ladder.steps[points].tolist()}},
        "returns": {
            MEDIUM: [
                {
                    "mean": round(float(r.mean()), 3),
                    "std": round(float(r.std(ddof=1)), 3),
                    "episodes": r.size,
                    "left": round(float(w.mean()), 3),
                }
                for r, w in zip(quoted["return"], quoted["left"], strict=True)
            ]
        },
        "provenance": provenance(getattr(env, "engine", None)),
    }
    write_weights(FOLDER / weights_name(task), {MEDIUM: ladder.pick(points, seeds)}, facts)
    return facts


def make(task: str) -> dict[str, Any]:
    """Train what is missing, then register it."""
    train(config_of(task), folder=RUNS / run_name(task), observers=[keep_ladder(run_name(task))])
    return register(task)


def main(tasks: Sequence[str]) -> int:
    """Exit status: 0 done, 2 a mendable error, 130 stopped."""
    enable_compile_cache()
    try:
        for task in tasks or list(RECIPES):
            if task not in RECIPES:
                raise unknown_name("task with a medium guide", task, RECIPES)
            facts = make(task)
            print(f"{task}: seeds {facts['seeds']}, {facts['returns'][MEDIUM]}", flush=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
