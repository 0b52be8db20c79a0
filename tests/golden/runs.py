"""One short run of every method, whose numbers may not change by a bit on the same kind of machine."""

from __future__ import annotations

import hashlib
import platform
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.config import RunConfig
from guided_rl.data.replay import Layout
from guided_rl.guides.base import Guide
from guided_rl.methods import METHODS, build
from guided_rl.training.run import Result, Run
from tests.methods.offline_agents import ensemble_guide, offline_guide
from tests.training.small import small

FEW = {"model_hidden": (8,), "epochs": 1, "window": 200}
PLANNERS = ("reward-robust", "naive-planning", "cloning-planning", "apprenticeship")
OPTIONS: dict[str, dict[str, Any]] = {
    "cql-offline": {"members": 2, "actions": 2},
    "off2on": {"members": 2},
    "sac-eo": FEW,
    "modified-bco": FEW,
    "balanced-eo": FEW,
    "gorl-style": {"rows": 10, "batch": 8},
    "gorl-style-iql": {"rows": 10, "batch": 8},
    **{planner: {"samples": 64} for planner in PLANNERS},
}
TASKS = dict.fromkeys(PLANNERS, "RobustGrid-5")

ON_POLICY = ("grpo", "bread", "uniform-resets", "fixed-prefix", "whole-trace", "sft", "sft-grpo", "mentor-control")


def adviser(method: str) -> Guide | None:
    """A guide of the kind that the method takes; the others are given none."""
    if is_discrete(method):
        return Guide(jnp.array([0.25, 0.75]), lambda params, obs, key: params, name="rightish")
    if method == "off2on":
        return ensemble_guide(2)
    if method == "experts-dai-sac":
        return Guide(jnp.array([[-0.5], [0.5]]), lambda params, obs, key: params, name="two", panel=2)
    if method in ("direct", "jsrl", "awac", "pex", "pex-sac", "adaptive-pex"):
        return offline_guide(2)
    trust = lambda params, obs: (obs[1] > 0).astype(jnp.float32)
    return Guide(jnp.float32(0.5), lambda params, obs, key: jnp.full(1, params), trust, name="constant")


def is_discrete(method: str) -> bool:
    """Whether the method learns from replayed discrete actions, for which the short run is on another task."""
    return method not in (*TASKS, *ON_POLICY) and build(method).needs.actions == "discrete"


def rows(discrete: bool = False) -> np.ndarray:
    """Offline rows of two experts, [2, 40, width]; both tasks have four entries of observation and one of action."""
    found = np.random.default_rng(0).uniform(-0.2, 0.2, (2, 40, Layout.of(4, 1).width)).astype(np.float32)
    if discrete:
        found[..., 4] = found[..., 4] > 0
    return found


def config_of(method: str) -> RunConfig:
    """The settings of the method's short run."""
    if method in ON_POLICY:
        groups = {"on": 2, "mixed": 2} if method == "mentor-control" else {"group": 4}
        return small(task="Chain-6", method=method, guide="exact", steps=400, options=groups)
    where = {"task": TASKS.get(method, "CartPole-v1")} if method in TASKS or is_discrete(method) else {}
    return small(method=method, options=OPTIONS.get(method, {}), **where)


def run_of(method: str) -> Run:
    """The method's short run, before anything is compiled."""
    if method in ON_POLICY:
        return Run(config_of(method))
    return Run(config_of(method), adviser(method), rows(is_discrete(method)))


def digest(tree: Any) -> str:
    """SHA-256 of the names, types, shapes and bytes of a tree's arrays."""
    found = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        leaf = np.asarray(leaf)
        found.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}".encode() + leaf.tobytes())
    return found.hexdigest()


def outcome(result: Result) -> dict[str, str]:
    """Digests of what was learned and of what was measured."""
    returns = result.history.evaluation["episode_return"]
    return {"params": digest(result.agents.params), "returns": digest(returns)}


def run(method: str) -> dict[str, str]:
    """Train the method shortly."""
    result = run_of(method).execute(None, (), 0.0)
    assert result.history.training["updates"].sum() > 0 or method == "bc"
    return outcome(result)


def machine() -> str:
    """What bits depend on besides the code, the processor's model and JAX's version, as part of a file's name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().split("\n\n")[0].splitlines() if cpuinfo.exists() else []
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    model = [facts[name] for name in ("model name", "cpu family", "model") if name in facts]
    named = " ".join([*(model or [platform.machine()]), "jax", jax.__version__])
    return re.sub(r"[^a-z0-9.]+", "-", named.lower()).strip("-")


def runs(methods: tuple[str, ...] = tuple(METHODS)) -> dict[str, dict[str, str]]:
    """Method to the digests of its run."""
    return {method: run(method) for method in methods}
