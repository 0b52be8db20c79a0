"""A run that saves after every chunk, to be killed by a test."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.training.small import run, small

LONG = {"steps": 4_000, "evaluations": 40, "seeds": 3}

if __name__ == "__main__":
    run(small(**LONG), folder=Path(sys.argv[1]))
