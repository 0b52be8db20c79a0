"""What is counted beside return, length and failure, where a task or a method has it.

A task's outcome is a reward term of its own, such as `success`: 1 in the step in which the goal is reached, and an
episode has it if any of its steps has. A method's outcomes belong to each step that it takes, as extras of its `Act`:
`expert_queries`, how often an expert was asked what to do, and `expert_share`, the share of the executed action that
was the expert's (1 - α in DAI's mixture, 0 or 1 where one of the two acts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.methods.acts import EXPERT_QUERIES, EXPERT_SHARE

Outcomes = dict[str, jax.Array]
OF_TASKS = ("success",)
OF_METHODS = (EXPERT_QUERIES, EXPERT_SHARE)


def of_task(metrics: Mapping[str, jax.Array]) -> Outcomes:
    """The outcomes among a step's reward terms."""
    return {name: metrics[name].astype(jnp.float32) for name in OF_TASKS if name in metrics}


def of_act(extras: Mapping[str, jax.Array]) -> Outcomes:
    """The outcomes among an act's extras."""
    return {name: extras[name] for name in OF_METHODS if name in extras}


def has_had(before: Outcomes, metrics: Mapping[str, jax.Array]) -> Outcomes:
    """Which of the task's outcomes the episode has had, this step's included."""
    now = of_task(metrics)
    return {name: jnp.maximum(value, now[name]) for name, value in before.items()}


def shares(sums: Mapping[str, Any], steps: Any) -> dict[str, Any]:
    """Sums over steps as they are reported: a share per step, NaN where there was none; all else as it is."""
    with np.errstate(invalid="ignore"):
        return {name: value / steps if name == EXPERT_SHARE else value for name, value in sums.items()}
