"""DAI's claims: complete, sourced, and judged without inventing what the sources do not say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.claims import ledger
from benchmarks.claims.ledger import ELSEWHERE, FAILS, HOLDS, TESTED, UNDECIDED, View
from benchmarks.papers.dai.claims import CHOSEN, CLAIMS, MANY_BASE, MANY_SEEDS, MECHANISM_TEST, T_CHANGES, TASKS
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale
from tests.results.synthetic import make_record

NAMES = ("D1", "D1'", "D2", "D2'", "D3", "D4", "D5", "D6", "D6'")


def as_claimed(base: str, preset: str) -> list:
    """Records in which DAI does what the paper says: four times early, twice at the end, and above its expert."""
    noise = lambda seed, width: 100 * width * (seed % 10 - 4.5)
    share_gain = lambda share: np.where(share <= 0.5, 4.0, 2.0)
    expert = Expert("bc", 9_000.0, 1000, "c")
    records = []
    for task in TASKS:
        dai = lambda seed, point, share: 10_000 * share_gain(share) + noise(seed, 1.0)
        plain = lambda seed, point, share: np.full(share.shape, 10_000.0) + noise(seed, 2.0)
        for variant in ("", CHOSEN):
            records.append(make_record(f"dai-{base}", task, dai, preset=preset, experts=[expert], variant=variant))
        records.append(make_record(base, task, plain, preset=preset))
    return records


def test_every_claim_of_the_specification_is_there_once():
    ids = [claim.id for claim in CLAIMS]
    assert ids == [f"dai/{n}" for n in NAMES] + [f"dai/{n}.sac" for n in NAMES] + ["dai/D7"]
    assert all(claim.source and claim.metric and claim.threshold for claim in CLAIMS)


@pytest.mark.parametrize("base", ["td3", "sac"])
def test_records_that_do_what_the_paper_says_make_every_claim_hold(base):
    view = View(tuple(as_claimed(base, "paper")), "paper", lambda task: Scale(random=0.0))
    rows = [row for row in ledger.ledger(CLAIMS, view) if row.claim.id.endswith(".sac") == (base == "sac")]
    verdicts = {row.claim.id: row.outcome.verdict for row in rows}
    assert verdicts.pop("dai/D7", TESTED) == TESTED
    assert set(verdicts.values()) == {HOLDS}, verdicts


def test_records_without_any_gain_make_no_gain_hold():
    cells = (("td3", ""), ("dai-td3", ""), ("dai-td3", CHOSEN))
    level = lambda seed, point, share: 100.0 + seed + 0 * share
    records = [make_record(m, task, level, variant=variant) for task in TASKS for m, variant in cells]
    view = View(tuple(records), "paper", lambda task: Scale(random=0.0))
    verdicts = {row.claim.id: row.outcome.verdict for row in ledger.ledger(CLAIMS, view)}
    for name in ("D1", "D1'", "D2", "D2'", "D3", "D4"):
        assert verdicts[f"dai/{name}"] == FAILS
    assert verdicts["dai/D5"] == UNDECIDED
    assert verdicts["dai/D1.sac"] == ELSEWHERE  # no cell of it was run


def test_the_quick_preset_judges_only_twins():
    view = View(tuple(as_claimed("sac", "quick")), "quick", lambda task: Scale(random=0.0))
    rows = ledger.ledger(CLAIMS, view)
    assert {row.outcome.verdict for row in rows} == {ELSEWHERE, TESTED}
    assert {row.twin.verdict for row in rows if row.claim.id.endswith(".sac")} == {HOLDS}


def verdicts_of(records: list) -> dict[str, ledger.Outcome]:
    view = View(tuple(records), "paper", lambda task: Scale(random=0.0))
    return {row.claim.id: row.outcome for row in ledger.ledger(CLAIMS, view)}


def test_our_default_of_t_change_decides_nothing_alone():
    found = verdicts_of([record for record in as_claimed("sac", "paper") if not record.variant])
    assert {found[f"dai/{name}.sac"].verdict for name in NAMES} == {UNDECIDED}
    assert "no setting but our default was run on every task" in found["dai/D1.sac"].note
    assert "T_change 0.5: own policy +300 %" in found["dai/D1.sac"].note


def test_another_t_change_that_says_otherwise_leaves_a_claim_undecided_and_is_shown():
    """D2 fails at the default and the chosen T_change on four tasks, but holds at 0.1 on the two with 40 seeds."""
    noise = lambda seed: seed % 10 - 4.5
    worse = lambda seed, point, share: 100.0 + noise(seed) + 0 * share
    swept = lambda seed, point, share: (300.0 if point["t_change"] == 0.1 else 100.0) + noise(seed) + 0 * share
    cells = (("sac", ""), ("dai-sac", ""), ("dai-sac", CHOSEN))
    records = [make_record(m, task, worse, variant=variant) for task in TASKS for m, variant in cells]
    assert verdicts_of(records)["dai/D2.sac"].verdict == FAILS
    for task in TASKS[:2]:
        many = {"seeds": tuple(range(40)), "variant": MANY_SEEDS, "grid": {"t_change": T_CHANGES}}
        records.append(make_record("dai-sac", task, swept, **many))
        records.append(make_record("sac", task, worse, seeds=tuple(range(40)), variant=MANY_BASE))
    found = verdicts_of(records)["dai/D2.sac"]
    assert (found.verdict, found.value) == (UNDECIDED, pytest.approx(0.0))
    assert found.note.startswith("the readings differ")
    told = rf"T_change 0.1 on {TASKS[0]} and {TASKS[1]} alone: own policy \+200 % \[[^]]*\] \(holds\)"
    assert re.search(told, found.note)


def test_the_mechanism_test_exists():
    path, name = MECHANISM_TEST.split("::")
    assert f"def {name}(" in (Path(__file__).parents[3] / path).read_text()
