"""The committed page on discrete learners is what its committed episodes say."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from benchmarks import ROOT
from benchmarks.reference import discrete, discrete_page

FOLDER = ROOT / "results" / "reference"


def stored() -> dict:
    return json.loads((FOLDER / "discrete.json").read_text(encoding="utf-8"))


def test_verdicts_are_those_of_the_stored_episodes():
    facts, table = stored(), pq.read_table(FOLDER / "discrete.parquet")
    again = json.loads(json.dumps(discrete_page.verdicts(table, facts["random"])))
    assert again == facts["verdicts"]


def test_both_sides_had_the_settings_that_stand_in_the_code():
    for pair, settings in stored()["settings"].items():
        known = {discrete.name(p): s for p, s in discrete.PAIRS.items()}[pair]
        assert json.loads(json.dumps(vars(known))) == settings


def test_an_unknown_pair_is_refused():
    from guided_rl.runtime.errors import UserError

    with pytest.raises(UserError, match="pair"):
        discrete.main(discrete.Reference(only=["dqn/Pong"]))
