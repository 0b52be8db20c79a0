"""A run that saves after every chunk, to be killed by a test; with a point given, it kills itself there."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.training.small import run, small

LONG = {"steps": 4_000, "evaluations": 40, "seeds": 3}


def kill_at(point: int):
    """An observer whose process is gone, without any chance to tidy up, once it has seen `point`."""

    def observe(seen) -> None:
        if seen.point == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return observe


if __name__ == "__main__":
    folder, *points = sys.argv[1:]
    if points:
        run(small(), folder=Path(folder), observers=[kill_at(int(point)) for point in points])
    else:
        run(small(**LONG), folder=Path(folder))
