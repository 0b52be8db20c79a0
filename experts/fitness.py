"""Whether a task's experts are fit: far better than no policy at all, and near what SAC is known to return.

An expert is fit whose return, over the episodes that quote it, is at least what `PUBLISHED_RETURNS` requires of its
task, where it requires something; and far above the floor, the better of random and zero action: five standard
errors more, and twice as much where the floor is positive. A task's experts are fit where their mean return is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from guided_rl.envs.reference_returns import PUBLISHED_RETURNS, REFERENCES

FAR_ERRORS, FAR_FACTOR = 5.0, 2.0


@dataclass(frozen=True)
class Fitness:
    """What a task's experts return at 100 %, beside what they must.

    Attributes:
      returns: each expert's mean return [n].
      fit: whether each one is fit [n].
      lacks: what the experts' mean return falls short of, in words; none for fit experts.
    """

    returns: tuple[float, ...]
    fit: tuple[bool, ...]
    lacks: tuple[str, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.returns))


def fitness(task: str, quotes: Sequence[dict[str, Any]]) -> Fitness:
    """From the quotes (`mean`, `std`, `episodes`) of the policies at 100 %, one for each expert."""
    means = np.array([q["mean"] for q in quotes], np.float64)
    errors = np.array([q["std"] / np.sqrt(q["episodes"]) for q in quotes])
    fit = tuple(not shortfalls(task, mean, error) for mean, error in zip(means, errors, strict=True))
    together = float(np.sqrt((errors**2).sum()) / means.size)
    return Fitness(tuple(means.tolist()), fit, shortfalls(task, float(means.mean()), together))


def shortfalls(task: str, mean: float, stderr: float) -> tuple[str, ...]:
    """What a return of `mean` on `task` falls short of, in words; empty where it is fit."""
    found, published, reference = [], PUBLISHED_RETURNS.get(task), REFERENCES[task]
    if published is not None and mean < published.required:
        found.append(f"below the required {published.required:,.0f}")
    for name, floor in (("random", reference.random), ("zero action", reference.zero)):
        if floor is None:
            continue
        far = max(floor.mean + FAR_ERRORS * float(np.hypot(stderr, floor.stderr)), FAR_FACTOR * floor.mean)
        if mean < far:
            found.append(f"not far above {name} ({floor.mean:,.4g})")
    return tuple(found)


def fit_facts(task: str, quotes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The entry `fit` of `experts/<task>.json`: the experts' returns, what is required, and the verdict."""
    found, published, reference = fitness(task, quotes), PUBLISHED_RETURNS.get(task), REFERENCES[task]
    facts: dict[str, Any] = {
        "fit": not found.lacks,
        "lacks": list(found.lacks),
        "mean_return": round(found.mean, 2),
        "experts_fit": list(found.fit),
        "random_return": reference.random.mean,
        "zero_action_return": None if reference.zero is None else reference.zero.mean,
    }
    if published is not None:
        facts["required"] = published.required
        facts["share_of_required"] = round(found.mean / published.required, 3)
        facts["published"] = {"mean": published.mean, "source": published.source}
    return facts


def describe_fit(task: str, quotes: Sequence[dict[str, Any]]) -> str:
    """One line: how many experts are fit, their mean return, and what it falls short of."""
    found, published = fitness(task, quotes), PUBLISHED_RETURNS.get(task)
    required = "" if published is None else f" of {published.required:,.0f} required"
    verdict = "fit" if not found.lacks else f"NOT FIT ({'; '.join(found.lacks)})"
    return f"{verdict}: mean return {found.mean:,.0f}{required}, {sum(found.fit)} of {len(found.fit)} experts fit"
