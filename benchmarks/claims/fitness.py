"""Whether a record's experts are good enough for what is built on them to be judged.

Every bar lies far above what the zero action returns: at least 3.5 times it on Ant-v5, more elsewhere, but
for walker-stand, where it is 2.6 times.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from guided_rl.envs.reference_returns import PUBLISHED_RETURNS
from guided_rl.guides.spec import is_offline
from guided_rl.results.records import Record

OF_THE_MOST = 300.0
SUITE_TASKS = ("cheetah-run", "hopper-hop", "hopper-stand", "walker-run", "walker-stand", "walker-walk")
"""Tasks of dm_control whose episodes return at most 1,000; their bar is this suite's own."""


def required(task: str) -> float | None:
    """The least mean return of a fit expert; None where there is no bar, as with guides that are weak by design."""
    if task in SUITE_TASKS:
        return OF_THE_MOST
    return PUBLISHED_RETURNS[task].required if task in PUBLISHED_RETURNS else None


def competent(record: Record) -> str | None:
    """Why the record's experts are not fit, as a phrase; None where they are, or there are none.

    Offline agents have a gate of their own, see `offline_claims.Gate`.
    """
    need = required(record.task)
    if need is None or not record.experts or is_offline(record.experts[0].name):
        return None
    found = float(np.mean([expert.episode_return for expert in record.experts]))
    if found >= need:
        return None
    return f"{record.task}, where the experts of {record.method} return {found:,.0f}, below {need:,.0f}"


def unfit(records: Iterable[Record]) -> str | None:
    """The first reason that any of these records gives."""
    return next((reason for record in records if (reason := competent(record))), None)
