"""Looking at a claim several times while seeds are added, with the error rate of a single look.

Lan and DeMets 1983, "Discrete sequential boundaries for clinical trials". After a share t of the cap's
seeds the looks may have spent 2 · (1 − Φ(z / √t)) of each side's error rate a = α / 2, where z is the
1 − a / 2 quantile. This spending function, of O'Brien and Fleming's kind, spends next to nothing early.
The boundaries are those of a Brownian motion seen at the looks (Armitage, McPherson and Rowe 1969), used
as levels of p-values (Jennison and Turnbull 2000, "Group Sequential Methods"). Experts that stay the same
make looks more alike than that, which errs on the safe side.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

ALPHA = 0.05
NODES = 400
FARTHEST = 12.0  # standard errors; no boundary that spends anything lies beyond


@dataclass(frozen=True)
class SeedPlan:
    """How seeds are added until a claim is decided.

    Attributes:
      first: seeds at the first look. batch: seeds that each further look adds. cap: seeds at the last.
    """

    first: int = 10
    batch: int = 10
    cap: int = 100

    def __post_init__(self):
        if not (0 < self.first <= self.cap and self.batch > 0):
            raise ValueError(f"seeds must grow from {self.first} by {self.batch} to {self.cap}")

    @property
    def looks(self) -> tuple[int, ...]:
        """Seeds at each look, the last of them the cap."""
        return (*range(self.first, self.cap, self.batch), self.cap)

    def next(self, p: float, seeds: int) -> int | None:
        """How many seeds the next look needs, None where the verdict stands or the cap is reached.

        Args:
          p: the claim's two-sided p-value with `seeds` seeds, which must be one of `looks`.
        """
        at = self.looks.index(seeds)
        return None if p <= self.level(seeds) or seeds == self.cap else self.looks[at + 1]

    def level(self, seeds: int) -> float:
        """The two-sided level at which this look decides; its interval has the confidence 1 − level."""
        return float(levels(self.looks)[self.looks.index(seeds)])


@functools.cache
def levels(looks: tuple[int, ...], alpha: float = ALPHA) -> np.ndarray:
    """Two-sided level of the p-value at each look [looks], of which all together err with probability `alpha`.

    Args:
      looks: seeds at each, ascending; the last is the cap.
    """
    share = np.asarray(looks, np.float64) / looks[-1]
    spent = np.diff(4 * scipy.stats.norm.sf(scipy.stats.norm.isf(alpha / 4) / np.sqrt(share)), prepend=0.0)
    return 2 * scipy.stats.norm.sf(_boundaries(share, spent))


def _boundaries(share: np.ndarray, spent: Sequence[float]) -> np.ndarray:
    """Standardised boundary [looks] that each look first crosses with its part of the error rate."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    at, mass = np.zeros(1), np.ones(1)  # where the motion is if it has not crossed yet, as weighted points
    found = []
    for end, step, part in zip(np.sqrt(share), np.sqrt(np.diff(share, prepend=0.0)), spent, strict=True):
        over = lambda z, at=at, mass=mass, end=end, step=step, part=part: _crossing(z * end, at, mass, step) - part
        found.append(scipy.optimize.brentq(over, 0.0, FARTHEST))
        edge = found[-1] * end
        density = scipy.stats.norm.pdf((edge * nodes[:, None] - at) / step) / step @ mass
        at, mass = edge * nodes, edge * weights * density
    return np.asarray(found)


def _crossing(edge: float, at: np.ndarray, mass: np.ndarray, step: float) -> float:
    """The probability to be beyond ± `edge` after a normal step from the weighted points `at`."""
    sf = scipy.stats.norm.sf
    return float(np.sum(mass * (sf((edge - at) / step) + sf((edge + at) / step))))
