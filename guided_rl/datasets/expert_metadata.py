"""What is known of the experts behind a guide's name: their returns, and what they cost."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from guided_rl import envs
from guided_rl.datasets.demonstrations import EPISODES
from guided_rl.datasets.description import describe
from guided_rl.datasets.lookup import ELSEWHERE, guide_of
from guided_rl.envs.base import Env
from guided_rl.guides.expert_weights import read_facts
from guided_rl.guides.find import demonstrator, weights_file
from guided_rl.guides.local import read_spec
from guided_rl.guides.offline_agents import find_agents, read_agents
from guided_rl.guides.spec import LOCAL, OFFLINE, POLICIES, RUN, Spec, graded, kind_and_level, parse, parse_one
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
    parts = [_quotes(spec, env) for spec in parse(named)]
    if named is None or not all(parts):
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
    if method.needs.dataset and dataset is not None and (elsewhere := ELSEWHERE.fullmatch(dataset)):
        return experts_behind(method, guide, elsewhere[2], envs.make(elsewhere[1]), rows)
    if method.needs.dataset and dataset is not None and dataset.startswith("demos"):
        policy, _, episodes = dataset.replace("demos", demonstrator(env)).partition(":")
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
    specs = parse(guide)
    if rows is None or dataset is None or [spec.kind for spec in specs] != [OFFLINE]:
        return []
    _, facts = read_agents(find_agents(specs[0].name))
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


def _quotes(spec: Spec, env: Env) -> list[Expert]:
    if spec.kind == LOCAL:
        region, behind, _ = read_spec(spec, env)
        return _quotes(parse_one(behind), envs.make(region.experts or env.name)) if behind else []
    if spec.kind == OFFLINE:
        _, facts = read_agents(find_agents(spec.name))
        return [Expert("offline", value, facts["rows"], facts["sha256"]) for value in facts["returns"]]
    if spec.kind == RUN:
        facts = read_facts(Path(spec.name) / POLICIES)
        return [Expert(spec.text, value, facts["steps"], facts["sha256"]) for value in facts["final_returns"]]
    policy = graded(spec.text)
    path = weights_file(env)
    if path is None:
        return []
    facts = read_facts(path)
    quotes = facts.get("returns", {}).get(policy, [])
    return [
        Expert(spec.text, quote["mean"], _cost(facts, policy, i), facts["sha256"]) for i, quote in enumerate(quotes)
    ]


def _cost(facts: dict[str, Any], policy: str, expert: int) -> int:
    kind, level = kind_and_level(policy)
    trained = facts["environment_steps"]["until_chosen"][level or kind][expert]
    return int(trained) + (facts["cloning"]["demonstration_steps"] if kind == "bc" else 0)
