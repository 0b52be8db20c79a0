"""Statistics over seeds."""

from __future__ import annotations

import numpy as np
from scipy import stats


def iqm(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean of the middle half, the interquartile mean."""
    return stats.trim_mean(values, 0.25, axis=axis)
