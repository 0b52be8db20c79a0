"""Records of the same run on other seeds, put together: a seed does not depend on its crowd.

Rows stand in the merged tables as one run of all seeds would have written them.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from guided_rl.config import differences
from guided_rl.results.records import Record, plain
from guided_rl.runtime.errors import UserError

CROWD = ("seeds", "first_seed")
SAME = ("task", "method", "variant", "experts")


def merge(parts: Sequence[Record]) -> Record:
    """One record of all seeds, with every part's provenance.

    Raises:
      UserError: there are none, they are not parts of one run, or their seeds overlap or leave a gap.
    """
    if not parts:
        raise UserError("there is nothing to merge; name the folders of at least two records")
    parts = sorted(parts, key=lambda part: part.seeds)
    first = parts[0]
    for part in parts[1:]:
        refuse_others(first, part)
    _refuse_seeds(parts)
    seeds = tuple(seed for part in parts for seed in part.seeds)
    return dataclasses.replace(
        first,
        config={**first.config, "first_seed": seeds[0], "seeds": len(seeds)},
        seeds=seeds,
        returns=_sorted([part.returns for part in parts], "protocol", ("step", "point", "seed", "episode")),
        training=_sorted([part.training for part in parts], "metric", ("step", "point", "seed")),
        failed={name: step for part in parts for name, step in part.failed.items()},
        wall_seconds=sum(part.wall_seconds for part in parts),
        compile_seconds=sum(part.compile_seconds for part in parts),
        provenance=_provenance(parts),
    )


def refuse_others(one: Record, other: Record) -> None:
    """Refuse a record that is no part of the same run.

    Raises:
      UserError: their settings, experts, grid or engine differ, which ones, and how.
    """
    old, new = ({k: v for k, v in r.config.items() if k not in (*CROWD, "physics")} for r in (one, other))
    changed = differences(old, new)
    engines = [(r.provenance.get("engine"), r.provenance.get("engine_options")) for r in (one, other)]
    if engines[0] != engines[1]:
        changed.append(f"engine: {engines[0][0]} -> {engines[1][0]}")
    changed += [f"{name} differ" for name in SAME if plain(getattr(one, name)) != plain(getattr(other, name))]
    if changed:
        raise UserError(
            f"seeds {_span(one)} and {_span(other)} are not of one run, so they cannot be merged: {'; '.join(changed)}"
        )


def _refuse_seeds(parts: Sequence[Record]) -> None:
    for one, other in itertools.pairwise(parts):
        if one.seeds[-1] >= other.seeds[0]:
            raise UserError(f"seeds {_span(one)} and {_span(other)} overlap; leave one of the two records out")
        if one.seeds[-1] + 1 < other.seeds[0]:
            raise UserError(
                f"seeds {one.seeds[-1] + 1} to {other.seeds[0] - 1} are missing between the records; "
                f"run them with --first-seed {one.seeds[-1] + 1}"
            )


def _span(record: Record) -> str:
    return f"{record.seeds[0]} to {record.seeds[-1]}"


def _sorted(tables: Sequence[pa.Table], kind: str, columns: Sequence[str]) -> pa.Table:
    """All rows, by `kind` in the order in which the parts have it, then by `columns`."""
    table = pa.concat_tables(tables).unify_dictionaries()
    names = table[kind].to_pylist()
    order = {name: place for place, name in enumerate(dict.fromkeys(names))}
    keys = [table[column].to_numpy() for column in reversed(columns)]
    rows = np.lexsort([*keys, np.asarray([order[name] for name in names], int)])
    return table.take(rows).combine_chunks().unify_dictionaries()


def _provenance(parts: Sequence[Record]) -> dict[str, Any]:
    """The newest part's, the codes of all, and under `parts` what is known of each."""
    known = [piece for part in parts for piece in _pieces(part)]
    newest = max(known, key=lambda piece: str(piece.get("date", "")))
    own = lambda piece: {name: piece.get(name) for name in ("commit", "dirty", "versions")}
    codes = [code for piece in known for code in piece.get("codes") or [own(piece)]]
    shown = {name: value for name, value in newest.items() if name not in ("seeds", "wall_seconds", "codes")}
    unique = [code for place, code in enumerate(codes) if code not in codes[:place]]
    return {**shown, **({"codes": unique} if len(unique) > 1 else {}), "parts": known}


def _pieces(part: Record) -> list[dict[str, Any]]:
    """What was merged before stays in its pieces."""
    if "parts" in part.provenance:
        return list(part.provenance["parts"])
    return [{"seeds": [part.seeds[0], part.seeds[-1]], "wall_seconds": part.wall_seconds, **part.provenance}]
