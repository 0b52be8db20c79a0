"""Offline datasets in D4RL's mixtures, collected by this suite's own policies on first use.

| written | is |
|---|---|
| `random` | actions drawn uniformly in [-1, 1] |
| `medium`, `expert` | sampled actions of the task's SAC experts, `sac@medium` and `sac@100` |
| `medium-expert` | as many rows of each |
| `medium-replay` | everything one SAC run saw up to its medium policy |
| `medium:50000` | the same with another number of rows per expert |
| `medium+200` | behind them so many of `expert`'s, for methods that learn from a few expert rows apart |

D4RL (Fu et al. 2020, arXiv 2004.07219) stops SAC at about a third of its expert, and its medium data
score about 41, 44 and 62 on its own scale (HalfCheetah, Hopper, Walker2d). `sac@medium` is the policy of
each expert's training whose return is nearest to that; experts without one give their 25 % policy.
Medium-replay is the real buffer of each expert's own training, which its recipe runs again, cut where
the medium policy was taken; where the runs of one task got there at different times, trajectories are
drawn at random from the longer buffers until they are as short as the shortest, so that every expert
gives as many rows. There is one dataset per expert, and learner seed k reads number k mod n.

Files are keyed by the hash of their recipe and hold the hash of their content, which is checked
whenever they are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl.data.replay import Layout
from guided_rl.datasets.collection import Actor, collect
from guided_rl.datasets.demonstrations import kept, versions
from guided_rl.datasets.description import trajectory_ends
from guided_rl.envs.base import Env
from guided_rl.guides.base import Guide
from guided_rl.guides.expert_weights import read_facts
from guided_rl.guides.find import find_guide, weights_file
from guided_rl.runtime.errors import UserError

MIXTURES = ("random", "medium", "medium-replay", "medium-expert", "expert")
EXPERT = "100"
MEDIUM, INSTEAD = "medium", "25"  # levels of SAC experts: the one wanted, and what stands for it
ROWS = {"random": 1_000_000, "medium": 1_000_000, "expert": 1_000_000, "medium-expert": 2_000_000}
LEAST_ROWS, SEED = 100, 4_000_001
POLICY_SEED = {"medium": SEED + 25, "expert": SEED + 100}


@dataclass(frozen=True)
class Name:
    """A dataset's name, taken apart; `rows` per expert, None for all that the recipe has; `tail` of `expert` behind."""

    mixture: str
    rows: int | None
    tail: int = 0


def parse(named: str, mixtures: tuple[str, ...] = MIXTURES) -> Name | None:
    """The name of a recipe, or None where it is none.

    Raises:
      UserError: its number of rows is too small.
    """
    parts = re.fullmatch(r"([\w-]+?)(?::(\d+))?(?:\+(\d+))?", named)
    if parts is None or parts[1] not in mixtures:
        return None
    rows = None if parts[2] is None else int(parts[2])
    if rows is not None and rows < LEAST_ROWS:
        raise UserError(f"the dataset {named} asks for {rows} rows; give at least {LEAST_ROWS}")
    tail = int(parts[3] or 0)
    if parts[3] is not None and tail < LEAST_ROWS:
        raise UserError(f"the dataset {named} asks for {tail} expert rows behind it; give at least {LEAST_ROWS}")
    return Name(parts[1], rows, tail)


def dataset(name: Name, env: Env) -> np.ndarray:
    """Rows [experts, rows, width] in the replay's standard layout, made or read.

    Raises:
      UserError: the task has no experts, or the recipe has fewer rows than were asked for.
    """
    if name.tail:
        parts = Name(name.mixture, name.rows), Name("expert", name.tail)
        return with_tail(*(dataset(part, env) for part in parts))
    if name.mixture == "medium-replay":
        rows = kept(_recipe(name, env, _facts(env)["sha256"]), lambda: replay_up_to_medium(env))
        return rows if name.rows is None else thinned(rows, name, env)
    count = name.rows or ROWS[name.mixture]
    if name.mixture == "random":
        return kept(_recipe(name, env, None, rows=count), lambda: collect(uniform(env), env, count, SEED, "random"))
    if name.mixture == "medium-expert":
        halves = [Name("medium", count - count // 2), Name("expert", count // 2)]
        return np.concatenate([dataset(half, env) for half in halves], axis=1)
    guide = find_guide(f"sac@{medium_level(_facts(env)) if name.mixture == 'medium' else EXPERT}", env)
    recipe = _recipe(name, env, guide.source, rows=count)
    return kept(recipe, lambda: collect(sampled(guide), env, count, POLICY_SEED[name.mixture], name.mixture))


def with_tail(rows: np.ndarray, tail: np.ndarray) -> np.ndarray:
    """The rows of every expert [experts, rows, width], of an expert alone perhaps, with its own expert rows behind."""
    return np.concatenate([np.broadcast_to(rows, (tail.shape[0], *rows.shape[1:])), tail], axis=1)


def medium_level(facts: Mapping[str, Any]) -> str:
    """The level of the SAC experts with these facts whose data are `medium`."""
    return MEDIUM if f"sac@{MEDIUM}" in facts.get("policies", ()) else INSTEAD


def uniform(env: Env) -> Actor:
    """One behaviour policy: uniform over the action space."""
    draw = lambda params, obs, key: env.action_space.sample(key)
    return Actor(jnp.zeros((1, 0)), draw)


def sampled(guide: Guide) -> Actor:
    """The guide's experts, each acting by samples of its policy."""
    params = guide.params if guide.size else jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], guide.params)
    return Actor(params, guide.action_fn)


