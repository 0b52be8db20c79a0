"""The report: tables and figures, the same from the same records."""

from __future__ import annotations

import pytest

from benchmarks.claims import judges
from benchmarks.claims.ledger import Claim
from benchmarks.report import build as report
from benchmarks.report.replacements import Replacement
from guided_rl.results import records
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale
from guided_rl.runtime.errors import UserError
from tests.results.synthetic import make_record

CLAIMS = [
    Claim(
        "x/1",
        "X",
        "gains <more> than half",
        "s",
        "m",
        "> 50 %",
        judges.mean_gain("dai-sac", "sac", ["Ant-v5"], "final", 0.5),
    ),
    Claim("x/2", "X", "no extra networks", "s", "m", "none", test="tests/methods/test_x.py::test_y"),
]


def population():
    expert = (Expert("e", 9_000.0, 500, "x"),)
    ramp = lambda height: lambda seed, point, share: height * share + seed
    return [
        make_record("sac", "Ant-v5", ramp(100), preset="cpu"),
        make_record("dai-sac", "Ant-v5", {"policy": ramp(300), "mixture": ramp(310)}, preset="cpu", experts=expert),
    ]


def build(found=None):
    return report.build(
        population() if found is None else found,
        "X",
        "cpu",
        CLAIMS,
        [("dai-sac", "sac")],
        [("t_change", "sac")],
        [Replacement("dai-sac", "sac")],
        lambda task: Scale(random=0.0),
    )


def test_a_pair_is_drawn_on_the_tasks_that_both_have_run():
    assert {"curves_dai_sac_sac", "charged_dai_sac_sac"} <= set(build().figures)
    alone = make_record("dai-sac", "Hopper-v5", lambda seed, point, share: share, preset="cpu")
    drawn = build([*population(), alone]).figures["curves_dai_sac_sac"]
    assert [title for axis in drawn.axes if (title := axis.get_title("left"))] == ["Ant-v5"]
    assert not [name for name in build(population()[1:]).figures if name.startswith(("curves_", "charged_"))]


def test_a_report_from_stored_records_is_byte_identical(tmp_path):
    for record in population():
        records.write(record, records.cell_folder(tmp_path / "results", "dai", "cpu", record.cell))
    found = records.read_all(tmp_path / "results", "dai", "cpu")
    written = {}
    for name in ("a", "b"):
        content = build(found)
        report.write(content, tmp_path / name)
        written[name] = {p.name: p.read_bytes() for p in sorted((tmp_path / name).iterdir())}
    assert written["a"] == written["b"]
    assert {"returns.md", "claims.json", "curves_dai_sac_sac.svg", "charged_dai_sac_sac.png"} <= set(written["a"])


def test_no_records_is_one_sentence():
    with pytest.raises(UserError, match="no records of X at preset cpu"):
        build([])


def test_an_unwritable_place_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the tables"):
        report.write(build(), tmp_path / "file")
