"""Our methods beside the default and the best of what they replace, where the answer is known."""

from __future__ import annotations

import numpy as np

from guided_rl.reporting.replacements import Replacement, replacements_table
from tests.reporting.synthetic import make_record

OURS = (Replacement("adaptive", "fixed", ("sweep", "other", "short")),)


def around(centre: float):
    return lambda seed, point, share: centre + np.random.default_rng(seed).normal(size=share.shape)


def swept(seed, point, share):
    return around(100.0 * point["x"])(seed, point, share)


def table(own: float):
    found = [
        make_record("adaptive", curve=around(own)),
        make_record("fixed", curve=around(100.0)),
        make_record("fixed", curve=swept, grid={"x": (0.5, 3.0, 2.0)}, variant="sweep"),
        make_record("fixed", curve=around(150.0), variant="other"),
        make_record("fixed", curve=around(900.0), variant="short", budget=500),
        make_record("fixed", curve=around(800.0), variant="not asked for"),
    ]
    return replacements_table(found, OURS, "Ours")


def test_the_best_fixed_setting_is_found_among_grid_points_of_the_same_budget():
    for facts in table(200.0).data:
        assert facts["best"] == "fixed (sweep, x 3)"
        assert abs(facts["default"].value - 100.0) < 2
        assert abs(facts["beyond_best"].value + 100.0) < 2


def test_losing_is_said_like_winning():
    said = lambda own: [row[6:8] for row in table(own).rows]
    assert all("better" in default and "worse" in best for default, best in said(200.0))
    assert all("better" in default and "better" in best for default, best in said(400.0))
    assert all("worse" in default and "worse" in best for default, best in said(50.0))


def test_nothing_is_said_without_both():
    assert not replacements_table([make_record("adaptive")], OURS, "Ours").rows
