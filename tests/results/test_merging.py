"""Parts of a run put together are the whole run, row for row; what is no part is refused."""

from __future__ import annotations

import dataclasses

import pytest

from guided_rl.results import collect, merging, records
from guided_rl.results.records import Expert
from guided_rl.runtime.errors import UserError
from tests.results.synthetic import make_record
from tests.training.small import run, small

GRID = {"gamma": (0.9, 0.99)}


def part(*seeds: int, **changes) -> records.Record:
    made = make_record("sac", seeds=seeds, grid=GRID, config={"seeds": len(seeds), "first_seed": seeds[0]})
    return dataclasses.replace(made, **changes)


def trained(**settings) -> records.Record:
    return collect.from_result(run(small(grid=GRID, **settings)), "run", "own", "cell")


def rows(table) -> str:
    """Every column as text, in which NaN is NaN."""
    return repr(table.to_pydict())


@pytest.mark.trains
def test_the_merged_record_is_the_whole_one():
    whole = trained(seeds=4)
    parts = [trained(seeds=2, first_seed=2), trained(seeds=2)]
    merged = merging.merge(parts)
    assert rows(merged.returns) == rows(whole.returns) and rows(merged.training) == rows(whole.training)
    for name in ("config", "seeds", "grid", "failed", "task", "method"):
        assert getattr(merged, name) == getattr(whole, name)
    assert merged.wall_seconds == sum(p.wall_seconds for p in parts)
    assert [piece["seeds"] for piece in merged.provenance["parts"]] == [[0, 1], [2, 3]]
    assert {name: merged.provenance[name] for name in ("engine", "device")} == {
        name: whole.provenance[name] for name in ("engine", "device")
    }


def test_what_is_merged_twice_keeps_every_part(tmp_path):
    pieces = [part(0, 1), part(2), part(3, 4)]
    pieces[1] = dataclasses.replace(pieces[1], provenance={**pieces[1].provenance, "commit": "1" * 40})
    pieces[2] = dataclasses.replace(pieces[2], failed={"4/1": 250})
    merged = merging.merge([merging.merge(pieces[:2]), pieces[2]])
    records.write(merged, tmp_path / "whole")
    read = records.read(tmp_path / "whole")
    assert read.seeds == (0, 1, 2, 3, 4) and read.failed == {"4/1": 250}
    assert [piece["seeds"] for piece in read.provenance["parts"]] == [[0, 1], [2, 2], [3, 4]]
    assert [code["commit"][0] for code in read.provenance["codes"]] == ["0", "1"]
    assert read.returns.num_rows == 5 * 2 * 20 * 2


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (part(1, 2), "seeds 0 to 1 and 1 to 2 overlap"),
        (part(4), "seeds 2 to 3 are missing between the records; run them with --first-seed 2"),
        (part(2, config={"steps": 500, "seeds": 1, "first_seed": 2}), "cannot be merged: steps: 1000 -> 500"),
        (part(2, provenance={"engine": "mjx"}), "engine: native -> mjx"),
        (part(2, experts=(Expert("bc", 1.0, 1, "c"),)), "experts differ"),
        (part(2, method="td3"), "method differ"),
    ],
)
def test_what_is_no_part_of_the_run_is_refused(other, sentence):
    for parts in ([part(0, 1), other], [other, part(0, 1)]):
        with pytest.raises(UserError, match=sentence):
            merging.merge(parts)


def test_nothing_is_no_record():
    with pytest.raises(UserError, match="nothing to merge"):
        merging.merge([])
