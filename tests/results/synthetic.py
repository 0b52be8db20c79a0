"""Made-up records with known returns, for tests of statistics, claims, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from guided_rl.results import records
from guided_rl.results.record_tables import grid_points, returns_table, training_table

Curve = Callable[[int, Mapping[str, float], np.ndarray], np.ndarray]
"""(seed, grid point, share of the budget [evaluations]) -> return [evaluations]."""


PROVENANCE = {"commit": "0" * 40, "dirty": False, "device": "1 × cpu", "engine": "native"}


def constant(value: float) -> Curve:
    return lambda seed, point, share: np.full(share.shape, value)


def counts(
    seed: np.ndarray, evaluations: int, failures: float | None, executed: np.ndarray | None
) -> dict[str, np.ndarray]:
    """What training counted in each interval, [evaluations, members]; `executed` are its episodes' returns."""
    found = {"episodes": np.ones((evaluations, len(seed)))}
    if failures is not None:
        found["failures"] = failures + 0.01 * (np.tile(seed, (evaluations, 1)) % 10)
    if executed is not None:
        found |= {"episodes": 1.0 * np.isfinite(executed), "training_return": executed}
    return found


def make_record(
    method: str,
    task: str = "HalfCheetah-v5",
    curve: Curve | Mapping[str, Curve] | None = None,
    *,
    seeds: Sequence[int] = tuple(range(10)),
    grid: Mapping[str, Sequence[float]] | None = None,
    table: str = "dai",
    preset: str = "paper",
    budget: int = 1000,
    evaluations: int = 20,
    episodes: int = 2,
    experts: Sequence[records.Expert] = (),
    failed: Mapping[str, int] | None = None,
    config: Mapping[str, object] | None = None,
    variant: str = "",
    failures: float | None = None,
    trained: Curve | None = None,
) -> records.Record:
    """A record whose every episode of a seed returns exactly its curve.

    With `failures`, so many while training before each evaluation, and every evaluation's first episode fails.
    With `trained`, training episodes return that curve, NaN where none ended; else one ended in every interval.
    """
    grid = {name: tuple(values) for name, values in (grid or {}).items()}
    points = grid_points(grid)
    seed = np.repeat(np.asarray(seeds), len(points))
    point = np.tile(np.arange(len(points)), len(seeds))
    share = np.arange(1, evaluations + 1) / evaluations
    step = (share * budget).astype(np.int64)
    curves = curve if isinstance(curve, Mapping) else {"policy": curve or constant(100.0)}
    drawn = lambda c: np.stack([c(int(s), points[p], share) for s, p in zip(seed, point, strict=True)], 1)
    returns = {name: np.repeat(drawn(c)[..., None], episodes, axis=2) for name, c in curves.items()}
    executed = None if trained is None else drawn(trained)
    training = {**counts(seed, evaluations, failures, executed), "critic_loss": returns["policy"][..., 0]}
    length = {name: np.full(r.shape, 1000) for name, r in returns.items()}
    lost = {name: np.broadcast_to(np.arange(episodes) == 0, r.shape) for name, r in returns.items()}
    return records.Record(
        table=table,
        cell="--".join([method, task, *([variant] if variant else [])]),
        task=task,
        method=method,
        preset=preset,
        config={"steps": budget, **(config or {})},
        seeds=tuple(seeds),
        grid=grid,
        returns=returns_table(grid, seed, point, step, returns, length, lost if failures is not None else None),
        training=training_table(seed, point, step, training),
        experts=tuple(experts),
        variant=variant,
        failed=dict(failed or {}),
        wall_seconds=12.5,
        compile_seconds=2.5,
        provenance=PROVENANCE,
    )
