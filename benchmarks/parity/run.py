"""The parity page: every task beside its twin in Gymnasium or dm_control, in either engine, measured.

    python -m benchmarks.parity.run --tasks HalfCheetah-v5 Hopper-v5 --engines native mjx

Rows are kept in `results/parity/parity.json`, each with its provenance; a run replaces the
rows it measured, keeps the others, and writes `parity.md` from them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import mujoco
import numpy as np
import tyro

from benchmarks import ROOT
from benchmarks.parity import upstream
from guided_rl.data.rollout import measure_guide
from guided_rl.envs import TASKS, make
from guided_rl.envs.base import Env
from guided_rl.guides import Guide, find_guide
from guided_rl.guides.find import weights_file
from guided_rl.physics.mjx import MjxEngine
from guided_rl.physics.native import NativeEngine
from guided_rl.results.provenance import provenance
from guided_rl.results.statistics import Sample, difference, mean_interval
from guided_rl.runtime.errors import UserError, exit_on_user_error, unknown_name
from guided_rl.runtime.files import replace_file

FOLDER = ROOT / "results" / "parity"


@dataclass(frozen=True)
class Parity:
    """Compare tasks with their twins and write the parity page.

    Attributes:
      tasks: names; all of them if none is given.
      engines: `native`, `mjx` or both.
      steps: length of the action tape per task.
      seed: of the tape.
      outcome: episodes of one fixed policy in both engines; 0 leaves this out. MJX is slow on CPU.
      out: folder of `parity.json` and `parity.md`.
    """

    tasks: list[str] = field(default_factory=lambda: list(TASKS))
    engines: list[str] = field(default_factory=lambda: ["native", "mjx"])
    steps: int = 1000
    seed: int = 0
    outcome: int = 0
    out: Path = FOLDER


def elliptic(model: mujoco.MjModel) -> None:
    """Elliptic friction cones, which have no orientation to disagree about."""
    model.opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC


def native_row(task: str, steps: int, seed: int) -> dict[str, Any]:
    """The whole tape in the native engine."""
    tape = upstream.record(task, steps, seed)
    return _row("native", "as in the XML", tape, upstream.native_errors(tape), NativeEngine(tape.task.simulation))


def mjx_row(task: str, steps: int, seed: int, cones: str = "as in the XML") -> dict[str, Any]:
    """One MJX step from every state of the tape, and one substep."""
    tape = upstream.record(task, steps, seed, edit=elliptic if cones == "elliptic" else None)
    row = _row("mjx", cones, tape, upstream.mjx_errors(tape), MjxEngine(tape.task.simulation))
    substeps = upstream.mjx_substep_errors(tape)
    return row | {"substep": float(substeps.max()), "substeps_above": float(np.mean(substeps > 1e-3))}


def outcome_row(task: str, episodes: int, seed: int) -> dict[str, Any]:
    """Returns of one fixed policy from the same start states, running freely in both engines."""
    engines = {name: make(task, name) for name in ("native", "mjx")}
    policy = fixed_policy(engines["native"], seed)
    starts = np.arange(episodes)
    returns = {name: Sample(measure_guide(env, policy, episodes, seed), starts) for name, env in engines.items()}
    row = {"kind": "outcome", "task": task, "cones": "as in the XML", "episodes": episodes, "seed": seed}
    row |= {"policy": policy.name}
    row |= {name: _interval(mean_interval(sample)) for name, sample in returns.items()}
    row["difference"] = _interval(difference(returns["mjx"], returns["native"], paired=True))
    return row | {"provenance": provenance(engines["mjx"].engine)}


def fixed_policy(env: Env, seed: int) -> Guide:
    """The task's first shipped expert, which a wrong engine would make stumble; else tanh of a random matrix."""
    if weights_file(env) is not None:
        guide = find_guide("sac", env)
        return guide.of(np.int32(0)).replace(name="expert")
    weights = np.random.default_rng(seed).normal(size=(env.observation_size, env.action_size))
    weights = jnp.asarray(weights / np.sqrt(env.observation_size), jnp.float32)
    return Guide(weights, lambda w, obs, key: jnp.tanh(jnp.clip(obs, -10, 10) @ w), name="random matrix")


def _row(kind: str, cones: str, tape: upstream.Tape, errors: upstream.Errors, engine: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "task": tape.task.name,
        "twin": tape.task.twin,
        "cones": cones,
        "steps": len(tape.action),
        "episodes": int(tape.first.sum()),
        "state": float(errors.state.max()),
        "state_median": float(np.median(errors.state)),
        "steps_above": errors.share_above(1e-3),
        "observation": float(errors.observation.max()),
        "reward": float(errors.reward.max()),
        "terms": float(errors.terms.max()),
        "termination": int(errors.termination.sum()),
        "truncation": int(errors.truncation.sum()),
        "provenance": provenance(engine),
    }


def _interval(interval: Any) -> list[float]:
    return [round(float(x), 3) for x in (interval.value, interval.low, interval.high)]


def page(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in ("native", "mjx", "outcome")}
    measured = sorted({_measured(row["provenance"]) for row in rows})
    parts = ["# Parity with Gymnasium and dm_control\n", *(f"Measured: {line}.\n" for line in measured)]
    if kinds["native"]:
        parts += [NATIVE, _table(NATIVE_COLUMNS, kinds["native"])]
    if kinds["mjx"]:
        parts += [MJX, _table(MJX_COLUMNS, kinds["mjx"])]
    if kinds["outcome"]:
        parts += [OUTCOME, _table(OUTCOME_COLUMNS, kinds["outcome"])]
    return "\n".join(parts)


