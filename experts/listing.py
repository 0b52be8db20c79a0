"""Recipes and what became of them, as the table that `python -m experts --list` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from experts.fitness import describe_fit
from experts.ladder import read_ladder
from experts.recipes import RECIPES, config_of
from experts.register import FOLDER
from experts.train import RUNS
from guided_rl.guides.expert_weights import read_facts
from guided_rl.guides.find import weights_name
from guided_rl.runtime.errors import UserError


def listing() -> str:
    """One line per task: steps, widths, expected hours and state; at the end the hours of what is left to train."""
    rows = [("task", "steps", "width", "hours", "state")]
    for task, recipe in RECIPES.items():
        width = "×".join(map(str, recipe.hidden)) + (" LN" if recipe.critic_layer_norm else "")
        rows.append((task, f"{recipe.steps:,}", width, f"{recipe.hours:g}", state(task)))
    left = sum(recipe.hours for task, recipe in RECIPES.items() if not is_current(task))
    total = f"{left:g} hours on two idle cores for the tasks whose experts are not of this recipe yet"
    return "\n".join([*_aligned(rows), total])


def state(task: str) -> str:
    """What ships, whether it is of this recipe and fit, and how far training has come here."""
    facts = _shipped(task)
    if facts is None:
        shipped = "none shipped"
    else:
        count = len(facts["seeds"])
        older = "" if is_current(task) else " of an earlier recipe"
        shipped = f"{count} shipped{older}, {describe_fit(task, facts['returns']['sac@100'])}"
    return "; ".join(filter(None, (shipped, _progress(task))))


def is_current(task: str) -> bool:
    """Whether what ships was made by today's recipe, trained to its end."""
    facts, config = _shipped(task), config_of(task)
    if facts is None or facts["recipe"] != config.to_json():
        return False
    return facts["environment_steps"]["trained_per_expert"] == config.steps


def _shipped(task: str) -> dict[str, Any] | None:
    path = FOLDER / weights_name(task)
    return read_facts(path) if path.exists() else None


def _progress(task: str) -> str:
    """How far a run of today's recipe has come in this folder; empty where there is none."""
    try:
        config = json.loads((RUNS / task / "config.json").read_text())
        ladder = read_ladder(task)
    except (OSError, ValueError, UserError):
        return ""
    if config != config_of(task).to_json():
        return "a run of another recipe lies here"
    seeds = ladder.returns.shape[1]
    return f"here {ladder.steps[-1]:,} steps of {seeds} experts trained"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    *widths, _ = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]) for row in rows]