def replay_up_to_medium(env: Env) -> np.ndarray:
    """Each expert's replay when its medium policy was taken, [experts, rows, width], in the order of time.

    The experts' own configuration is trained again as far as that.

    Raises:
      UserError: the task's experts are not registered with their recipe, it keeps too few rows, or it
        diverges where it did not when they were made.
    """
    from guided_rl.config import RunConfig
    from guided_rl.runtime.progress import ProgressBar
    from guided_rl.training.run import Run  # a run reads datasets; only this recipe makes one by a run

    facts = _facts(env)
    try:
        config = RunConfig(**facts["recipe"])
        until = [int(step) for step in facts["environment_steps"]["until_chosen"][medium_level(facts)]]
        kept_seeds = np.asarray(facts["seeds"]) - config.first_seed
    except (KeyError, TypeError) as error:
        raise UserError(f"experts/{env.name}.json lacks the recipe that medium-replay repeats ({error})") from error
    run = Run(config)
    if max(until) > (room := run.loop.capacity):
        raise UserError(
            f"the experts of {env.name} kept {room:,} rows and were medium after {max(until):,}; the first rows are "
            "lost, so that there is no medium-replay of this task"
        )
    members = np.resize(kept_seeds, len(kept_seeds) + -len(kept_seeds) % run.plan.devices)
    inputs, seeds = run.inputs(members), jnp.asarray(run.seeds[members])
    init, chunk = (run.program(name, len(members)) for name in ("init", "chunk"))
    population = init(seeds, inputs)
    with ProgressBar(f"medium-replay of {env.name}", max(until), len(members)) as bar:
        while int(population.step) < max(until):
            population, _ = chunk(population, inputs)
            bar.update(min(int(population.step), max(until)))
    buffers = [np.asarray(population.replay[i, :steps], np.float32) for i, steps in enumerate(until)]
    broken = [seed for seed, buffer in zip(facts["seeds"], buffers, strict=False) if not np.isfinite(buffer).all()]
    if broken:
        raise UserError(
            f"training {env.name}'s experts again for medium-replay diverged for seed {', '.join(map(str, broken))}; "
            "train them on this machine with `make experts`"
        )
    return np.stack([subset(buffer, min(until), env) for buffer in buffers])


def thinned(rows: np.ndarray, name: Name, env: Env) -> np.ndarray:
    """Random trajectories of every expert's rows, in their order."""
    assert name.rows is not None
    if name.rows > rows.shape[1]:
        raise UserError(
            f"{name.mixture} of {env.name} has {rows.shape[1]} rows per expert, not {name.rows}; ask for fewer"
        )
    return np.stack([subset(part, name.rows, env) for part in rows])


def subset(rows: np.ndarray, count: int, env: Env) -> np.ndarray:
    """`count` of the rows [rows, width]: whole trajectories drawn at random, in their order, the last one cut."""
    last = np.flatnonzero(trajectory_ends(rows, Layout.of(env.observation_size, env.action_space.width)))
    lengths = np.diff(last, prepend=-1)
    drawn = np.random.default_rng(SEED).permutation(len(last))
    enough = np.searchsorted(np.cumsum(lengths[drawn]), count) + 1
    pieces = [rows[last[i] - lengths[i] + 1 : last[i] + 1] for i in np.sort(drawn[:enough])]
    return np.concatenate(pieces)[:count]


def _facts(env: Env) -> dict[str, Any]:
    path = weights_file(env)
    if path is None:
        find_guide(f"sac@{EXPERT}", env)  # raises, and says where experts were looked for
    assert path is not None
    return read_facts(path)


def _recipe(name: Name, env: Env, source: str | None, **more: Any) -> dict[str, Any]:
    """What decides a dataset's content."""
    return {
        "dataset": name.mixture,
        "task": env.name,
        "engine": getattr(env, "backend", None),
        "source": source,
        "seed": SEED,
        "versions": versions(),
        **more,
    }
