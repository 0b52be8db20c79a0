"""PEX's claims, judged from made-up records."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.claims import ledger
from benchmarks.claims.ledger import FAILS, HOLDS, UNDECIDED, View
from benchmarks.papers.pex import table as pex
from benchmarks.papers.pex.claims import (
    ABLATED,
    ANTMAZE,
    BASELINES,
    BETA_SETS,
    CLAIMS,
    FREE,
    FRESH,
    GATE,
    LOCOMOTION,
    LONG_MAZES,
    OFFLINE,
    README,
    README_SET,
    SWEEP,
)
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale
from tests.results.synthetic import make_record

AGENTS = tuple(Expert("offline", 50.0, 1000, "c") for _ in range(10))
UNIT = lambda task: Scale(0.0, 100.0)


def level(value: float, spread: float = 1.0):
    return lambda seed, point, share: np.full(share.shape, value + spread * (seed - 4.5))


def records_of(gain: float = 10.0, offline: float = 50.0, free: float = 5.0, preset: str = "paper") -> list:
    """Records in which PEX is above direct by `gain`, and above its variants by `free`; twice that on AntMaze."""
    found = []
    behaviour = (Expert("medium", 60.0, 1000, "d"),)
    for task in LOCOMOTION + ANTMAZE:
        plus = gain * (2 if task in ANTMAZE else 1)
        add = lambda method, value, variant="", experts=AGENTS, task=task, **more: found.append(
            make_record(
                method, task, level(value), variant=variant, experts=experts, table="pex", preset=preset, **more
            )
        )
        add("iql-offline", offline, OFFLINE, behaviour)
        add("pex", offline + plus)
        add("direct", offline)
        if task in BETA_SETS:
            more = {"config": {"hparams": {"awr_temperature": 10.0}}}
            add("iql-offline", offline, f"{OFFLINE}, β 10", behaviour, **more)
            add("pex", offline + plus + 3, "β 10", **more)
            add("direct", offline, "β 10", **more)
        if task == README_SET:
            add("pex", offline + plus + 7, README)
            add("direct", offline, README)
        add("buffer", offline - 5, experts=behaviour)
        if task in ABLATED:
            for method in BASELINES:
                add(method, offline)
            for variant in (FREE, FRESH):
                add("pex", offline + plus - free, variant)
            sweep = lambda seed, point, share: np.full(share.shape, 10 * np.log(point["inverse_temperature"]) + seed)
            grid = {"inverse_temperature": pex.KAPPA}
            found.append(make_record("pex", task, sweep, grid=grid, variant=SWEEP, table="pex", preset=preset))
    for task in dict.fromkeys(task.partition("/")[0] for task in LOCOMOTION + ANTMAZE):
        found.append(make_record("iql", task, level(10.0), table="pex", preset=preset))
    return found


def verdicts(records: list) -> dict[str, ledger.Outcome]:
    view = View(tuple(records), "paper", UNIT)
    return {row.claim.id: row.outcome for row in ledger.ledger(CLAIMS, view)}


def test_every_claim_of_the_specification_is_there_with_its_source():
    ids = [claim.id for claim in CLAIMS]
    assert len(set(ids)) == len(ids)
    for number in range(1, 7):
        assert any(i.startswith(f"pex/C{number}") for i in ids)
    assert all(claim.source and claim.metric and claim.threshold for claim in CLAIMS)


def test_records_that_do_what_the_paper_says_make_every_claim_hold():
    found = verdicts(records_of())
    assert {outcome.verdict for outcome in found.values()} == {HOLDS}, found
    assert found["pex/C1"].value == pytest.approx((9 * 10 + 4 * 20) / 13)
    assert found["pex/C2"].value == pytest.approx(10.0)
    assert found["pex/C4"].value == pytest.approx(5.0)
    assert found["pex/C1.beta3"].value == pytest.approx(10.0)
    assert found["pex/C1.beta10"].value == pytest.approx(13.0)
    assert found["pex/C1.readme"].value == pytest.approx(17.0)


def test_claims_about_beta_find_it_by_its_value_whichever_row_is_the_main_one():
    """At presets long and paper the main rows have β 10 and the variants 3."""
    turned = []
    for record in records_of():
        if record.task in BETA_SETS and record.variant in ("", OFFLINE):
            record = dataclasses.replace(record, config={**record.config, "hparams": {"awr_temperature": 10.0}})
        elif "β 10" in record.variant:
            variant = record.variant.replace("β 10", "β 3")
            record = dataclasses.replace(record, variant=variant, config={**record.config, "hparams": {}})
        turned.append(record)
    found = verdicts(turned)
    assert found["pex/C1.beta3"].value == pytest.approx(13.0)
    assert found["pex/C1.beta10"].value == pytest.approx(10.0)
    none = verdicts([r for r in turned if "β 3" not in r.variant])
    assert none["pex/C1.beta3"].verdict not in (HOLDS, FAILS)
    assert "not run on HalfCheetah-v5/medium-replay" in none["pex/C1.beta3"].note


def test_what_preset_long_runs_decides_the_claims_about_its_part():
    ran = {f"{cell.config.task}/{cell.setting}" for cell in pex.cells("long")}
    assert ran == {*BETA_SETS, *LONG_MAZES}
    found = verdicts([r for r in records_of() if r.task in ran])
    decided = {name.removeprefix("pex/") for name, outcome in found.items() if outcome.verdict == HOLDS}
    assert decided >= {"C1.mazes", "C1.mazes.buffer", "C1.replay.buffer", "C1.beta3", "C1.beta10", "C3.part"}
    assert not decided & {"C1", "C1.locomotion", "C1.antmaze", "C2", "C3"}


def test_a_claim_that_spans_antmaze_says_first_that_it_says_nothing_about_it():
    """Umaze needs 50 and medium mazes 20; locomotion half of its data's own."""
    low = [
        make_record(r.method, r.task, level(15.0), variant=OFFLINE, experts=r.experts, table="pex")
        if r.variant == OFFLINE and r.task in ANTMAZE
        else r
        for r in records_of()
    ]
    found = verdicts(low)
    for name in ("C1", "C1.buffer'", "C3"):
        note = found[f"pex/{name}"].note
        assert note.startswith("judged without 4 of 1"), note
        assert "so that it says nothing about AntMaze; " in note
        assert found[f"pex/{name}"].verdict == HOLDS
    for name in ("C1.antmaze", "C2"):
        assert found[f"pex/{name}"].verdict == UNDECIDED
        assert "offline policy not competent on AntMaze-umaze/fixed: 15.0 is below 50.0" in found[f"pex/{name}"].note
    assert not verdicts(records_of())["pex/C1"].note.startswith("judged without")


