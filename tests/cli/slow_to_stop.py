"""A process that does not come to its signal handlers: `compile` compiles for a minute, `library` computes in C."""

from __future__ import annotations

import hashlib
import sys
import time

from guided_rl import cli
from guided_rl.training.run import Run

HEAVY = 200_000_000  # a minute of hashing outside of Python


class Slow:
    def compile(self):
        print("compiling", flush=True)
        time.sleep(60)


def compute(*_):
    print("computing", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", HEAVY)


if __name__ == "__main__":
    if sys.argv.pop(1) == "compile":
        Run.lowered = lambda self, name, width: Slow()
    else:
        Run.__init__ = compute
    sys.exit(cli.main())
