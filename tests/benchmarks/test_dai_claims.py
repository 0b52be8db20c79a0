"""DAI's claims: complete, sourced, and judged without inventing what the sources do not say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.dai_claims import CLAIMS, MECHANISM_TEST, TASKS
from guided_rl.reporting import claims
from guided_rl.reporting.claims import ELSEWHERE, FAILS, HOLDS, TESTED, UNDECIDED, View
from guided_rl.reporting.records import Expert
from guided_rl.reporting.scales import Scale
from tests.reporting.synthetic import make_record

NAMES = ("D1", "D1'", "D2", "D2'", "D3", "D4", "D5", "D6", "D6'")


def as_claimed(base: str, preset: str) -> list:
    """Records in which DAI does what the paper says: four times early, twice at the end."""
    noise = lambda seed, width: width * (seed % 10 - 4.5)
    share_gain = lambda share: np.where(share <= 0.5, 4.0, 2.0)
    expert = Expert("bc", 150.0, 1000, "c")
    records = []
    for task in TASKS:
        dai = lambda seed, point, share: 100 * share_gain(share) + noise(seed, 1.0)
        plain = lambda seed, point, share: np.full(share.shape, 100.0) + noise(seed, 2.0)
        records.append(make_record(f"dai-{base}", task, dai, preset=preset, experts=[expert]))
        records.append(make_record(base, task, plain, preset=preset))
    return records


def test_every_claim_of_the_specification_is_there_once():
    ids = [claim.id for claim in CLAIMS]
    assert ids == [f"dai/{n}" for n in NAMES] + [f"dai/{n}.sac" for n in NAMES] + ["dai/D7"]
    assert all(claim.source and claim.metric and claim.threshold for claim in CLAIMS)


@pytest.mark.parametrize("base", ["td3", "sac"])
def test_records_that_do_what_the_paper_says_make_every_claim_hold(base):
    view = View(tuple(as_claimed(base, "paper")), "paper", lambda task: Scale(random=0.0))
    rows = [row for row in claims.ledger(CLAIMS, view) if row.claim.id.endswith(".sac") == (base == "sac")]
    verdicts = {row.claim.id: row.outcome.verdict for row in rows}
    assert verdicts.pop("dai/D7", TESTED) == TESTED
    assert set(verdicts.values()) == {HOLDS}, verdicts


def test_records_without_any_gain_make_no_gain_hold():
    records = [make_record(m, task, lambda s, p, x: 100.0 + s + 0 * x) for task in TASKS for m in ("td3", "dai-td3")]
    view = View(tuple(records), "paper", lambda task: Scale(random=0.0))
    verdicts = {row.claim.id: row.outcome.verdict for row in claims.ledger(CLAIMS, view)}
    for name in ("D1", "D1'", "D2", "D2'", "D3", "D4"):
        assert verdicts[f"dai/{name}"] == FAILS
    assert verdicts["dai/D5"] == UNDECIDED
    assert verdicts["dai/D1.sac"] == ELSEWHERE  # no cell of it was run


def test_the_quick_preset_judges_only_twins():
    view = View(tuple(as_claimed("sac", "quick")), "quick", lambda task: Scale(random=0.0))
    rows = claims.ledger(CLAIMS, view)
    assert {row.outcome.verdict for row in rows} == {ELSEWHERE, TESTED}
    assert {row.twin.verdict for row in rows if row.claim.id.endswith(".sac")} == {HOLDS}


def test_the_mechanism_test_exists():
    path, name = MECHANISM_TEST.split("::")
    assert f"def {name}(" in (Path(__file__).parents[2] / path).read_text()
