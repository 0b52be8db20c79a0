"""Whom the experts learned from: offline agents of one behaviour policy are no independent experts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from guided_rl.guides.spec import is_offline
from guided_rl.results.records import Expert, Record


def with_sources(records: Sequence[Record]) -> list[Record]:
    """The records with each offline agent's source, taken from the offline cell that trained it where it lacks one.

    Records from before sources were kept lack them, and so do runs that go on without the offline data.
    """
    trained = {digest(record.config): record for record in records}
    return [dataclasses.replace(r, experts=_sourced(r.experts, trained)) if unsourced(r) else r for r in records]


def unsourced(record: Record) -> bool:
    """Whether it has several offline agents of which it does not say what they learned from."""
    offline = [expert for expert in record.experts if is_offline(expert.name)]
    return len(offline) > 1 and not all(expert.source for expert in offline)


def digest(config: Mapping[str, Any]) -> str:
    """Of an offline cell's configuration; its archive of agents is named `<task>__<method>__<digest>.npz`."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]


def _sourced(agents: Sequence[Expert], trained: Mapping[str, Record]) -> tuple[Expert, ...]:
    """Agents are an offline cell's healthy seeds, in order, and seed k learned from behaviour policy k mod n."""
    cell = trained.get(agents[0].name.removesuffix(".npz").rpartition("__")[2])
    if cell is None or not cell.experts:
        return tuple(agents)
    healthy = [seed for seed in cell.seeds if f"{seed}/0" not in cell.failed]
    if len(healthy) != len(agents):
        return tuple(agents)
    taught = [cell.experts[seed % len(cell.experts)].checksum for seed in healthy]
    return tuple(dataclasses.replace(a, source=source) for a, source in zip(agents, taught, strict=True))
