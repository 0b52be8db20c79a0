"""`evaluate`: what a guide returns over whole fresh episodes."""

from __future__ import annotations

import numpy as np

from guided_rl import envs
from guided_rl.config import check_seed
from guided_rl.data.rollout import measure_guide, measure_random
from guided_rl.envs.base import Env
from guided_rl.guides import find_guide
from guided_rl.results.scales import scale_of
from guided_rl.results.statistics import Sample, mean_interval
from guided_rl.results.tables import estimate, number
from guided_rl.runtime.errors import UserError


def evaluate(task: str, guide: str, episodes: int, seed: int, physics: str) -> None:
    """Print mean return with its 95 % interval over episodes, one line per expert.

    Raises:
      UserError: there is no such task, guide or engine, or no episode to play.
    """
    if episodes < 1:
        raise UserError(f"episodes is {episodes}; it must be at least 1")
    check_seed(seed)
    env = envs.make(task, physics)
    for name, returns in players(env, guide, episodes, seed):
        print(f"{name} on {task}: {_line(task, returns)}")


def players(env: Env, guide: str, episodes: int, seed: int) -> list[tuple[str, np.ndarray]]:
    """Name and returns [episodes] of each expert of a guide, or of the uniform policy."""
    if guide == "random":
        return [("random", measure_random(env, episodes, seed))]
    found = find_guide(guide, env)
    experts = range(found.size or 1)
    names = [found.name if found.size is None else f"{found.name} expert {i}" for i in experts]
    return [(name, measure_guide(env, found.of(i), episodes, seed)) for i, name in zip(experts, names, strict=True)]


def _line(task: str, returns: np.ndarray) -> str:
    failed = int(np.count_nonzero(~np.isfinite(returns)))
    if failed:
        return f"– over {returns.size} episodes, of which {failed} failed, by physics that ran away or a NaN action"
    mean = mean_interval(Sample(returns, np.arange(returns.size)))
    scale = scale_of(task)
    share = f", {number(float(scale.normalise(returns.mean())))} normalised" if scale.normalises else ""
    return f"{estimate(mean)} over {returns.size} episodes{share}"
