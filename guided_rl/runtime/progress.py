"""Progress of a run: a bar where a person watches, now and then a line where nobody does."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

SHARE_BETWEEN_LINES = 0.1
SECONDS_BETWEEN_LINES = 30.0


class ProgressBar:
    """Follows one population through its budget; use it as a context manager.

    The speed is that of all members together, without what happened before the first `update`
    (compilation, mostly): environment steps of the whole population per second.

    Args:
      title: such as "dai-sac on HalfCheetah-v5".
      total: environment steps per member.
      members: population size.
      start: steps already done, where a run goes on.
      stream: where to write, stderr by default; a bar is drawn only if it is a terminal.
      clock: seconds, for tests.
    """

    def __init__(
        self,
        title: str,
        total: int,
        members: int = 1,
        start: int = 0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._title, self._total, self._members, self._clock = title, total, members, clock
        self._stream = stream or sys.stderr
        self._from_step, self._since = start, clock()
        self._line_share, self._line_time = start / max(total, 1), -math.inf
        self._seen_first = False
        self._bar = self._make_bar(start) if self._stream.isatty() else None

    def __enter__(self) -> ProgressBar:
        if self._bar:
            self._bar.start()
        else:
            self._print(f"{self._title}: {self._total:,} steps × {self._members} members, compiling")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, step: int, returns: Mapping[str, float] | None = None, note: str = "") -> None:
        """Show that `step` steps per member are done, and each evaluation protocol's latest mean return."""
        now = self._clock()
        if not self._seen_first:
            # What came before is compilation, which must not count in the speed.
            self._seen_first, self._from_step, self._since = True, step, now
        facts = self._facts(step, now, returns or {}, note)
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=step, facts=facts)
            return
        share = step / max(self._total, 1)
        late = now - self._line_time >= SECONDS_BETWEEN_LINES
        if step >= self._total or (late and share - self._line_share >= SHARE_BETWEEN_LINES) or self._line_time < 0:
            self._line_share, self._line_time = share, now
            self._print(f"{self._title}: {share:4.0%}  step {step:,}  {facts}".rstrip())

    def say(self, sentence: str) -> None:
        """Print one sentence without tearing the bar."""
        if self._bar:
            self._bar.console.print(sentence, markup=False, highlight=False)
        else:
            self._print(sentence)

    def _facts(self, step: int, now: float, returns: Mapping[str, float], note: str) -> str:
        parts, done, seconds = [], step - self._from_step, now - self._since
        if done > 0 and seconds > 0:
            parts.append(f"{done * self._members / seconds:,.0f} steps/s")
            if step < self._total:
                parts.append(f"{duration((self._total - step) * seconds / done)} left")
        if returns:
            parts.append(f"return {returns_in_words(returns)}")
        return "  ".join([*parts, *([note] if note else [])])

    def _make_bar(self, start: int) -> Bar:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[facts]}"),
        )
        bar = Bar(*columns, console=Console(file=self._stream))
        bar.add_task(self._title, total=self._total, completed=start, facts="compiling")
        return bar

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def returns_in_words(returns: Mapping[str, float]) -> str:
    """The learner's own mean return, which comes first, then those of what else was played: 12.3, mixture 45.6."""
    own, *others = returns.items()
    return ", ".join([f"{own[1]:,.1f}", *(f"{name} {value:,.1f}" for name, value in others)])


def duration(seconds: float) -> str:
    """Seconds as a person says them: 48 s, 3 min 20 s, 2 h 5 min."""
    seconds = max(round(seconds), 0)
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
