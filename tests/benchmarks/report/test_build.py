"""The report: one page that needs nothing else, the same from the same records."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from benchmarks.claims import judges
from benchmarks.claims.ledger import Claim
from benchmarks.report import build as report
from benchmarks.report import page
from benchmarks.report.replacements import Replacement
from guided_rl.results import records
from guided_rl.results.records import Expert
from guided_rl.results.scales import Scale
from guided_rl.results.tables import Table
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


class Balanced(HTMLParser):
    """Fails on a tag that is closed in the wrong order."""

    def __init__(self):
        super().__init__()
        self.open, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing():
    text = page.render("Report <1>", "lead & more", [report.section(build())])
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert parser.links
    assert all(link.startswith("#") for link in parser.links if link)
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)", text)
    assert text.count("<svg") == 2
    assert "Report &lt;1&gt;" in text
    assert "gains &lt;more&gt; than half" in text
    assert '<span class="verdict holds">holds</span>' in text
    assert '<span class="verdict none">not run at this scale</span>' in text
    assert '<span class="verdict tested">by test</span>' in text


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
        page.write(tmp_path / name / "index.html", "t", "l", [report.section(content)])
        written[name] = {p.name: p.read_bytes() for p in sorted((tmp_path / name).iterdir())}
    assert written["a"] == written["b"]
    assert {"returns.md", "claims.json", "index.html", "curves_dai_sac_sac.svg", "charged_dai_sac_sac.png"} <= set(
        written["a"]
    )


def test_no_records_is_one_sentence():
    with pytest.raises(UserError, match="no records of X at preset cpu"):
        build([])


def test_an_unwritable_place_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the tables"):
        report.write(build(), tmp_path / "file")
    with pytest.raises(UserError, match="cannot write the report"):
        page.write(tmp_path / "file" / "index.html", "t", "l", [])


def test_any_text_is_escaped_in_a_table():
    table = Table("<t>", ("<a>", "b"), (("<script>", "1 < 2"),), notes=("<n>",))
    text = page.render("t", "", [page.Section("s", "", (table, "<p>"))])
    assert "<script>" not in text
    assert "1 &lt; 2" in text
