"""A small run that prints which of its programs came from the compile cache; started by a test."""

from __future__ import annotations

import json
import logging
import re

import jax

from tests.training.small import run, small


class Hits(logging.Handler):
    """Names of the programs that JAX says it found."""

    def __init__(self):
        super().__init__()
        self.names: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if found := re.match(r"Persistent compilation cache hit for '(\w+)'", record.getMessage()):
            self.names.add(found[1])


def main() -> None:
    jax.config.update("jax_log_compiles", True)
    hits = Hits()
    logging.getLogger("jax").addHandler(hits)
    result = run(small())
    returns = result.history.evaluation["episode_return"].tolist()
    programs = {"jit__chunk", "jit__init", "jit_run"}
    print(json.dumps({"hits": sorted(hits.names & programs), "returns": returns}))


if __name__ == "__main__":
    main()
