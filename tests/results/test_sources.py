"""Offline agents of one behaviour policy are one source: what resamples experts must not take them for many."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.report import build
from guided_rl.results import records, sources, statistics, summary_tables
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale
from guided_rl.results.summaries import sample
from tests.results.synthetic import make_record

BEHAVIOURS = tuple(Expert("medium", 60.0, 1000, f"data {k}") for k in range(3))


def by_behaviour(seed, point, share):
    """Seeds of one behaviour policy return much alike."""
    return np.full(share.shape, 40.0 * (seed % 3) + seed)


def cells(lost: tuple[int, ...] = ()) -> tuple[records.Record, records.Record]:
    """An offline cell, and one that goes on from its agents, as records were before agents had a source."""
    config = {"method": "iql-offline", "dataset": "medium"}
    failed = {f"{seed}/0": 5 for seed in lost}
    offline = make_record("iql-offline", experts=BEHAVIOURS, variant="offline", config=config, failed=failed)
    file = f"offline:runs/agents/HalfCheetah-v5__iql-offline__{sources.digest(offline.config)}.npz"
    agents = [Expert(file, 50.0, 1000, "archive")] * (10 - len(lost))
    return offline, make_record("pex", curve=by_behaviour, experts=agents, config={"guide": file})


def test_offline_agents_have_the_source_of_the_cell_that_trained_them():
    offline, pex = cells()
    ours, theirs = sources.with_sources([offline, pex])
    assert ours is offline
    assert [expert.source for expert in theirs.experts] == [f"data {k % 3}" for k in range(10)]
    assert [dataclasses.replace(expert, source="") for expert in theirs.experts] == list(pex.experts)
    np.testing.assert_array_equal(sample(theirs, "final").source, np.arange(10) % 3)
    assert sources.with_sources([theirs]) == [theirs], "what is known stays"


def test_agents_after_a_lost_one_keep_their_own_source():
    _, pex = sources.with_sources(cells(lost=(1,)))
    assert [expert.source for expert in pex.experts] == [f"data {k % 3}" for k in (0, 2, 3, 4, 5, 6, 7, 8, 9)]
    np.testing.assert_array_equal(pex.source(np.arange(10)), [0, 1, 0, 3, 1, 0, 3, 1, 0, 0])


def test_intervals_resample_the_behaviour_policies_and_not_each_agent():
    offline, pex = cells()
    known = sources.with_sources([offline, pex])[1]
    three = statistics.Sample(sample(pex, "final").values, np.arange(10), np.arange(10) % 3)
    assert statistics.mean_interval(sample(known, "final")) == statistics.mean_interval(three)
    width = lambda record: statistics.mean_interval(sample(record, "final")).half_width
    assert width(known) > 1.3 * width(pex)


def test_a_report_reads_old_records_so_and_says_where_it_cannot():
    offline, pex = cells()
    facts = lambda *found: {
        row["method"]: row["final"]["mean"]
        for row in build.build(found, "PEX", "paper", scale=lambda task: Scale(0.0, 100.0)).returns.data
    }
    assert facts(offline, pex)["pex"].half_width > 1.3 * facts(pex)["pex"].half_width
    notes = summary_tables.returns_table([pex], "Returns").notes
    assert any("pex on HalfCheetah-v5: whose data its offline agents learned from is not known" in n for n in notes)
    known = sources.with_sources([offline, pex])
    assert not any("not known" in note for note in summary_tables.returns_table(known, "Returns").notes)


def test_a_source_is_kept_with_the_record_and_may_be_missing_in_old_ones(tmp_path):
    known = sources.with_sources(cells())[1]
    records.write(known, tmp_path / "cell")
    assert records.read(tmp_path / "cell").experts == known.experts
    head = (tmp_path / "cell" / "record.json").read_text()
    (tmp_path / "cell" / "record.json").write_text(head.replace(',\n   "source": "data 0"', ""))
    assert records.read(tmp_path / "cell").experts[0].source == ""


@pytest.mark.parametrize("experts", [(), BEHAVIOURS])
def test_other_experts_are_each_their_own_source(experts):
    record = make_record("dai-sac", experts=experts)
    assert not sources.unsourced(record)
    expected = np.arange(10) % 3 if experts else []
    np.testing.assert_array_equal(record.source(np.arange(10)), expected)
