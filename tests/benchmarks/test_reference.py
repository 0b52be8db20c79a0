"""The page on returns beside SBX says what the committed rows say, and the judge judges rightly."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import reference, reference_page
from benchmarks.reference import Reference, Settings, peer_arguments
from guided_rl.errors import UserError

FOLDER = Reference.out


@pytest.fixture(scope="module")
def facts():
    return json.loads((FOLDER / "sbx.json").read_text())


@pytest.fixture(scope="module")
def table():
    return pq.read_table(FOLDER / "sbx.parquet")


def test_verdicts_follow_from_the_rows(facts, table):
    anew = reference_page.verdicts(table, facts["random"])
    assert [v["algorithm"] for v in anew] == [v["algorithm"] for v in facts["verdicts"]]
    for computed, stored in zip(anew, facts["verdicts"], strict=True):
        assert computed == pytest.approx(stored)


def test_no_pair_differs_and_each_has_enough_seeds(facts):
    """Whether the interval is also narrow enough is the page's verdict, which more seeds can settle."""
    assert {(v["algorithm"], v["task"]) for v in facts["verdicts"]} == set(reference.PAIRS)
    for v in facts["verdicts"]:
        assert v["ours_seeds"] >= 10
        assert v["sbx_seeds"] >= 5
        assert v["contains_zero"], v


def test_both_sides_have_every_episode_of_the_stated_settings(facts, table):
    settings = facts["settings"]
    for algorithm, task in reference.PAIRS:
        for side in ("ours", "sbx"):
            steps, values = reference_page.curves(table, side, algorithm, task)
            assert steps.tolist() == [3_000 * (i + 1) for i in range(10)]
            assert np.isfinite(values).all()
    assert table.num_rows % (settings["points"] * settings["episodes"]) == 0


def test_page_is_of_these_facts(facts):
    assert (FOLDER / "sbx.md").read_text() == reference_page.page(facts)


@pytest.mark.parametrize(
    ("shift", "spread", "zero", "holds"),
    [(0.0, 10.0, True, True), (60.0, 10.0, False, False), (0.0, 400.0, True, False)],
)
def test_judge(shift, spread, zero, holds):
    """Equal means hold; a shift is seen; equal means that too few seeds cannot tell apart do not hold."""
    z = np.linspace(-1, 1, 12)
    judged = reference_page.verdict(200 + shift + spread * z, 200 + spread * z, random=0.0)
    assert judged["contains_zero"] == zero
    assert judged["holds"] == holds


def test_returns_near_zero_are_judged_above_random():
    z = np.linspace(-1, 1, 12)
    judged = reference_page.verdict(-10 + 20 * z, -10 + 20 * z, random=-280.0)
    assert judged["holds"]
    assert not judged["within_quarter_of_return"]


def test_peer_gets_our_settings():
    words = peer_arguments("td3", "Hopper-v5", 3, Settings(), "paper")
    assert words[words.index("--seed") + 1] == "3"
    assert words[words.index("--hidden") + 1 : words.index("--hidden") + 3] == ["64", "64"]
    rate = float(words[words.index("--tau") + 1])
    assert 1 - (1 - rate) ** 2 == pytest.approx(0.005)


def drawn(pair, options, settings):
    """Rows of seeds that nobody trained."""
    steps, seeds = np.arange(1, settings.points + 1), {"ours": options.ours, "sbx": options.peers}
    returns = lambda side, n: np.random.default_rng(len(side)).normal(100.0, 1.0, (settings.points, n, 2))
    parts = [reference.rows(side, *pair, steps, returns(side, n)) for side, n in seeds.items()]
    origin = {"provenance": reference.provenance(), "peers": {"sbx-rl": str(options.peers)}}
    return pa.concat_tables(parts), origin


def test_one_pair_run_anew_leaves_the_others_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "compared", drawn)
    reference.main(Reference(ours=10, peers=10, out=tmp_path))
    first = json.loads((tmp_path / "sbx.json").read_text())
    reference.main(Reference(ours=14, peers=12, only=["td3/Hopper-v5"], out=tmp_path))
    second = json.loads((tmp_path / "sbx.json").read_text())
    assert [(v["ours_seeds"], v["sbx_seeds"]) for v in second["verdicts"]] == [(10, 10)] * 3 + [(14, 12)]
    assert second["verdicts"][:3] == first["verdicts"][:3]
    assert [origin["peers"]["sbx-rl"] for origin in second["origins"].values()] == ["10", "10", "10", "12"]
    assert (tmp_path / "sbx.md").read_text() == reference_page.page(second)


@pytest.mark.parametrize(("pair", "told"), [("td3/Hopper", "td3/Hopper-v5"), ("td3/Hopper-v5", "leave --only out")])
def test_a_pair_that_is_unknown_or_the_only_one_is_refused(tmp_path, pair, told):
    with pytest.raises(UserError, match=told):
        reference.main(Reference(only=[pair], out=tmp_path))
