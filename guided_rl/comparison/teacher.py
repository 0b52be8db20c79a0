"""Who advised in a comparison: what it returns by itself, and what it cost."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from guided_rl.config import RunConfig
from guided_rl.data.rollout import measure_guide
from guided_rl.datasets.expert_metadata import quoted_experts
from guided_rl.datasets.lookup import OF_GUIDE
from guided_rl.envs.base import Env
from guided_rl.guides.find import find_guide
from guided_rl.guides.spec import is_offline
from guided_rl.results.records import Record
from guided_rl.results.tables import number, steps
from guided_rl.runtime.files import replace_file
from guided_rl.training.fingerprint import guide_hash

EPISODES = 50
SEED = 7_000_000


@dataclass(frozen=True)
class Teacher:
    """A guide by itself.

    Attributes:
      name: as it was written.
      mean: its return over `EPISODES` fresh episodes, or a few more so that each of its experts plays as many.
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
        return f"The guide {self.name} alone returns {number(self.mean)}; {cost}."


def spent(record: Record, teacher: Teacher | None) -> float:
    """Environment steps behind what a competitor was given: its expert's, and its data's; NaN where nobody knows."""
    if not record.experts:
        return math.nan if record.guided else 0.0
    own = float(np.mean([expert.steps for expert in record.experts]))
    of_teacher = str(record.config.get("dataset")).startswith(OF_GUIDE) and is_offline(record.config.get("guide"))
    # Offline agents know their rows alone, not who made them.
    return own + teacher.steps if teacher is not None and of_teacher else own


def measured(config: RunConfig, env: Env, folder: Path) -> Teacher | None:
    """The guide of a comparison, measured once for what it is now and kept in `folder`; None where nobody advised."""
    if config.guide is None:
        return None
    guide, path = find_guide(config.guide, env), folder / "guide.json"
    content = guide.source or guide_hash(guide, env.observation_size)
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("content") != content:
        each = -(-EPISODES // (guide.size or 1))
        mean = np.mean([measure_guide(env, guide.of(i), each, SEED + i) for i in range(guide.size or 1)])
        known = {"name": config.guide, "content": content, "mean": round(float(mean), 4)}
        replace_file(path, json.dumps(known, indent=1).encode())
    quotes = quoted_experts(config.guide, env)
    return Teacher(config.guide, known["mean"], float(np.mean([q.steps for q in quotes])) if quotes else math.nan)
