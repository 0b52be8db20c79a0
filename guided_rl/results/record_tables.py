"""The two tables of a record, tidy: one row per evaluation episode, and one per member, step and training metric."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

_EPISODE = ("seed", "point", "protocol", "step", "episode", "episode_return", "episode_length", "episode_failed")
_RESERVED = (*_EPISODE, "success", "expert_queries", "expert_share")


def grid_points(grid: Mapping[str, Sequence[float]]) -> list[dict[str, float]]:
    """All combinations of a grid's values, the last name fastest; `[{}]` for an empty grid."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def returns_table(
    grid: Mapping[str, Sequence[float]],
    seed: np.ndarray,
    point: np.ndarray,
    step: np.ndarray,
    episode_return: Mapping[str, np.ndarray],
    episode_length: Mapping[str, np.ndarray],
    episode_failed: Mapping[str, np.ndarray] | None = None,
    outcomes: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> pa.Table:
    """One row per evaluation episode.

    Args:
      grid: hyper-parameter name to values; each becomes a float column.
      seed, point: each member's seed and grid point [population].
      step: environment steps at each evaluation [evaluations].
      episode_return: protocol to undiscounted returns [evaluations, population, episodes].
      episode_length: protocol to lengths in control steps, the same shape.
      episode_failed: protocol to 1 where an episode ended in a terminal state, the same shape;
        records of version 0.1 before it was kept lack the column.
      outcomes: name (`success`, `expert_queries`, `expert_share`) to the same again; a column each, NaN where a
        protocol does not tell.
    """
    if clash := [name for name in grid if name in _RESERVED]:
        raise ValueError(f"grid names {clash} are columns of every record")
    values = grid_points(grid)
    parts = []
    for protocol, returns in episode_return.items():
        returns = np.asarray(returns)
        at, member, episode = (index.ravel() for index in np.indices(returns.shape))
        points = np.asarray(point)[member]
        columns = {
            "seed": np.asarray(seed)[member].astype(np.int32),
            "point": points.astype(np.int32),
            **{name: np.asarray([p[name] for p in values], np.float64)[points] for name in grid},
            "protocol": pa.array([protocol] * returns.size).dictionary_encode(),
            "step": np.asarray(step)[at].astype(np.int64),
            "episode": episode.astype(np.int16),
            "episode_return": returns.ravel().astype(np.float32),
            "episode_length": np.nan_to_num(episode_length[protocol]).ravel().astype(np.int32),
        }
        if episode_failed is not None:
            columns["episode_failed"] = np.asarray(episode_failed[protocol]).ravel().astype(np.float32)
        for name, of in (outcomes or {}).items():
            columns[name] = np.asarray(of[protocol]).ravel().astype(np.float32)
        parts.append(pa.table(columns))
    return pa.concat_tables(parts).unify_dictionaries() if parts else _empty_returns(grid)


def training_table(
    seed: np.ndarray, point: np.ndarray, step: np.ndarray, metrics: Mapping[str, np.ndarray]
) -> pa.Table:
    """One row per member, logged step and metric (columns seed, point, step, metric, value).

    Args:
      seed, point: [population].
      step: environment steps at each log [logs].
      metrics: name to values [logs, population], means or sums over the chunk that ends at the step.
    """
    parts = []
    for name, value in metrics.items():
        value = np.asarray(value)
        at, member = (index.ravel() for index in np.indices(value.shape))
        columns = {
            "seed": np.asarray(seed)[member].astype(np.int32),
            "point": np.asarray(point)[member].astype(np.int32),
            "step": np.asarray(step)[at].astype(np.int64),
            "metric": pa.array([name] * value.size).dictionary_encode(),
            "value": value.ravel().astype(np.float32),
        }
        parts.append(pa.table(columns))
    return pa.concat_tables(parts).unify_dictionaries() if parts else _empty_training()


def _empty_returns(grid: Mapping[str, Sequence[float]]) -> pa.Table:
    text = pa.dictionary(pa.int32(), pa.string())
    types = {"seed": pa.int32(), "point": pa.int32(), **{name: pa.float64() for name in grid}, "protocol": text}
    types |= {"step": pa.int64(), "episode": pa.int16(), "episode_return": pa.float32(), "episode_length": pa.int32()}
    return pa.schema(list(types.items())).empty_table()


def _empty_training() -> pa.Table:
    text = pa.dictionary(pa.int32(), pa.string())
    types = {"seed": pa.int32(), "point": pa.int32(), "step": pa.int64(), "metric": text, "value": pa.float32()}
    return pa.schema(list(types.items())).empty_table()
