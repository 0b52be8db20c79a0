"""Per-seed summaries: what early, final and AUC mean, and that failed seeds are left out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow.compute as pc
import pytest

from guided_rl.results import records, summaries
from guided_rl.runtime.errors import UserError
from tests.results.synthetic import constant, make_record

RAMP = lambda seed, point, share: 100 * share + seed


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("final", (95 + 100) / 2),
        ("early", 25),
        ("auc", np.arange(5, 101, 5).mean()),
        ("at:0.5", 50),
        ("auc:0.25", (5 + 10 + 15 + 20 + 25) / 5),
        ("sum", np.arange(5, 101, 5).sum()),
    ],
)
def test_summaries_of_twenty_points(metric, expected):
    record = make_record("sac", curve=RAMP, seeds=(0, 3))
    ours = summaries.sample(record, metric)
    np.testing.assert_allclose(ours.values, [expected, expected + 3 * (20 if metric == "sum" else 1)], rtol=1e-6)
    np.testing.assert_array_equal(ours.seeds, [0, 3])


@pytest.mark.parametrize(
    ("evaluations", "metric", "said"),
    [
        (20, "early", ""),
        (20, "at:0.05", ""),
        (10, "at:0.05", "read at 10 % of the budget, where the evaluation nearest to 5 % lies"),
        (25, "early", "read at 24 % of the budget, where the evaluation nearest to 25 % lies"),
        (25, "auc:0.025", "read up to 4 % of the budget instead of 2.5 %"),
        (10, "auc", ""),
        (10, "final", ""),
    ],
)
def test_a_share_at_which_nothing_was_evaluated_is_read_next_to_it_and_said_so(evaluations, metric, said):
    assert summaries.read_elsewhere([make_record("sac", evaluations=evaluations)], metric) == said


@pytest.mark.parametrize(("evaluations", "last"), [(1, 1), (5, 1), (20, 2), (40, 4)])
def test_final_is_the_last_tenth_of_the_points(evaluations, last):
    record = make_record("sac", curve=RAMP, seeds=(0,), evaluations=evaluations, budget=10_000)
    shares = np.arange(1, evaluations + 1) / evaluations
    np.testing.assert_allclose(summaries.sample(record, "final").values, 100 * shares[-last:].mean(), rtol=1e-6)


def test_what_is_evaluated_before_the_first_step_belongs_to_no_summary():
    curve = summaries.Curves(np.array([0]), np.array([0, 50, 100]), np.array([[99.0, 1.0, 3.0]]), {})
    assert summaries.summarise(curve, 100, "auc") == [2.0]
    assert summaries.summarise(curve, 100, "early") == [1.0]


def test_protocols_and_grid_points_stay_apart():
    curve = {"policy": lambda seed, point, share: np.full(share.shape, point["t_change"]), "mixture": constant(7.0)}
    record = make_record("dai-sac", curve=curve, grid={"t_change": (0.1, 0.5)})
    assert summaries.protocols(record) == ["policy", "mixture"]
    assert summaries.sample(record, "final", point=1).values == pytest.approx(np.full(10, 0.5))
    assert summaries.sample(record, "final", "mixture", 0).values == pytest.approx(np.full(10, 7.0))


def test_failed_seeds_are_listed_and_never_averaged_in():
    curve = lambda seed, point, share: np.where((seed == 4) & (share > 0.5), np.nan, 1.0 + 1000 * (seed == 2))
    record = make_record("sac", curve=curve, failed={"2/0": 300})
    ours = summaries.curves(record)
    assert ours.failed == {2: 300, 4: 550}
    assert summaries.sample(record, "final").values == pytest.approx(np.ones(8))


def test_a_ragged_record_is_refused():
    record = make_record("sac")
    rows = record.returns
    ragged = dataclasses.replace(
        record, returns=rows.filter(pc.invert(pc.and_(pc.equal(rows["seed"], 3), pc.equal(rows["step"], 500))))
    )
    with pytest.raises(UserError, match="lacks some seeds"):
        summaries.sample(ragged, "final")


def test_only_records_with_the_same_experts_are_paired():
    expert = records.Expert("e", 1.0, 2, "c")
    guided, other = make_record("dai-sac", experts=[expert]), make_record("step-dai-sac", experts=[expert])
    assert summaries.shared(guided, other)
    assert not summaries.shared(guided, make_record("sac"))
    assert not summaries.shared(guided, make_record("bc", experts=[expert], seeds=(0, 1)))
    assert summaries.shared(make_record("sac"), make_record("td3")), "no expert on either side, and the same resets"
    assert not summaries.shared(make_record("sac"), make_record("td3", seeds=(0, 1)))
    assert not summaries.shared(make_record("sac"), make_record("td3", config={"episodes": 4}))


def test_a_scripted_guide_is_shared_where_it_is_the_same():
    script = lambda method, guide: make_record(method, "cartpole-safe", config={"guide": guide})
    assert summaries.shared(script("pag", "local"), script("sag", "local"))
    assert not summaries.shared(script("pag", "local"), script("pag", "local,shift=0.4"))
    assert not summaries.shared(script("pag", "local"), script("sac", None))


def test_what_training_episodes_returned_is_their_mean_wherever_any_ended():
    """Episodes end in every second of twenty intervals; seed 3 never ends one, and seed 4 is lost."""
    ends = lambda share: np.arange(share.size) % 2 == 1
    trained = lambda seed, point, share: np.where(ends(share) & (seed != 3), 100 * share + seed, np.nan)
    record = make_record("sac", trained=trained, seeds=(0, 2, 3, 4), failed={"4/0": 700})
    early, final = (summaries.behaviour(record, metric) for metric in ("early", "final"))
    np.testing.assert_array_equal(early.seeds, [0, 2])
    np.testing.assert_allclose(early.values, [(10 + 20) / 2, (10 + 20) / 2 + 2], rtol=1e-6)
    np.testing.assert_allclose(final.values, [100, 102], rtol=1e-6)
    assert summaries.behaviour(make_record("sac"), "final").n == 0


def test_many_short_training_episodes_count_each():
    record = make_record("sac", trained=lambda seed, point, share: np.where(share > 0.95, 10.0, 40.0))
    more = pc.if_else(pc.and_(pc.equal(record.training["metric"].cast("string"), "episodes"), late(record)), 5.0, 1.0)
    values = pc.if_else(pc.equal(record.training["metric"].cast("string"), "episodes"), more, record.training["value"])
    training = record.training.set_column(4, "value", values)
    found = summaries.behaviour(dataclasses.replace(record, training=training), "final")
    np.testing.assert_allclose(found.values, (40 + 5 * 10) / 6)


def late(record: records.Record):
    return pc.greater(record.training["step"], 950)


def test_training_metrics_are_read_the_same_way():
    record = make_record("sac")
    curve = summaries.training_curves(record, "episodes")
    np.testing.assert_array_equal(summaries.summarise(curve, record.budget, "sum"), np.full(10, 20.0))
