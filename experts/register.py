"""Choose, quote, clone and ship a task's experts: `python -m experts.register TASK ...`; see `experts.selection`."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experts.clone import clone
from experts.fitness import describe_fit, fit_facts
from experts.ladder import Ladder, read_ladder, trained_config
from experts.reach import success_by_distance
from experts.recipes import cloning
from experts.selection import QUOTED, SELECTION, SELECTION_SEED, Choice, choose, returns_of
from guided_rl import envs
from guided_rl.config import RunConfig
from guided_rl.data.replay import Layout
from guided_rl.datasets.demonstrations import play
from guided_rl.envs.base import Env
from guided_rl.envs.reference_returns import D4RL_MEDIUM, EXPERT_RETURNS, REFERENCES, d4rl_return
from guided_rl.guides.expert_weights import Layers, as_stored, guide_of, write_weights
from guided_rl.guides.find import weights_name
from guided_rl.results.provenance import provenance
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.files import replace_file
from guided_rl.training.cache import enable_compile_cache

FOLDER = Path(__file__).parent
QUOTE_SEED, DEMONSTRATION_SEED, CLONING_SEED = 2_000_002, 2_000_003, 2_000_004
EVALUATION_SEEDS = {"selection": SELECTION_SEED, "quoted": QUOTE_SEED, "demonstrations": DEMONSTRATION_SEED}


@dataclasses.dataclass(frozen=True)
class Level:
    """The policies of n experts at one level, as they are stored.

    Attributes:
      layers: of `sac`, the ladder's policies, and of `bc`, their clones if there are any; leaves [n, ...].
      returns: of each kind, [n, episodes], from the stored weights.
      fitted: `validation_error` and `epochs` of the clones [n], if there are any.
    """

    layers: dict[str, Layers]
    returns: dict[str, np.ndarray]
    fitted: dict[str, np.ndarray]


def register(task: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Write `<folder>/<task>.npz` and its facts from the ladder, and the task's expert return.

    Raises:
      UserError: the task is unknown or was not trained, or not all of its experts were.
    """
    env, ladder, config = envs.make(task, "native"), read_ladder(task), trained_config(task)
    if ladder.returns.shape[1] < config.seeds:
        trained = f"{ladder.returns.shape[1]} of {config.seeds} experts of {task}"
        raise UserError(f"only {trained} were trained yet; run `python -m experts.train {task}`")
    floor = REFERENCES[task].floor.mean
    medium = d4rl_return(task, D4RL_MEDIUM[task]) if task in D4RL_MEDIUM else None
    choice = choose(ladder, env, floor, medium)
    levels = {
        level: _level(env, config, ladder.pick(points, np.arange(config.seeds)), level)
        for level, points in choice.points.items()
    }
    policies, quotes = _by_name(levels, "layers"), _by_name(levels, "returns")
    reference = quotes["sac@100"][choice.best]
    returns = {name: _quotes(found, floor, float(reference.mean())) for name, found in quotes.items()}
    facts = {
        "task": task,
        "observation_size": env.observation_size,
        "action_size": env.action_size,
        **_how(config, ladder, choice, levels),
        **_floor_facts(task),
        "expert_return": {**_summary(reference), "expert": choice.best},
        "fit": fit_facts(task, returns["sac@100"]),
        "returns": returns,
        "provenance": provenance(env.engine),
    }
    if task == "AntReach":
        facts["success_by_distance"] = success_by_distance(guide_of("sac", policies["sac@100"], "sac@100"), env)
    write_weights(folder / weights_name(task), policies, facts)
    _write_reference(task, reference, f"experts/{task}.json, sac@100 of seed {facts['seeds'][choice.best]}")
    return facts


def _level(env: Env, config: RunConfig, layers: Layers, level: str) -> Level:
    """Quote the policies `layers` [n, ...], and clone them where their level is one in per cent."""
    by_kind, fitted = {"sac": as_stored(layers)}, {}
    if level.isdigit():
        how = cloning(config.task)
        rows = play(guide_of("sac", by_kind["sac"], "sac"), env, how.demonstrations, DEMONSTRATION_SEED)
        layout, hidden = Layout.of(env.observation_size, env.action_space.width), how.hidden or tuple(config.hidden)
        cloned, fitted = clone(rows, layout, hidden, CLONING_SEED + int(level), how)
        by_kind = {"bc": as_stored(cloned), **by_kind}
    returns = {
        kind: returns_of(guide_of(kind, stored, kind), env, QUOTED, QUOTE_SEED) for kind, stored in by_kind.items()
    }
    return Level(by_kind, returns, fitted)


