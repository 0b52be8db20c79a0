"""The picture of where local guides act is the same text on every machine."""

from __future__ import annotations

import numpy as np

from benchmarks.papers.pag import territory
from guided_rl.results.plot_style import svg

NOISE = 2e-6  # some float32 digits more than processors differ by


def drawn() -> str:
    figure = territory.territory(sorted({chart.task for chart in territory.CHARTS.values()}), "title")
    return svg(figure)


def test_last_digits_of_what_is_computed_do_not_change_the_picture(monkeypatch):
    rng = np.random.default_rng(0)
    measured = {id(chart): territory._measure(chart) for chart in territory.CHARTS.values()}

    def shaken(chart):
        depth, ways = measured[id(chart)]
        shake = lambda values: values + rng.choice([-NOISE, NOISE], values.shape)
        return shake(depth), None if ways is None else shake(ways)

    before = drawn()
    monkeypatch.setattr(territory, "_measure", shaken)
    assert drawn() == before
