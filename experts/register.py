"""Choose, quote, clone and ship a task's experts: `python -m experts.register TASK ...`.

1. The three trained experts with the best ladder points by their evaluation are kept, not those with the
   best last one: what ships is the point, and SAC's return can collapse between two of them.
2. B, the best return, is the best of these points' over 100 fresh episodes.
3. Each expert's policy at 25, 50, 75 and 100 % is its ladder point whose evaluation comes
   closest to random + level · (B - random).
4. These and their clones are quoted by 100 episodes more, which chose nothing.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experts.clone import clone
from experts.ladder import Ladder, read_ladder, trained_config
from experts.reach import success_by_distance
from experts.recipes import cloning
from guided_rl import envs
from guided_rl.data.demonstrations import play
from guided_rl.data.replay import Layout
from guided_rl.envs.base import Env
from guided_rl.envs.references import EXPERT_RETURNS, REFERENCES, measure
from guided_rl.errors import UserError
from guided_rl.guides.base import Guide
from guided_rl.guides.checkpoint import LEVELS, Layers, guide_of, write_weights
from guided_rl.guides.find import weights_name
from guided_rl.reporting.provenance import provenance
from guided_rl.reporting.storage import replace_file
from guided_rl.training.cache import enable_compile_cache

FOLDER = Path(__file__).parent
KEPT = 3
QUOTED = 100
SELECTION_SEED, QUOTE_SEED, DEMONSTRATION_SEED, CLONING_SEED = 2_000_001, 2_000_002, 2_000_003, 2_000_004
EVALUATION_SEEDS = {"selection": SELECTION_SEED, "quoted": QUOTE_SEED, "demonstrations": DEMONSTRATION_SEED}
SELECTION = " ".join(__doc__.split("\n\n", 1)[1].split())


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which ladder points become which level.

    Attributes:
      experts: the kept experts' places in the population [n].
      points: ladder point per level and expert [levels, n].
      best: place in `experts` of the one whose return is 100 %.
      best_return: B, over fresh episodes.
    """

    experts: np.ndarray
    points: np.ndarray
    best: int
    best_return: float


def returns_of(guide: Guide, env: Env, episodes: int, seed: int) -> np.ndarray:
    """Undiscounted returns [experts, episodes] of each expert's deterministic policy."""
    count = guide.size

    def act(key: jax.Array, obs: jax.Array) -> jax.Array:
        each = jax.vmap(lambda layers, o: jax.vmap(lambda x: guide.action_fn(layers, x, None))(o))
        return each(guide.params, obs.reshape(count, episodes, -1)).reshape(obs.shape[0], -1)

    return measure(env, act, count * episodes, seed).reshape(count, episodes)


def choose(ladder: Ladder, env: Env, random: float) -> Choice:
    """The three best experts, and for each the ladder point closest to every level."""
    means = ladder.returns.mean(-1)
    experts = np.sort(np.argsort(-means.max(0))[:KEPT])
    peaks = means[:, experts].argmax(0)
    tops = guide_of("sac", ladder.pick(peaks, experts), "sac")
    fresh = returns_of(tops, env, QUOTED, SELECTION_SEED).mean(1)
    best = int(fresh.argmax())
    targets = random + np.asarray(LEVELS)[:, None] / 100 * (fresh[best] - random)
    points = np.abs(means[:, None, experts] - targets).argmin(0)
    points[-1, best] = peaks[best]
    return Choice(experts, points, best, float(fresh[best]))


