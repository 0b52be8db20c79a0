"""Readings: a view in which a setting stands for the main cell, and a verdict only where all readings agree."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.claims import judges
from benchmarks.claims.ledger import FAILS, HOLDS, UNDECIDED, Missing, Outcome, View
from benchmarks.claims.readings import Reading, Setting, Source, agreed, as_main, in_words, read_as, under_every_reading
from guided_rl.results.scales import Scale
from guided_rl.results.summaries import curves, protocols, sample, training_curves
from tests.results.synthetic import make_record

A, B = "HalfCheetah-v5", "Walker2d-v5"
TUNED = Setting("tuned", (Source("tuned"),))
SHORT = Setting("t 0.1", (Source("sweep", {"t": 0.1}),))
LONG = Setting("t 0.5", (Source("sweep", {"t": 0.5}), Source()), default=True)
SETTINGS = (TUNED, SHORT, LONG)


def noisy(value: float):
    return lambda seed, point, share: value + 0.1 * (seed % 10 - 4.5) + 0 * share


def view_of(*records) -> View:
    return View(records, "paper", lambda task: Scale(random=0.0, expert=100.0))


def judged(view: View, tasks=(A,), **changes) -> Outcome:
    over = lambda tasks: judges.gain_on_each("g", "b", tasks, "final", 0.5)
    return under_every_reading(over, tasks, "g", SETTINGS, "b", unit="gain", **changes)(view)


def sweep(task: str, short: float, long: float, **settings):
    curve = lambda seed, point, share: noisy(short if point["t"] == 0.1 else long)(seed, point, share)
    return make_record("g", task, curve, grid={"t": (0.1, 0.5)}, variant="sweep", **settings)


def main_and_tuned(task: str, value: float, tuned: float):
    return [
        make_record("b", task, noisy(10.0)),
        make_record("g", task, noisy(value)),
        make_record("g", task, noisy(tuned), variant="tuned"),
    ]


def test_one_point_of_a_sweep_read_by_a_protocol_is_a_main_cell():
    curve = lambda scale: lambda seed, point, share: scale * point["t"] * (1 + seed) + 0 * share
    record = make_record(
        "g",
        A,
        {"policy": curve(1.0), "mixture": curve(2.0)},
        grid={"t": (0.1, 0.5)},
        variant="sweep",
        failed={"3/0": 100, "4/1": 200},
        failures=1.0,
    )
    shown = as_main(record, 1, "mixture")
    assert shown.main and shown.config["hparams"] == {"t": 0.5} and protocols(shown) == ["policy"]
    expected = sample(record, "final", "mixture", 1)
    np.testing.assert_array_equal(sample(shown, "final").values, expected.values)
    np.testing.assert_array_equal(sample(shown, "final").seeds, [0, 1, 2, 3, 5, 6, 7, 8, 9])
    assert curves(shown).failed == {4: 200}
    np.testing.assert_array_equal(
        training_curves(shown, "failures").values, training_curves(record, "failures", 1).values
    )


def test_a_sweep_stands_in_for_the_main_cell_where_it_was_run():
    view = view_of(*main_and_tuned(A, 20.0, 30.0), *main_and_tuned(B, 20.0, 30.0), sweep(A, 40.0, 50.0))

    def level(setting: Setting, task: str) -> float:
        return np.mean(read_as(view, (A, B), "g", setting, base="b")[0].sample("g", task, "final").values)

    assert [level(LONG, A), level(LONG, B), level(TUNED, B)] == pytest.approx([50.0, 20.0, 30.0])
    shown, there = read_as(view, (A, B), "g", SHORT, base="b")
    assert there == (A,) and shown.find("g", B) is None and shown.find("b", B) is None
    assert shown.find("g", A, "tuned") is not None, "variants stay"


def test_the_base_with_more_seeds_is_preferred_and_read_by_its_own_policy():
    more = make_record("b", A, noisy(10.0), seeds=tuple(range(40)), variant="more")
    view = view_of(*main_and_tuned(A, 20.0, 30.0), more)
    for variants, seeds in ((("more", ""), 40), (("",), 10)):
        shown, _ = read_as(view, (A,), "g", TUNED, base="b", base_variants=variants)
        assert len(shown.record("b", A).seeds) == seeds


def test_a_verdict_needs_all_readings_to_agree():
    assert judged(view_of(*main_and_tuned(A, 20.0, 30.0), sweep(A, 20.0, 20.0))).verdict == HOLDS
    assert judged(view_of(*main_and_tuned(A, 9.0, 8.0), sweep(A, 9.0, 9.0))).verdict == FAILS
    found = judged(view_of(*main_and_tuned(A, 9.0, 30.0), sweep(A, 9.0, 9.0)))
    assert found.verdict == UNDECIDED and found.value == pytest.approx(2.0), "the value is the tuned one's"
    assert found.note.startswith("the readings differ; tuned: own policy +200 % [")
    assert "t 0.1: own policy −10 % [" in found.note and "(does not hold)" in found.note


def test_protocols_are_readings_too():
    both = lambda own, mixed: {"policy": noisy(own), "mixture": noisy(mixed)}
    cells = lambda mixed: [make_record("g", A, both(9.0, mixed), variant=v) for v in ("", "tuned")]
    base = make_record("b", A, noisy(10.0))
    assert judged(view_of(base, *cells(9.0)), evaluated=("policy", "mixture")).verdict == FAILS
    differ = judged(view_of(base, *cells(90.0)), evaluated=("policy", "mixture"))
    assert differ.verdict == UNDECIDED and "executed mixture +800 %" in differ.note
    assert judged(view_of(base, *cells(90.0))).verdict == FAILS, "only the own policy is asked for"


def test_our_default_alone_decides_nothing_and_what_is_missing_is_said():
    base, main, _ = main_and_tuned(A, 20.0, 30.0)
    alone = judged(view_of(base, main))
    assert alone.verdict == UNDECIDED and "no setting but our default" in alone.note
    with pytest.raises(Missing):
        judged(view_of(base))


OUTCOME = {verdict: Outcome(None, None, verdict) for verdict in (HOLDS, FAILS, UNDECIDED)}


@pytest.mark.parametrize("whole, other, part", list(itertools.product((HOLDS, FAILS, UNDECIDED), repeat=3)))
def test_readings_on_fewer_tasks_can_only_take_a_verdict_away(whole, other, part):
    reading = lambda setting, tasks, verdict: Reading(setting, "policy", tasks, len(tasks) == 2, OUTCOME[verdict])
    found, reason = agreed([reading(TUNED, (A, B), whole), reading(LONG, (A, B), other), reading(SHORT, (A,), part)])
    contradicted = {whole, part} == {HOLDS, FAILS}
    assert found == (whole if whole == other and not contradicted else UNDECIDED)
    assert bool(reason) == (found == UNDECIDED and not (whole == other == UNDECIDED and part == UNDECIDED))


def test_settings_run_on_fewer_tasks_say_so():
    reading = Reading(SHORT, "policy", (A,), False, judged(view_of(*main_and_tuned(A, 20.0, 30.0))))
    (phrase,) = in_words([reading], "gain")
    assert phrase.startswith(f"t 0.1 on {A} alone: own policy +200 % [")


def test_readings_of_a_method_without_a_base():
    over = lambda tasks: judges.reaches_expert("g", tasks, "final", 0.5, at_least=1)
    records = [make_record("g", A, noisy(60.0), variant=variant) for variant in ("", "tuned")]
    assert under_every_reading(over, (A,), "g", SETTINGS)(view_of(*records)).verdict == HOLDS
