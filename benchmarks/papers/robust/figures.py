"""Where policies go in the walled grids: naive, the linear programme's, and the mixture of the perturbed leader."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benchmarks.papers.robust.claims import epsilon_of, experts_of, problem_of, reference
from guided_rl import api
from guided_rl.config import RunConfig
from guided_rl.results.plot_style import STYLE, panels
from guided_rl.results.records import Record

SHOWN = ("RobustGrid-5", "RobustGrid-10")
METHODS = {"naive-planning": "naive", "reward-robust": "perturbed leader"}


@functools.lru_cache(maxsize=8)
def occupancy_of(method: str, task: str, rounds: int, epsilon: float, experts: str, samples: int) -> np.ndarray:
    """The mixture [cells, actions] of seed 0 after these rounds, planned anew: records keep no policies."""
    options = {"experts": experts, "samples": samples}
    hparams = {"epsilon": epsilon}
    config = RunConfig(task, method, steps=rounds, seeds=1, evaluations=1, episodes=1, options=options, hparams=hparams)
    return np.asarray(api.train(config).agents.memory["occupancy"][0])


def occupancies(records: Sequence[Record], title: str) -> Figure | None:
    """Discounted visits of every cell, the wall framed; one row a grid."""
    found = {(r.task, r.method): r for r in records if r.main and r.task in SHOWN and r.method in METHODS}
    tasks = [task for task in SHOWN if all((task, method) in found for method in METHODS)]
    if not tasks:
        return None
    names = [*METHODS.values()]
    names.insert(1, "linear programme")
    with matplotlib.rc_context(STYLE):
        figure, axes = panels([f"{task}: {name}" for task in tasks for name in names], title)
        for row, task in enumerate(tasks):
            robust = found[task, "reward-robust"]
            visits = [_planned(found[task, "naive-planning"])]
            visits += [reference(task, experts_of(robust), epsilon_of(robust)).occupancy, _planned(robust)]
            for axis, one in zip(axes[3 * row :], visits, strict=False):
                _draw(axis, one, task)
    return figure


def _planned(record: Record) -> np.ndarray:
    samples = record.config["options"].get("samples", 4096)
    return occupancy_of(record.method, record.task, record.budget, epsilon_of(record), experts_of(record), samples)


def _draw(axis, visits: np.ndarray, task: str) -> None:
    problem = problem_of(task)
    cells = visits.sum(-1)[:-1]
    side = round(len(cells) ** 0.5)
    axis.imshow(cells.reshape(side, side), cmap="Blues", vmin=0.0, vmax=1.0)
    for cell in np.flatnonzero(problem.test.features[:-1, problem.unseen]):
        row, column = divmod(int(cell), side)
        axis.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, color="#D55E00", lw=1.5, hatch="///"))
    for cell, letter in ((int(np.argmax(problem.test.start)), "S"), (_goal(problem), "G")):
        row, column = divmod(cell, side)
        axis.text(column, row, letter, ha="center", va="center", fontsize=8)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)


def _goal(problem) -> int:
    return int(np.argmax(problem.test.features[:, 0]))


def figures(records: Sequence[Record], title: str) -> dict[str, Figure | None]:
    return {"occupancies": occupancies(records, f"{title}: discounted visits")}
