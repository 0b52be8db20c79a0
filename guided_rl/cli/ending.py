"""The command as a process of its own: it prints wherever it may, and ends soon when it is asked to.

Python runs signal handlers in its main thread between two of its own instructions, which may be minutes
apart while a library computes, and at its end it waits for every compiler's thread. So a thread listens to
signals as well, and ends the process where the main thread does not.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from guided_rl.runtime.errors import lenient_output

STOPPED = 130
GRACE = {1: 5.0, 2: 1.0}  # seconds for the main thread to end by itself, by how many signals came; Docker gives ten


class Listener:
    """Counts Ctrl-C and TERM from C, whatever the main thread does.

    Attributes:
      asked: how many came.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        threading.Thread(target=self._listen, name="guided-rl-signals", daemon=True).start()

    def _listen(self) -> None:
        while True:
            came = os.read(self._read, 16)
            self.asked += sum(number in (signal.SIGINT, signal.SIGTERM) for number in came)
            if self.asked >= 2 or (self.asked == 1 and not _trains()):
                seconds = GRACE[min(self.asked, 2)]
                threading.Thread(target=self._insist, args=(seconds,), daemon=True).start()

    def _insist(self, seconds: float) -> None:
        time.sleep(seconds)
        if self.asked >= 2 or not _trains():
            print("stopped at once; what was saved stays", file=sys.stderr)
            leave(STOPPED)


def as_process(command: Callable[[], int]) -> int:
    """Exit status of `command`, which a second signal always ends, and the first before anything is trained."""
    lenient_output()
    listener = Listener()
    status = command()
    if listener.asked and _alone():
        leave(status)
    return status


def leave(status: int) -> None:
    """End this process now, without waiting for its threads."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(status)


def _trains() -> bool:
    """Whether something was trained that the main thread may still have to save."""
    stopping = sys.modules.get("guided_rl.training.stopping")
    return stopping is not None and stopping.begun.is_set()


def _alone() -> bool:
    """Whether no other process shares this one's population, which would miss it at the end."""
    jax = sys.modules.get("jax")
    return jax is None or not jax.distributed.is_initialized()
