"""The page on returns beside SBX says what the committed rows say, and the judge judges rightly."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.reference import page, run
from benchmarks.reference.run import Reference, Settings, peer_arguments
from guided_rl.runtime.errors import UserError

FOLDER = Reference.out


@pytest.fixture(scope="module")
def facts():
    return json.loads((FOLDER / "sbx.json").read_text())


@pytest.fixture(scope="module")
def table():
    return pq.read_table(FOLDER / "sbx.parquet")


def test_verdicts_follow_from_the_rows(facts, table):
    anew = page.verdicts(table, facts["random"])
    assert [v["algorithm"] for v in anew] == [v["algorithm"] for v in facts["verdicts"]]
    for computed, stored in zip(anew, facts["verdicts"], strict=True):
        assert computed == pytest.approx(stored)


def test_no_pair_differs_and_each_has_enough_seeds(facts):
    """Whether the interval is also narrow enough is the page's verdict, which more seeds can settle."""
    assert {(v["algorithm"], v["task"]) for v in facts["verdicts"]} == set(run.PAIRS)
    for v in facts["verdicts"]:
        assert v["ours_seeds"] >= 10
        assert v["sbx_seeds"] >= 5
        assert v["contains_zero"], v


def test_both_sides_have_every_episode_of_the_stated_settings(facts, table):
    settings = facts["settings"]
    for algorithm, task in run.PAIRS:
        for side in ("ours", "sbx"):
            steps, values = page.curves(table, side, algorithm, task)
            assert steps.tolist() == [3_000 * (i + 1) for i in range(10)]
            assert np.isfinite(values).all()
    assert table.num_rows % (settings["points"] * settings["episodes"]) == 0


def test_page_is_of_these_facts(facts):
    assert (FOLDER / "sbx.md").read_text() == page.page(facts)


@pytest.mark.parametrize(
    ("shift", "spread", "zero", "holds"),
    [(0.0, 10.0, True, True), (60.0, 10.0, False, False), (0.0, 400.0, True, False)],
)
def test_judge(shift, spread, zero, holds):
    """Equal means hold; a shift is seen; equal means that too few seeds cannot tell apart do not hold."""
    z = np.linspace(-1, 1, 12)
    judged = page.verdict(200 + shift + spread * z, 200 + spread * z, random=0.0)
    assert judged["contains_zero"] == zero
    assert judged["holds"] == holds


def test_returns_near_zero_are_judged_above_random():
    z = np.linspace(-1, 1, 12)
    judged = page.verdict(-10 + 20 * z, -10 + 20 * z, random=-280.0)
    assert judged["holds"]
    assert not judged["within_quarter_of_return"]


def test_peer_gets_our_settings():
    words = peer_arguments("td3", "Hopper-v5", 3, Settings(), "paper")
    assert words[words.index("--seed") + 1] == "3"
    assert words[words.index("--hidden") + 1 : words.index("--hidden") + 3] == ["64", "64"]
    rate = float(words[words.index("--tau") + 1])
    assert 1 - (1 - rate) ** 2 == pytest.approx(0.005)


def untrained(monkeypatch):
    """Seeds that nobody trained: every return is the seed's own number; which were asked for, by side."""
    asked = {"ours": [], "sbx": []}

    def ours(config):
        seeds = range(config.first_seed, config.first_seed + config.seeds)
        asked["ours"] += seeds
        return {"policy": np.broadcast_to(np.array(seeds, float)[None, :, None], (config.evaluations, len(seeds), 2))}

    def peer(algorithm, task, seed, settings, equations):
        asked["sbx"].append(seed)
        steps = 3_000 * np.arange(1, settings.points + 1)
        returns = np.full((settings.points, 2), float(seed))
        return {"versions": {"sbx-rl": "1"}, "steps": steps.tolist(), "returns": returns.tolist()}

    monkeypatch.setattr(run, "our_returns", ours)
    monkeypatch.setattr(run, "peer_run", peer)
    return asked


def test_one_pair_run_anew_leaves_the_others_as_they_are(tmp_path, monkeypatch):
    untrained(monkeypatch)
    run.main(Reference(ours=10, peers=10, out=tmp_path))
    first = json.loads((tmp_path / "sbx.json").read_text())
    run.main(Reference(ours=14, peers=12, only=["td3/Hopper-v5"], out=tmp_path))
    second = json.loads((tmp_path / "sbx.json").read_text())
    assert [(v["ours_seeds"], v["sbx_seeds"]) for v in second["verdicts"]] == [(10, 10)] * 3 + [(14, 12)]
    assert second["verdicts"][:3] == first["verdicts"][:3]
    counts = [[part["seeds"] for part in parts] for parts in second["origins"].values()]
    assert counts == [[{"ours": 10, "sbx": 10}]] * 3 + [[{"ours": 14, "sbx": 12}]]
    assert (tmp_path / "sbx.md").read_text() == page.page(second)


def test_more_seeds_join_those_that_are_stored(tmp_path, monkeypatch):
    untrained(monkeypatch)
    run.main(Reference(ours=10, peers=10, out=tmp_path))
    asked = untrained(monkeypatch)
    options = Reference(ours=13, peers=12, only=["td3/Hopper-v5"], more=True, out=tmp_path)
    run.main(options)
    assert asked == {"ours": [10, 11, 12], "sbx": [10, 11]}
    table, facts = pq.read_table(tmp_path / "sbx.parquet"), json.loads((tmp_path / "sbx.json").read_text())
    for side, count in (("ours", 13), ("sbx", 12)):
        _, values = page.curves(table, side, "td3", "Hopper-v5")
        np.testing.assert_array_equal(values[:, 0], np.arange(count))
    assert [part["seeds"] for part in facts["origins"]["td3/Hopper-v5"]] == [
        {"ours": 10, "sbx": 10},
        {"ours": 3, "sbx": 2},
    ]
    asked = untrained(monkeypatch)
    run.main(options)  # nothing is missing any more
    assert asked == {"ours": [], "sbx": []}
    assert json.loads((tmp_path / "sbx.json").read_text()) == facts


def test_more_seeds_need_stored_ones_at_the_same_settings(tmp_path, monkeypatch):
    asked = untrained(monkeypatch)
    with pytest.raises(UserError, match="leave --only and --more out"):
        run.main(Reference(more=True, out=tmp_path))
    assert asked == {"ours": [], "sbx": []}


@pytest.mark.parametrize(
    ("pair", "told"), [("td3/Hopper", "td3/Hopper-v5"), ("td3/Hopper-v5", "leave --only and --more out")]
)
def test_a_pair_that_is_unknown_or_the_only_one_is_refused(tmp_path, pair, told):
    with pytest.raises(UserError, match=told):
        run.main(Reference(only=[pair], out=tmp_path))
