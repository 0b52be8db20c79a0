"""What is known of D4RL's own datasets, to stand beside the statistics of ours.

The files cannot be had here, so every number is a published one. What nobody published is None, and is
printed as not known. Our sets are of other bodies and policies: the order of magnitude is compared.
"""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = "not known"
_CARD = "HuggingFace, card of decision_transformer_gym_replay, v2"
_TFDS = "TensorFlow Datasets, catalog of d4rl_antmaze 1.1.1, v2"
TIME_LIMITS_HIT = 999  # 1,000,000 rows in episodes of 1,001, as D4RL's script makes them


@dataclass(frozen=True)
class D4RLData:
    """One of D4RL's datasets.

    Attributes:
      rows, trajectories: how many; a trajectory goes from a reset to an end or a time limit.
      score: the mean return, about, on D4RL's scale.
      rewarded: share of rows with a reward, in mazes.
      source: where `trajectories` and `rewarded` were read.
    """

    rows: int
    trajectories: int | None = None
    score: float | None = None
    rewarded: float | None = None
    source: str = ""

    @property
    def length(self) -> float | None:
        """Mean rows of a trajectory."""
        return None if self.trajectories is None else self.rows / self.trajectories

    def shown(self) -> dict[str, str]:
        """Each number as text."""
        return {
            "rows": f"{self.rows:,}",
            "trajectories": UNKNOWN if self.trajectories is None else f"{self.trajectories:,}",
            "score": UNKNOWN if self.score is None else f"{self.score:g}",
            "length": UNKNOWN if self.length is None else f"{self.length:,.0f}",
            "rewarded": UNKNOWN if self.rewarded is None else f"{100 * self.rewarded:.2g}%",
        }


def _maze(pieces: int) -> D4RLData:
    """Of a maze whose rows the catalog cuts into `pieces`, after each terminal (a rewarded row) and each time limit.

    The number of time limits follows from D4RL's script; the share would fall by 0.04 points were they 700 rows apart.
    """
    rows = 1_000_000
    return D4RLData(rows, TIME_LIMITS_HIT, None, (pieces - 1 - TIME_LIMITS_HIT) / rows, _TFDS)


# In `random`, D4RL's rows are about a million too; its medium scores are the usual ones, not computed here.
DATA = {
    "HalfCheetah-v5/medium": D4RLData(1_000_000, 1_000, 41.0, source=_CARD),
    "HalfCheetah-v5/medium-replay": D4RLData(202_000, 202, source=_CARD),
    "HalfCheetah-v5/expert": D4RLData(1_000_000, 1_000, source=_CARD),
    "Hopper-v5/medium": D4RLData(1_000_000, 2_190, 44.0, source=_CARD),
    "Hopper-v5/medium-replay": D4RLData(402_000, 2_040, source=_CARD),
    "Hopper-v5/expert": D4RLData(1_000_000, 1_030, source=_CARD),
    "Walker2d-v5/medium": D4RLData(1_000_000, 1_190, 62.0, source=_CARD),
    "Walker2d-v5/medium-replay": D4RLData(302_000, 1_090, source=_CARD),
    "Walker2d-v5/expert": D4RLData(1_000_000, 1_000, source=_CARD),
    "AntMaze-umaze/fixed": _maze(10_154),
    "AntMaze-umaze/diverse": _maze(1_036),
    "AntMaze-medium/play": _maze(10_768),
    "AntMaze-medium/diverse": _maze(2_959),
    "AntMaze-large/play": _maze(13_517),
    "AntMaze-large/diverse": _maze(7_189),
}
