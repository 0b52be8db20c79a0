"""Every seed's curves as data that the pages load, one script for each table, preset and task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from benchmarks.report.site.scripts import compact, script
from guided_rl.results import statistics
from guided_rl.results.records import Record
from guided_rl.results.scales import ScaleOf, scale_of
from guided_rl.results.sources import with_sources
from guided_rl.results.summaries import Curves, curves, protocols, training_curves
from guided_rl.results.summary_tables import ordered
from guided_rl.runtime.errors import UserError
from guided_rl.runtime.files import file_name

RETURN, SUCCESS, FAILURES = "return", "success", "failures"


def curve_name(table: str, preset: str, task: str) -> str:
    """The name under which a page asks for a task's curves, and its file below `data/`."""
    return f"curves/{table}/{preset}/{file_name(task)}"


def curve_scripts(records: Sequence[Record], table: str, preset: str, scale: ScaleOf = scale_of) -> dict[str, bytes]:
    """Scripts by name, for all records of one table and preset; a sweep has no curves here."""
    single = [record for record in ordered(with_sources(records)) if len(record.points) == 1]
    found = {}
    for task in sorted({record.task for record in single}):
        here = [record for record in single if record.task == task]
        name = curve_name(table, preset, task)
        found[name] = script(name, {"task": task, "scale": _scale(task, scale), "cells": [_cell(r) for r in here]})
    return found


def _scale(task: str, scale: ScaleOf) -> dict[str, Any]:
    """What the page normalises by: `floor` is 0 and `expert` is 100, where `normalises`."""
    here = scale(task)
    expert = None if here.expert is None else compact(here.expert)
    return {
        "random": compact(here.random),
        "floor": compact(here.floor),
        "floor_name": here.floor_name,
        "expert": expert,
        "normalises": here.normalises,
    }


def _cell(record: Record) -> dict[str, Any]:
    """One record: who ran, and `series`, one of each measure and protocol."""
    returns = [float(np.mean([expert.episode_return for expert in record.experts]))] if record.experts else []
    spent = [float(np.mean([expert.steps for expert in record.experts]))] if record.experts else []
    return {
        "cell": record.cell,
        "method": record.method,
        "variant": record.variant,
        "main": record.main,
        "budget": record.budget,
        "expert": compact(returns[0]) if returns else None,
        "spent": compact(spent[0]) if spent else 0,
        "failed": dict(record.failed),
        "series": _series(record),
    }


def _series(record: Record) -> list[dict[str, Any]]:
    found = []
    for protocol in protocols(record):
        found.append(_one(record, RETURN, protocol, curves(record, protocol)))
        if _tells(record, SUCCESS, protocol):
            success = curves(record, protocol, column=SUCCESS)
            if not np.allclose(success.values, found[-1]["values"], atol=1e-3):
                found.append(_one(record, SUCCESS, protocol, success))
    counted = _failures(record)
    if counted is not None:
        found.append(_one(record, FAILURES, "training", counted))
    return [one for one in found if one["seeds"]]


def _tells(record: Record, column: str, protocol: str) -> bool:
    """Whether a protocol's episodes have a value in this column."""
    if column not in record.returns.column_names:
        return False
    values = record.returns.filter(pc.equal(record.returns["protocol"], protocol))[column]
    return bool(np.isfinite(values.to_numpy()).all())


def _failures(record: Record) -> Curves | None:
    """Episodes of training that ended in a terminal state, so far; None where nobody counted or none did."""
    try:
        curve = training_curves(record, FAILURES)
    except UserError:
        return None
    if not curve.values.any():
        return None
    return Curves(curve.seeds, curve.steps, np.cumsum(curve.values, 1), curve.failed)


def _one(record: Record, measure: str, protocol: str, curve: Curves) -> dict[str, Any]:
    """`values` are [seeds][steps]; `low` and `high` the 95 % interval of their mean [steps]."""
    band = statistics.mean_band(curve.values, curve.seeds, record.source(curve.seeds)) if curve.seeds.size else ((), ())
    return {
        "measure": measure,
        "protocol": protocol,
        "seeds": [int(seed) for seed in curve.seeds],
        "steps": [int(step) for step in curve.steps],
        "values": compact(curve.values),
        "low": compact(band[0]),
        "high": compact(band[1]),
    }