def test_no_gain_and_worse_ablations_do_not_hold():
    found = verdicts(records_of(gain=-10.0, free=-5.0))
    for name in ("C1", "C1.locomotion", "C1.antmaze", "C2", "C4", "C5", "C3"):
        assert found[f"pex/{name}"].verdict == FAILS, name


def test_an_incompetent_offline_policy_is_not_judged_and_says_why():
    records = records_of(offline=20.0)  # below half of the behaviour's 60, and below umaze's 50
    outcome = verdicts(records)["pex/C1"]
    assert (
        "offline policy not competent on HalfCheetah-v5/medium: 20.0 is below 30.0, 50% of its data's own"
        in outcome.note
    )
    assert "AntMaze-umaze/fixed: 20.0 is below 50.0" in outcome.note
    assert outcome.value == pytest.approx((3 * 10 + 2 * 20) / 5)  # random has no gate, and medium mazes need 20
    view = View(tuple(records), "paper", UNIT)
    assert GATE.reason(view, "HalfCheetah-v5/random") == ""
    nothing = verdicts([r for r in records if r.task in ABLATED])
    assert nothing["pex/C4"].verdict == UNDECIDED
    assert "not competent" in nothing["pex/C4"].note


def test_few_seeds_and_missing_tasks_give_no_verdict():
    fewer = lambda r: make_record(
        r.method, r.task, level(50.0), variant=r.variant, seeds=range(5), experts=r.experts, table="pex"
    )
    few = [fewer(r) if r.task in ANTMAZE else r for r in records_of()]
    found = verdicts(few)
    assert found["pex/C1"].verdict == found["pex/C2"].verdict == UNDECIDED
    assert found["pex/C1.locomotion"].verdict == HOLDS
    part = verdicts([r for r in records_of() if not r.task.startswith("Hopper")])
    assert part["pex/C1.locomotion"].verdict == UNDECIDED
    assert "not run on Hopper-v5/random, Hopper-v5/medium, Hopper-v5/medium-replay" in part["pex/C1.locomotion"].note


def test_what_is_kept_early_says_where_it_was_read():
    rare = [
        make_record(r.method, r.task, level(60.0), variant=r.variant, experts=r.experts, table="pex", evaluations=10)
        for r in records_of()
    ]
    said = "read at 10 % of the budget, where the evaluation nearest to 5 % lies"
    assert said in verdicts(rare)["pex/C3"].note
    assert said not in verdicts(records_of())["pex/C3"].note


def test_kappa_that_changes_nothing_does_not_matter():
    same = [
        make_record("pex", task, level(50.0), grid={"inverse_temperature": pex.KAPPA}, variant=SWEEP)
        for task in ABLATED
    ]
    assert verdicts(same)["pex/C6"].verdict == UNDECIDED
