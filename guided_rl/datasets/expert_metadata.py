"""What is known of the experts behind a guide's name: their returns, and what they cost."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from guided_rl import envs
from guided_rl.datasets.demonstrations import EPISODES
from guided_rl.datasets.description import describe
from guided_rl.datasets.lookup import guide_of
from guided_rl.envs.base import Env
from guided_rl.guides.expert_weights import UNGRADED, read_facts
from guided_rl.guides.find import weights_file
from guided_rl.guides.local import is_local, parse
from guided_rl.guides.offline_agents import PREFIX, find_agents, read_agents
from guided_rl.methods.base import Method
from guided_rl.results.records import Expert
from guided_rl.runtime.hashing import content_hash


def quoted_experts(named: str | None, env: Env) -> tuple[Expert, ...]:
    """The n experts that `find_guide(named, env)` lets speak, in order, as records keep them.

    A clone's cost is its expert's training up to the chosen policy, and the demonstrations. Of
    a panel, the best return and the most that was spent on one member are kept. Advisers that
    are no registered experts, such as a user's own function, have no quotes: the result is empty.

    Raises:
      UserError: the facts beside the weights cannot be read.
    """
    named = named or ""
    parts = [_quotes(part.strip(), env) for part in named.split("+")]
    if not all(parts):
        return ()
    return tuple(
        Expert(
            name=named,
            episode_return=max(expert.episode_return for expert in panel),
            steps=max(expert.steps for expert in panel),
            checksum=panel[0].checksum,
        )
        for panel in zip(*parts, strict=True)
    )


def experts_behind(
    method: Method, guide: str | None, dataset: str | None, env: Env, rows: np.ndarray | None = None
) -> tuple[Expert, ...]:
    """The experts that a run of `method` learns from: its guide, who made its demonstrations, or the policies
    whose behaviour `rows` [experts, rows, width] are.

    Raises:
      UserError: as `quoted_experts`.
    """
    if method.needs.guide:
        quotes = quoted_experts(guide, env)
        sources = _sources(guide, dataset, rows) or [""] * len(quotes)
        return tuple(dataclasses.replace(e, source=s) for e, s in zip(quotes, sources, strict=True))
    if method.needs.dataset and dataset is not None and dataset.startswith("demos"):
        policy, _, episodes = dataset.replace("demos", "sac").partition(":")
        collected = int(episodes or EPISODES) * env.episode_length
        return tuple(dataclasses.replace(e, steps=e.steps + collected) for e in quoted_experts(policy, env))
    played = guide_of(dataset) if method.needs.dataset and dataset else None
    if played is not None and (quotes := quoted_experts(played[0], env)):
        return tuple(dataclasses.replace(e, steps=e.steps + played[1] * env.episode_length) for e in quotes)
    if method.needs.dataset and rows is not None:
        return tuple(_behaviour(dataset or "rows", part, env) for part in rows)
    return ()


def _sources(guide: str | None, dataset: str | None, rows: np.ndarray | None) -> list[str]:
    """The checksum of what each of the guide's offline agents learned from: `rows`, if they are the same data.

    Empty where that is not known, or the guide is none.
    """
    if rows is None or dataset is None or guide is None or not guide.startswith(PREFIX) or "+" in guide:
        return []
    _, facts = read_agents(find_agents(guide))
    checksums = [content_hash(part) for part in rows]
    return [checksums[seed % len(checksums)] for seed in facts["seeds"]] if facts["dataset"] == dataset else []


def _behaviour(named: str, rows: np.ndarray, env: Env) -> Expert:
    """Who acted in a dataset: the mean return of its whole trajectories, NaN if there are none; its cost is its rows.

    In a maze, where data go on at the goal, a trajectory that came there counts as 1.
    """
    found = describe(rows, env)
    returns = np.minimum(found.returns, 1.0) if found.cells is not None else found.returns
    mean = float(returns.mean()) if returns.size else float("nan")
    return Expert(named, round(mean, 4), found.rows, content_hash(rows))


def _quotes(named: str, env: Env) -> list[Expert]:
    if is_local(named):
        region, behind, _ = parse(named, env)
        return _quotes(behind, envs.make(region.experts or env.name)) if behind else []
    if named.startswith(PREFIX):
        _, facts = read_agents(find_agents(named))
        return [Expert("offline", value, facts["rows"], facts["sha256"]) for value in facts["returns"]]
    policy = named if "@" in named or named in UNGRADED else f"{named}@100"
    path = weights_file(env)
    if path is None:
        return []
    facts = read_facts(path)
    quotes = facts.get("returns", {}).get(policy, [])
    return [Expert(named, quote["mean"], _cost(facts, policy, i), facts["sha256"]) for i, quote in enumerate(quotes)]


def _cost(facts: dict[str, Any], policy: str, expert: int) -> int:
    kind, _, level = policy.partition("@")
    trained = facts["environment_steps"]["until_chosen"][level or kind][expert]
    return int(trained) + (facts["cloning"]["demonstration_steps"] if kind == "bc" else 0)
