"""One small population for all tests of training; few shapes, so that few programs are compiled."""

from __future__ import annotations

import functools
import json
from typing import Any

import jax
import numpy as np

from guided_rl.config import RunConfig
from guided_rl.training.run import Result, Run

SMALL = {
    "task": "InvertedPendulum-v5",
    "steps": 240,
    "evaluations": 4,
    "episodes": 2,
    "hidden": (16, 16),
    "batch": 16,
    "warmup": 0.25,
    "seeds": 3,
}

SEEDS = 11  # for several devices: no multiple of eight


def small(**changes: Any) -> RunConfig:
    return RunConfig(**{**SMALL, **changes})


@functools.lru_cache(maxsize=6)
def programs(kind: str) -> dict[Any, Any]:
    """What runs of one kind have compiled; the kinds used last are remembered."""
    return {}


def run_of(config: RunConfig) -> Run:
    """A run that shares its programs with those that differ from it in traced numbers alone."""
    run = Run(config)
    static = {k: v for k, v in config.to_json().items() if k not in ("seeds", "first_seed", "grid", "hparams")}
    kind = {**static, "chunk": run.plan.chunk, "devices": run.plan.devices}
    run._programs = programs(json.dumps(kind, sort_keys=True))
    return run


def run(config: RunConfig, **settings: Any) -> Result:
    """Train without a folder, quickly."""
    return run_of(config).execute(settings.pop("folder", None), settings.pop("observers", ()), checkpoint_seconds=0.0)


def member(result: Result, seed: int, point: int = 0) -> dict[str, Any]:
    """All that one member learned and measured."""
    (index,) = np.flatnonzero((result.seeds == seed) & (result.points == point))
    history = result.history.tree()
    training = {name: value[:, index] for name, value in history["training"].items() if value.ndim == 2}
    return {
        "agent": jax.tree.map(lambda leaf: leaf[index], result.agents),
        "evaluation": {name: value[:, index] for name, value in history["evaluation"].items()},
        "training": training,
        "died_at": result.died_at[index],
    }


def everything(result: Result) -> dict[str, Any]:
    return {"agents": result.agents, "history": result.history.tree(), "died_at": result.died_at}


def assert_same(one: Any, other: Any) -> None:
    """Equal bit for bit, NaN included."""
    ours, theirs = jax.tree_util.tree_leaves_with_path(one), jax.tree_util.tree_leaves_with_path(other)
    assert [path for path, _ in ours] == [path for path, _ in theirs]
    for (path, a), (_, b) in zip(ours, theirs, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape), jax.tree_util.keystr(path)
        assert a.tobytes() == b.tobytes(), f"{jax.tree_util.keystr(path)} differs by {np.nanmax(np.abs(a - b))}"


def learned(result: Result) -> bool:
    """Whether updates happened at all, without which equality would mean little."""
    return bool(result.history.training["updates"].sum() > 0)
