"""Reference returns per task, in one place, each with its source.

A normalised return is 100 · (R − random) / (expert − random). D4RL's constants stand
beside ours because papers quote them; they belong to the `-v2` bodies of older simulators
and are never mixed with our own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.envs.base import Env, refuse_too_many
from guided_rl.errors import UserError, unknown

EXPERT_RETURNS = Path(__file__).with_name("expert_returns.json")
_RANDOM = "measure_random(make(task, 'native')), 1,000 episodes, MuJoCo 3.17.0"
_D4RL = "d4rl/infos.py, REF_MIN_SCORE and REF_MAX_SCORE, the same for all versions and qualities"


@dataclass(frozen=True)
class Return:
    """An undiscounted episode return: mean, standard error over episodes, and where it comes from."""

    mean: float
    stderr: float
    source: str


_NEVER = Return(0.0, 0.0, "D4RL's scale of success: 0; random actions reached no goal of umaze in 100 episodes")
_ALWAYS = Return(1.0, 0.0, "the goal reached in every episode")


@dataclass(frozen=True)
class Reference:
    """What 0 and 100 are on a task; `d4rl` holds D4RL's own (random, expert) pair."""

    random: Return
    expert: Return | None = None
    d4rl: tuple[float, float] | None = None
    d4rl_source: str = _D4RL


def _with_experts(references: dict[str, Reference]) -> dict[str, Reference]:
    """`references` with the experts' returns, which `python -m experts.register` writes."""
    known = json.loads(EXPERT_RETURNS.read_text(encoding="utf-8")) if EXPERT_RETURNS.exists() else {}
    return {
        task: replace(reference, expert=Return(**known[task])) if task in known else reference
        for task, reference in references.items()
    }


_WITHOUT_EXPERTS = {
    "HalfCheetah-v5": Reference(Return(-282.17, 2.58, _RANDOM), d4rl=(-280.178953, 12135.0)),
    "Hopper-v5": Reference(Return(16.93, 0.50, _RANDOM), d4rl=(-20.272305, 3234.3)),
    "Walker2d-v5": Reference(Return(1.64, 0.19, _RANDOM), d4rl=(1.629008, 4592.3)),
    "Ant-v5": Reference(Return(-52.29, 2.81, _RANDOM), d4rl=(-325.6, 3879.7)),
    "Humanoid-v5": Reference(Return(112.09, 1.00, _RANDOM)),
    "InvertedPendulum-v5": Reference(Return(5.00, 0.10, _RANDOM)),
    "Reacher-v5": Reference(Return(-43.06, 0.13, _RANDOM)),
    "cheetah-run": Reference(Return(3.705, 0.044, _RANDOM)),
    "hopper-stand": Reference(Return(1.801, 0.15, _RANDOM)),
    "hopper-hop": Reference(Return(0.04924, 0.012, _RANDOM)),
    "walker-stand": Reference(Return(130.1, 0.38, _RANDOM)),
    "walker-walk": Reference(Return(32.35, 0.13, _RANDOM)),
    "walker-run": Reference(Return(23.02, 0.057, _RANDOM)),
    "cartpole-swingup": Reference(Return(27.31, 0.64, _RANDOM)),
    "ball_in_cup-catch": Reference(Return(107.5, 9.3, _RANDOM)),
    "point_mass-easy": Reference(Return(3.297, 0.9, _RANDOM)),
    "PointFall": Reference(Return(4.28, 1.04, _RANDOM)),
    "PointFall-block": Reference(Return(297.2, 7.7, _RANDOM)),
    "PointReach-like": Reference(Return(-3.854, 0.018, _RANDOM)),
    "PointCircle": Reference(Return(-231.9, 13.4, _RANDOM)),
    "cartpole-safe": Reference(Return(27.31, 0.64, _RANDOM)),
    "ball_in_cup-low": Reference(Return(0.0, 0.0, _RANDOM)),
    "point_mass-sparse": Reference(Return(1.016, 0.39, _RANDOM)),
    "AntReach": Reference(Return(-0.07, 0.06, _RANDOM.replace("1,000", "300"))),
    **{f"PointMaze-{name}": Reference(Return(0.0, 0.0, _RANDOM), _ALWAYS) for name in ("umaze", "medium", "large")},
    **{f"AntMaze-{name}": Reference(_NEVER, _ALWAYS, d4rl=(0.0, 1.0)) for name in ("umaze", "medium", "large")},
}
REFERENCES = _with_experts(_WITHOUT_EXPERTS)


def normalised(task: str, returns: np.ndarray | float) -> np.ndarray:
    """Returns on the scale where the random policy is 0 and the task's expert 100.

    Raises:
      UserError: the task has no references, or none for its expert yet.
    """
    if task not in REFERENCES:
        raise unknown("task with reference returns", task, REFERENCES)
    reference = REFERENCES[task]
    if reference.expert is None:
        raise UserError(
            f"{task} has no expert return in guided_rl/envs/expert_returns.json; report raw returns or `make experts`"
        )
    random, expert = reference.random.mean, reference.expert.mean
    return 100.0 * (np.asarray(returns, np.float64) - random) / (expert - random)


def measure_random(env: Env, episodes: int = 1000, seed: int = 0) -> np.ndarray:
    """Returns [episodes] of actions drawn uniformly in [-1, 1]."""
    uniform = lambda key, obs: jax.random.uniform(key, (obs.shape[0], env.action_size), minval=-1, maxval=1)
    return measure(env, uniform, episodes, seed)


def measure(env: Env, act: Callable[[jax.Array, jax.Array], jax.Array], episodes: int, seed: int = 0) -> np.ndarray:
    """Undiscounted returns [episodes], one whole episode each, of `act(key, obs [episodes, n])`.

    Raises:
      UserError: the engine cannot step so many at once.
    """
    refuse_too_many(env, episodes)

    def run(key):
        start, actions = jax.random.split(key)
        state = jax.vmap(env.reset)(jax.random.split(start, episodes))
        keys = jax.random.split(actions, env.episode_length)

        def step(carry):
            time, state, total, alive = carry
            state = jax.vmap(env.step)(state, act(keys[time], state.obs), alive)
            return time + 1, state, total + jnp.where(alive, state.reward, 0.0), alive & (state.done == 0)

        goes_on = lambda carry: (carry[0] < env.episode_length) & carry[3].any()
        return jax.lax.while_loop(goes_on, step, (0, state, jnp.zeros(episodes), jnp.ones(episodes, bool)))[2]

    return np.asarray(jax.jit(run)(jax.random.key(seed)), np.float64)