NATIVE = """## Native engine, the whole tape without correction

The same actions from the same starts in the twin and in ours. Largest differences:
state (MuJoCo's whole integration state, float64) absolute; observation, reward and its terms
relative to 1 + |twin|, which are float32 here. Endings: steps where ours and the twin's disagree.
"""
MJX = """## MJX, one step from each state of the tape

Re-synchronised with the twin at every step, in float32 with the XML's own solver settings, except
that Humanoid's PGS solver is replaced by Newton, because MJX has no PGS. State: qpos and qvel,
absolute. "> 1e-3": share of control steps, and of single physics substeps, whose state differs by
more. MJX orients the friction pyramid of steep contacts differently from C MuJoCo, which shows in
Ant; with elliptic cones in both engines its substeps agree too, though a few control steps amplify
what is left.
"""
OUTCOME = """## Free-running outcome

One fixed policy from the same start states in both engines, the task's first shipped expert or, where
there is none, tanh of a random matrix: mean return with its 95 % interval, and the difference
MJX - native, episodes paired by their start. Trajectories part within some tens of steps in float32,
so only outcomes compare.
"""
Column = tuple[str, str, str]  # heading, key, format
NATIVE_COLUMNS: tuple[Column, ...] = (
    ("task", "task", "s"),
    ("steps", "steps", "d"),
    ("episodes", "episodes", "d"),
    ("state", "state", ".1e"),
    ("observation", "observation", ".1e"),
    ("reward", "reward", ".1e"),
    ("reward terms", "terms", ".1e"),
    ("terminations", "termination", "d"),
    ("truncations", "truncation", "d"),
)
MJX_COLUMNS: tuple[Column, ...] = (
    ("task", "task", "s"),
    ("cones", "cones", "s"),
    ("steps", "steps", "d"),
    ("state", "state", ".1e"),
    ("median", "state_median", ".1e"),
    ("> 1e-3", "steps_above", ".1%"),
    ("substep", "substep", ".1e"),
    ("> 1e-3", "substeps_above", ".1%"),
    ("observation", "observation", ".1e"),
    ("reward", "reward", ".1e"),
    ("terminations", "termination", "d"),
)
OUTCOME_COLUMNS: tuple[Column, ...] = (
    ("task", "task", "s"),
    ("policy", "policy", "s"),
    ("episodes", "episodes", "d"),
    ("native", "native", "interval"),
    ("MJX", "mjx", "interval"),
    ("difference", "difference", "interval"),
)


def _table(columns: tuple[Column, ...], rows: list[dict[str, Any]]) -> str:
    lines = [[heading for heading, _, _ in columns], ["---"] * len(columns)]
    lines += [[_cell(row[key], style) for _, key, style in columns] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: Any, style: str) -> str:
    if style == "interval":
        return "{:.2f} [{:.2f}, {:.2f}]".format(*value)
    return "0" if value == 0 and style.endswith("e") else format(value, style)


def _measured(facts: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {facts['versions'][name]}" for name in ("mujoco", "mujoco-mjx", "jax", "gymnasium"))
    dirty = " with local changes" if facts["dirty"] else ""
    return f"commit {str(facts['commit'])[:7]}{dirty}, {facts['device']}, {facts['cores']} cores, {versions}"


def merged(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Old rows with the new ones in the place of those they repeat, in the tasks' order."""
    rows = {(row["kind"], row["task"], row["cones"]): row for row in (*old, *new)}
    order = list(TASKS)
    return [rows[key] for key in sorted(rows, key=lambda key: (key[0], order.index(key[1]), key[2]))]


def measure_all(settings: Parity) -> None:
    """Measure what was asked for; the page is written after every row, so that none is lost."""
    for task in settings.tasks:
        if task not in TASKS:
            raise unknown_name("task", task, TASKS)
    for engine in settings.engines:
        if engine not in ("native", "mjx"):
            raise unknown_name("engine", engine, ("native", "mjx"))
    if settings.steps < 1:
        raise UserError(f"--steps is {settings.steps}; give at least 1")
    path = settings.out / "parity.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    for row in _rows(settings):
        rows = merged(rows, [row])
        settings.out.mkdir(parents=True, exist_ok=True)
        replace_file(path, (json.dumps({"rows": rows}, indent=1) + "\n").encode())
        replace_file(settings.out / "parity.md", page(rows).encode())
        print(page([row]).split("\n\n")[-1], flush=True)


def _rows(settings: Parity) -> Iterator[dict[str, Any]]:
    for task in settings.tasks:
        if "native" in settings.engines:
            yield native_row(task, settings.steps, settings.seed)
        if "mjx" in settings.engines:
            yield mjx_row(task, settings.steps, settings.seed)
            if task == "Ant-v5":
                yield mjx_row(task, settings.steps, settings.seed, cones="elliptic")
        if settings.outcome:
            yield outcome_row(task, settings.outcome, settings.seed)


if __name__ == "__main__":
    with exit_on_user_error():
        measure_all(tyro.cli(Parity))