def register(task: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Write `<folder>/<task>.npz` and its facts from the ladder, and the task's expert return.

    Raises:
      UserError: the task is unknown or was not trained.
    """
    env, ladder, config = envs.make(task, "native"), read_ladder(task), trained_config(task)
    random = REFERENCES[task].random
    choice = choose(ladder, env, random.mean)
    layout = Layout.of(env.observation_size, env.action_size)
    pairs = choice.points.ravel(), np.tile(choice.experts, len(LEVELS))
    sac = guide_of("sac", ladder.pick(*pairs), "sac")
    how = cloning(task)
    rows = play(sac, env, how.demonstrations, DEMONSTRATION_SEED)
    layers, fitted = clone(rows, layout, tuple(config.hidden), CLONING_SEED, how)
    clones = guide_of("bc", layers, "bc")
    policies, quotes = {}, {}
    for kind, guide in (("bc", clones), ("sac", sac)):
        returns = returns_of(guide, env, QUOTED, QUOTE_SEED).reshape(len(LEVELS), KEPT, QUOTED)
        by_level = _by_level(guide.params)
        for i, level in enumerate(LEVELS):
            policies[f"{kind}@{level}"] = by_level[i]
            quotes[f"{kind}@{level}"] = returns[i]
    reference = quotes["sac@100"][choice.best]
    facts = {
        "task": task,
        "observation_size": env.observation_size,
        "action_size": env.action_size,
        **_how(config, ladder, choice, fitted),
        "random_return": {"mean": random.mean, "stderr": random.stderr, "source": random.source},
        "expert_return": {**_summary(reference), "expert": choice.best},
        "returns": {name: _quotes(returns, random.mean, float(reference.mean())) for name, returns in quotes.items()},
        "provenance": provenance(env.engine),
    }
    if task == "AntReach":
        facts["success_by_distance"] = success_by_distance(guide_of("sac", policies["sac@100"], "sac@100"), env)
    write_weights(folder / weights_name(task), policies, facts)
    _write_reference(task, reference, f"experts/{task}.json, sac@100 of seed {facts['seeds'][choice.best]}")
    return facts


def _by_level(params: Layers) -> list[Layers]:
    """Leaves [levels · n, ...] as one set of layers [n, ...] for each level."""
    split = lambda leaf: np.asarray(leaf).reshape(len(LEVELS), KEPT, *leaf.shape[1:])
    return [[{part: split(array)[i] for part, array in layer.items()} for layer in params] for i in range(len(LEVELS))]


def _how(config, ladder: Ladder, choice: Choice, fitted: dict[str, np.ndarray]) -> dict[str, Any]:
    """Recipe, seeds, costs and the choice, as JSON."""
    seeds = config.first_seed + np.arange(config.seeds)
    by_level = lambda values: {
        str(level): np.round(np.asarray(row, np.float64), 6).tolist() for level, row in zip(LEVELS, values, strict=True)
    }
    return {
        "recipe": config.to_json(),
        "selection": SELECTION,
        "seeds": seeds[choice.experts].tolist(),
        "trained_seeds": seeds.tolist(),
        "best_evaluation": np.round(ladder.returns.mean(-1, dtype=np.float64).max(0), 2).tolist(),
        "last_evaluation": np.round(ladder.returns[-1].mean(-1, dtype=np.float64), 2).tolist(),
        "ladder_points": f"{len(ladder.steps)} of {config.evaluations}",
        "best_return_at_selection": round(choice.best_return, 2),
        "environment_steps": {
            "trained_per_expert": int(ladder.steps[-1]),
            "trained_in_all": int(ladder.steps[-1]) * config.seeds,
            "until_chosen": by_level(ladder.steps[choice.points]),
        },
        "cloning": {
            **cloning_facts(config.task),
            "validation_error": by_level(fitted["validation_error"].reshape(len(LEVELS), -1)),
            "epochs": by_level(fitted["epochs"].reshape(len(LEVELS), -1)),
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


def _quotes(returns: np.ndarray, random: float, expert: float) -> list[dict[str, Any]]:
    """One summary per expert for returns [n, episodes], with its normalised level in per cent."""
    level = lambda r: round(100 * (float(r.mean()) - random) / (expert - random), 1)
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
    """Mean return and normalised level of every policy, one line each."""
    lines = [f"{facts['task']}: experts {facts['seeds']}, ladder {facts['ladder_points']}"]
    for name, quotes in facts["returns"].items():
        lines.append(
            f"  {name:8s}" + "  ".join(f"{q['mean']:8.1f} ± {q['std']:6.1f} ({q['normalised']:5.1f} %)" for q in quotes)
        )
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
