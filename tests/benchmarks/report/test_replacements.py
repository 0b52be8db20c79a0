"""Our methods beside the default and the best of what they replace, where the answer is known."""

from __future__ import annotations

import numpy as np

from benchmarks.report.replacements import Replacement, replacements_table
from tests.results.synthetic import make_record

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


def started(share: float, **options):
    """Half a run of others, whose best setting is `fixed (half, x 5)`, beside ours, the default and another."""
    first = {"warmup": 0.01}
    found = [
        make_record("adaptive", curve=ramp(400.0), config=first),
        make_record("fixed", curve=ramp(200.0), config=first),
        make_record("fixed", curve=ramp(300.0), variant="other", config=first),
        make_record(
            "fixed", curve=half, grid={"x": (2.0, 5.0)}, variant="half", budget=500, config={"warmup": share}, **options
        ),
    ]
    return replacements_table(found, (Replacement("adaptive", "fixed", ("other", "half"), unscheduled=True),), "Ours")


def ramp(height: float):
    return lambda seed, point, share: height * share + around(0.0)(seed, point, share)


def half(seed, point, share):
    return ramp(50.0 * point["x"])(seed, point, share)


def test_what_ran_half_as_long_is_compared_with_the_first_half_of_the_others():
    table = started(0.02)
    rows = {(facts["steps"], facts["metric"]): facts for facts in table.data}
    assert list(rows) == [(1000, "final"), (1000, "auc"), (500, "final"), (500, "auc")]
    assert rows[1000, "final"]["best"] == "fixed (other)"
    first = rows[500, "final"]
    assert first["best"] == "fixed (half, x 5)"
    assert abs(first["default"].value - 100.0) < 2, "ours after half of its steps less the default then"
    assert abs(first["beyond_best"].value + 50.0) < 2
    # The half run has twenty evaluations and the others ten by then; only those ten count: mean share 0.275.
    assert abs(rows[500, "auc"]["beyond_best"].value - (0.275 * 400 - 0.55 * 250)) < 2
    assert [row[5] for row in table.rows] == ["1k", "1k", "500", "500"]
    assert any("the beginning of a longer run is the shorter" in note for note in table.notes)


def test_what_began_otherwise_is_left_out_and_named():
    table = started(0.01)
    assert {facts["steps"] for facts in table.data} == {1000}
    said = "fixed (half) on HalfCheetah-v5 is left out: it ran 500 steps, adaptive 1k, and the one is not the beginning"
    assert any(note.startswith(said) for note in table.notes)


def test_losing_is_said_like_winning():
    said = lambda own: [row[7:9] for row in table(own).rows]
    assert all("better" in default and "worse" in best for default, best in said(200.0))
    assert all("better" in default and "better" in best for default, best in said(400.0))
    assert all("worse" in default and "worse" in best for default, best in said(50.0))


def test_nothing_is_said_without_both():
    assert not replacements_table([make_record("adaptive")], OURS, "Ours").rows
