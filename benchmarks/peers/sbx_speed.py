"""One SBX agent that trains a piece each time a line arrives, and answers with its seconds.

Runs in the peers' environment, takes the arguments of `sbx_run.py` (`--steps` is the length of
a piece) and lives between pieces, so that two programs can take turns on one machine. The first
piece holds warm-up and compilation.
"""

from __future__ import annotations

import sys
import time

import sbx_run


def main() -> None:
    args = sbx_run.parser().parse_args()
    model = sbx_run.make(args)
    for _ in sys.stdin:
        begin = time.perf_counter()
        model.learn(args.steps, reset_num_timesteps=False, log_interval=10**9)
        print(time.perf_counter() - begin, flush=True)


if __name__ == "__main__":
    main()
