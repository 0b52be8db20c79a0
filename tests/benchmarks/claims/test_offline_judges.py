"""Claims that add up gaps over tasks: what stands in several gaps is still one sample."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.claims import offline_judges
from benchmarks.claims.ledger import View
from guided_rl.results import statistics
from guided_rl.results.scales import Scale
from guided_rl.results.statistics import Sample
from tests.results.synthetic import make_record

BODY = "HalfCheetah-v5"
DATASETS = ("random", "medium", "medium-replay")
TASKS = tuple(f"{BODY}/{kind}" for kind in DATASETS)
OPEN = offline_judges.Gate("iql-offline", "offline", free=DATASETS)


def scored(rng: np.random.Generator, method: str, task: str, centre: float, spread: float):
    values = rng.normal(centre, spread, 10)
    flat = lambda seed, point, share: np.full(share.shape, values[seed])
    return make_record(method, task, flat, table="pex", evaluations=1, episodes=1)


def test_a_cell_in_several_gaps_is_drawn_once():
    """(a − c) + (b − c) varies by c twice over, not by two cells that are like it."""
    a, b, c = (Sample(np.random.default_rng(k).normal(size=10), np.arange(10)) for k in range(3))
    ours = offline_judges.total([(1.0, "a", a), (-1.0, "c", c), (1.0, "b", b), (-1.0, "c", c)], 2)
    expected = statistics.interval(lambda x, z, y, axis: (x.mean(axis) + y.mean(axis)) / 2 - z.mean(axis), a, c, b)
    assert (ours.value, ours.low, ours.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_simulated_coverage_where_one_base_stands_for_every_dataset_of_a_body(monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 999)
    judge = offline_judges.better("pex", "iql", TASKS, "final", OPEN)
    rng, hits = np.random.default_rng(5), []
    for _ in range(150):
        records = [scored(rng, "pex", task, 60.0, 1.0) for task in TASKS] + [scored(rng, "iql", BODY, 50.0, 3.0)]
        hits.append(judge(View(tuple(records), "paper", lambda task: Scale(0.0, 100.0))).interval.contains(10.0))
    assert np.mean(hits) >= 0.90
