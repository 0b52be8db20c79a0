"""Who advised in a comparison: what it returns by itself, and what it cost."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from guided_rl.config import RunConfig
from guided_rl.data.rollout import measure
from guided_rl.datasets.expert_metadata import quoted_experts
from guided_rl.datasets.lookup import OF_GUIDE
from guided_rl.envs.base import Env
from guided_rl.envs.spaces import Discrete
from guided_rl.guides.find import find_guide
from guided_rl.guides.spec import is_offline
from guided_rl.results.records import Record
from guided_rl.results.tables import number, steps
from guided_rl.runtime.files import replace_file

EPISODES = 50
SEED = 7_000_000


@dataclass(frozen=True)
class Teacher:
    """A guide by itself.

    Attributes:
      name: as it was written. mean: its return over `EPISODES` fresh episodes, over all of its experts.
      steps: environment steps that were spent on it; NaN where nobody knows, as of a user's own function.
    """

    name: str
    mean: float
    steps: float

    @property
    def sentence(self) -> str:
        cost = (
            f"it cost {steps(self.steps)} environment steps" if math.isfinite(self.steps) else "its cost is not known"
        )
        return f"The guide {self.name} alone returns {number(self.mean)} over {EPISODES} episodes; {cost}."


def spent(record: Record, teacher: Teacher | None) -> float:
    """Environment steps behind what a competitor was given: its expert's, and its data's; NaN where nobody knows."""
    if not record.experts:
        return math.nan if record.guided else 0.0
    own = float(np.mean([expert.steps for expert in record.experts]))
    of_teacher = str(record.config.get("dataset")).startswith(OF_GUIDE) and is_offline(record.config.get("guide"))
    # Offline agents know their rows alone, not who made them.
    return own + teacher.steps if teacher is not None and of_teacher else own


def measured(config: RunConfig, env: Env, folder: Path) -> Teacher | None:
    """The guide of a comparison, measured once and kept in `folder`; None where nobody advised."""
    if config.guide is None:
        return None
    path = folder / "guide.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("name") != config.guide:
        known = {"name": config.guide, "mean": round(_mean_return(config.guide, env), 4)}
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(known, indent=1).encode())
    quotes = quoted_experts(config.guide, env)
    return Teacher(config.guide, known["mean"], float(np.mean([q.steps for q in quotes])) if quotes else math.nan)


def _mean_return(named: str, env: Env) -> float:
    guide = find_guide(named, env)
    size = guide.size or 1

    def act(key: jax.Array, obs: jax.Array) -> jax.Array:
        numbers = jax.numpy.arange(obs.shape[0]) % size
        advice = jax.vmap(lambda n, o: guide.of(n).action(o))(numbers, obs)
        return jax.numpy.argmax(advice, axis=-1) if isinstance(env.action_space, Discrete) else advice

    return float(np.mean(measure(env, act, EPISODES, SEED)))
