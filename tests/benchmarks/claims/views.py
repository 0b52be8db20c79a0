"""Views of made-up records, for tests of claims."""

from __future__ import annotations

import numpy as np

from benchmarks.claims.ledger import View
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale
from tests.results.synthetic import make_record

A, B = "HalfCheetah-v5", "Walker2d-v5"
RANDOM = -100.0
CLONE = Expert("bc", 20_000.0, 1000, "c")


def spread(centre: float, width: float):
    """A curve whose seeds 0..9 lie evenly in centre ± width."""
    return lambda seed, point, share: np.full(share.shape, centre + width * (seed % 10 - 4.5) / 4.5)


def view(*records, preset: str = "paper") -> View:
    return View(records, preset, scale=lambda task: Scale(random=RANDOM))


def pair(dai: float, base: float, width: float = 1.0, task: str = A, seeds: int = 10, **options):
    """DAI and its base with these returns above random."""
    return [
        make_record("dai-sac", task, spread(dai + RANDOM, width), seeds=range(seeds), experts=[CLONE], **options),
        make_record("sac", task, spread(base + RANDOM, width), seeds=range(seeds)),
    ]