def _by_name(levels: Mapping[str, Level], what: str) -> dict[str, Any]:
    """`layers` or `returns` of all levels by the policies' names, such as `bc@25`, clones first."""
    named = {f"{kind}@{name}": found for name, level in levels.items() for kind, found in getattr(level, what).items()}
    return dict(sorted(named.items(), key=lambda item: item[0].partition("@")[0]))


def _floor_facts(task: str) -> dict[str, Any]:
    reference = REFERENCES[task]
    facts = {"random_return": dataclasses.asdict(reference.random)}
    if reference.zero is not None:
        facts["zero_action_return"] = dataclasses.asdict(reference.zero)
    return facts


def _how(config: RunConfig, ladder: Ladder, choice: Choice, levels: Mapping[str, Level]) -> dict[str, Any]:
    """Recipe, seeds, costs and the choice, as JSON."""
    seeds = (config.first_seed + np.arange(config.seeds)).tolist()
    listed = lambda values: np.round(np.asarray(values, np.float64), 6).tolist()
    cloned = {level: found.fitted for level, found in levels.items() if found.fitted}
    return {
        "recipe": config.to_json(),
        "selection": SELECTION,
        "seeds": seeds,
        "trained_seeds": seeds,
        "best_evaluation": np.round(ladder.returns.mean(-1, dtype=np.float64).max(0), 2).tolist(),
        "last_evaluation": np.round(ladder.returns[-1].mean(-1, dtype=np.float64), 2).tolist(),
        "ladder_points": f"{len(ladder.steps)} of {config.evaluations}",
        "best_return_at_selection": round(choice.best_return, 2),
        "environment_steps": {
            "trained_per_expert": int(ladder.steps[-1]),
            "trained_in_all": int(ladder.steps[-1]) * config.seeds,
            "until_chosen": {level: listed(ladder.steps[points]) for level, points in choice.points.items()},
        },
        "cloning": {
            **cloning_facts(config.task),
            "validation_error": {level: listed(fitted["validation_error"]) for level, fitted in cloned.items()},
            "epochs": {level: listed(fitted["epochs"]) for level, fitted in cloned.items()},
        },
        "evaluation_seeds": EVALUATION_SEEDS,
    }


def cloning_facts(task: str) -> dict[str, Any]:
    """How `task`'s clones are made, as JSON; `most_epochs` beside the epochs that they took."""
    how = dataclasses.asdict(cloning(task))
    episodes, most_epochs = how.pop("demonstrations"), how.pop("epochs")
    return {
        **how,
        "most_epochs": most_epochs,
        "demonstration_steps": episodes * envs.make(task, "native").episode_length,
        "demonstrations": f"{episodes} episode lengths of the deterministic sac policy of the same level and seed",
    }


def _summary(returns: np.ndarray) -> dict[str, Any]:
    return {
        "mean": round(float(returns.mean()), 2),
        "std": round(float(returns.std(ddof=1)), 2),
        "episodes": int(returns.size),
    }


def _quotes(returns: np.ndarray, floor: float, expert: float) -> list[dict[str, Any]]:
    """One summary per expert for returns [n, episodes], with its normalised level in per cent."""
    level = lambda r: round(100 * (float(r.mean()) - floor) / (expert - floor), 1)
    return [{**_summary(r), "normalised": level(r)} for r in returns]


def _write_reference(task: str, returns: np.ndarray, source: str) -> None:
    """Set the task's expert return in the package's data."""
    known = json.loads(EXPERT_RETURNS.read_text()) if EXPERT_RETURNS.exists() else {}
    stderr = returns.std(ddof=1) / np.sqrt(returns.size)
    known[task] = {
        "mean": round(float(returns.mean()), 2),
        "stderr": round(float(stderr), 2),
        "source": f"{source}, {returns.size} episodes",
    }
    replace_file(EXPERT_RETURNS, (json.dumps(dict(sorted(known.items())), indent=1) + "\n").encode())


def describe(facts: dict[str, Any]) -> str:
    """Mean return and normalised level of every policy, one line each, and whether the experts are fit."""
    lines = [f"{facts['task']}: experts {facts['seeds']}, ladder {facts['ladder_points']}"]
    for name, quotes in facts["returns"].items():
        lines.append(
            f"  {name:8s}" + "  ".join(f"{q['mean']:8.1f} ± {q['std']:6.1f} ({q['normalised']:5.1f} %)" for q in quotes)
        )
    lines.append(f"  {describe_fit(facts['task'], facts['returns']['sac@100'])}")
    return "\n".join(lines)


def main(tasks: list[str]) -> int:
    enable_compile_cache()
    for task in tasks:
        begun = time.monotonic()
        try:
            print(describe(register(task)), f"\n  {time.monotonic() - begun:.0f} s", flush=True)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
