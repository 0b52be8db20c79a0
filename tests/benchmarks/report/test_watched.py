"""A claim tells which cells it was judged from, and what it asked for that nobody ran."""

from __future__ import annotations

import json

from benchmarks.claims import judges
from benchmarks.claims.ledger import Claim, View, judge
from benchmarks.report.claims_table import ledger_table
from benchmarks.report.watched import watched
from guided_rl.results.records import Expert
from guided_rl.results.tables import to_json
from tests.results.synthetic import constant, make_record

TASKS = ("Ant-v5", "Hopper-v5")


def claim() -> Claim:
    gain = judges.mean_gain("dai-sac", "sac", list(TASKS), "final", 0.5)
    return Claim("x/1", "X", "gains", "s", "m", "> 50 %", gain)


def population():
    expert = (Expert("e", 9_000.0, 500, "x"),)
    both = [
        (make_record("sac", t, preset="cpu"), make_record("dai-sac", t, constant(300.0), preset="cpu", experts=expert))
        for t in TASKS
    ]
    return [record for pair in both for record in pair]


def test_the_cells_and_names_of_a_judged_claim_are_noted_and_its_verdict_is_the_same():
    view = View(tuple(population()), "cpu")
    noting, seen = watched(claim())
    assert judge(noting, view) == judge(claim(), view)
    assert seen.facts() == {
        "methods": ["dai-sac", "sac"],
        "tasks": list(TASKS),
        "cells": {"cpu": sorted(record.cell for record in population())},
    }


def test_what_nobody_ran_is_named_without_a_cell():
    found = population()[:1]
    row = json.loads(to_json(ledger_table({"cpu": found}, [claim()], "t")))["rows"][0]
    assert row["methods"] == ["dai-sac", "sac"] and row["tasks"] == list(TASKS)
    assert set(row["cells"].get("cpu", [])) <= {found[0].cell}


def test_a_claim_that_a_test_shows_looks_for_nothing():
    noting, seen = watched(Claim("x/2", "X", "s", "s", "m", "none", test="t.py"))
    assert noting.judge is None and seen.facts() == {"methods": [], "tasks": [], "cells": {}}
