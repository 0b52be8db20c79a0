"""What a person sees of a running population: a progress bar, and its curves in W&B."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from guided_rl.results.wandb_log import Logger
from guided_rl.runtime.progress import ProgressBar
from guided_rl.training.history import History
from guided_rl.training.run import Observer, Progress, Run


@contextlib.contextmanager
def watching(run: Run, group: str, folder: Path) -> Iterator[list[Observer]]:
    """Observers for one execution of `run`; on leaving, the bar and W&B are closed.

    Args:
      group: W&B's group, "table/task/method". folder: where W&B keeps its files.
    """
    config = run.config
    waves = -(-run.plan.population // run.plan.width)
    bar = ProgressBar(f"{config.method} on {config.task}", waves * config.steps, min(len(run.seeds), run.plan.width))
    curves = _Curves(run, group, folder, bar)
    with bar:
        try:
            yield [lambda seen: _move(bar, run, seen), curves]
        finally:
            curves.finish()


def _wave(run: Run, seen: Progress) -> int:
    """Number of the wave whose members are seen."""
    same = (run.seeds == seen.seeds[0]) & (run.points == seen.points[0])
    return int(np.flatnonzero(same)[0]) // run.plan.width


def _move(bar: ProgressBar, run: Run, seen: Progress) -> None:
    lost = np.count_nonzero(~seen.alive)
    bar.update(
        _wave(run, seen) * run.config.steps + seen.step,
        seen.history.mean_returns(seen.point, tuple(run.method.policies), seen.alive),
        f"{lost} failed" if lost else "",
    )


class _Curves:
    """One logger for all waves, opened at the first evaluation point.

    The population's own curve begins with the last wave, since W&B takes the steps of a run in order only.
    """

    def __init__(self, run: Run, group: str, folder: Path, bar: ProgressBar):
        self.run, self.group, self.folder, self.bar = run, group, folder, bar
        self.logger: Logger | None = None

    def __call__(self, seen: Progress) -> None:
        plan = self.run.plan
        self.logger = logger = self.logger or self._open()
        parts = [self._metrics(history, seen.point) for history in (*seen.earlier, seen.history)]
        first = len(seen.earlier) * plan.width
        real = plan.population - first  # the last wave's padding has no curve of its own
        logger.log(seen.step, {name: values[:real] for name, values in parts[-1].items()}, first)
        if real <= plan.width:
            whole = {name: np.concatenate([part[name] for part in parts])[: plan.population] for name in parts[-1]}
            logger.log_population(seen.step, whole)

    def _metrics(self, history: History, point: int) -> dict[str, np.ndarray]:
        """What one wave measured at an evaluation point, [members] each."""
        evaluation = history.evaluation["episode_return"][point]
        metrics = {f"return/{n}": evaluation[:, i].mean(-1) for i, n in enumerate(self.run.method.policies)}
        means = history.training_means(self.run.config.interval)
        return {**metrics, **{name: values[point] for name, values in means.items()}}

    def _open(self) -> Logger:
        run, points = self.run, self.run.config.points()
        values = [points[i] for i in run.points]
        return Logger(self.folder, self.group, run.config.to_json(), run.seeds.tolist(), values, say=self.bar.say)

    def finish(self) -> None:
        if self.logger is not None:
            self.logger.finish()
