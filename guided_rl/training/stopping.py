"""How a run is stopped by Ctrl-C or TERM: at once while nothing can be lost, else at the end of its chunk."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from guided_rl.runtime.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
begun = threading.Event()  # set for good once this process has begun to train


class Stop:
    """Whether a run was asked to stop.

    Attributes:
      at_once: whether it may end where it is, because it only waits for a compiler. Elsewhere an exception might be
        taken for another, as within an import.
    """

    def __init__(self) -> None:
        self.at_once = False
        self._asked = threading.Event()

    def is_set(self) -> bool:
        return self._asked.is_set()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """While a program is compiled, which takes longer than training again from the last checkpoint."""
        before, self.at_once = self.at_once, True
        try:
            if self.is_set():
                self._end()
            yield
        finally:
            self.at_once = before

    def ask(self, *_: object) -> None:
        """As a signal's handler, in the main thread; a second signal is immediate."""
        if self.is_set():
            raise KeyboardInterrupt
        self._asked.set()
        if self.at_once:
            self._end()

    def _end(self) -> None:
        raise Interrupted("stopped before a program was compiled; the same command goes on from what was saved, if any")


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """The first Ctrl-C or TERM asks for a stop; a second one is immediate."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.ask) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
