"""The whole ledger under trial: no kind of claim errs more often than it may."""

from __future__ import annotations

import pytest

from benchmarks.claims import error_rates
from benchmarks.claims.error_rates import KINDS, WORLDS

RUNS = 200
MOST = 0.05 + 2 * 0.0154  # two standard errors of the simulation at 5 %


@pytest.mark.slow
@pytest.mark.parametrize("world", ["10 seeds", "16 seeds, 8 experts", "10 seeds, 3 experts"])
@pytest.mark.parametrize("name", KINDS)
def test_wrong_verdicts_are_rare_at_the_threshold(name, world):
    kind = KINDS[name]
    assert max(error_rates.rates(kind, WORLDS[world], RUNS)) <= MOST
    if kind.decides:
        assert error_rates.rates(kind, WORLDS[world], RUNS, far=True)[0] <= MOST


def test_known_effects_are_found_and_the_table_says_how_often_nothing_is():
    kind = KINDS["better on each (sac-eo/E1, E3)"]
    world = WORLDS["16 seeds, 8 experts"]
    effect = error_rates.Kind(kind.judge, kind.tasks, 130.0)
    assert error_rates.rates(effect, world, 20)[0] > 0.9
    found = error_rates.table(10, {"better": kind}, {"w": world})
    assert (found.rows[0][:2], len(found.rows[0]), len(found.columns)) == (("better", "w"), 5, 5)
    assert set(found.data[0]) == {"claim", "world", "holds", "does not hold", "holds, far"}
