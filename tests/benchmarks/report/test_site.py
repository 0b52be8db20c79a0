"""The site: whole pages from stored reports alone, the same bytes from the same records, and nothing stale."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from benchmarks.papers import find_papers
from benchmarks.report.site import claim_rows
from benchmarks.report.site.colours import fixed_colours
from benchmarks.report.site.descriptions import describe, paragraphs
from benchmarks.report.site.markdown_tables import read_table
from benchmarks.report.site.scripts import compact
from benchmarks.report.site.sweeps import sweeps
from guided_rl.methods import METHODS
from guided_rl.results import records
from guided_rl.results.plot_style import PALETTE
from guided_rl.results.tables import Table, to_markdown
from guided_rl.runtime.errors import UserError
from tests.benchmarks.report import small_site

ROOT = Path(__file__).parents[3]
EMPTY = ("meta", "br", "link", "img", "input", "hr")
LIMIT = 1_000_000


class Balanced(HTMLParser):
    """Fails on a tag that is closed in the wrong order; keeps links and ids."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("href", "src")]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in EMPTY:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return small_site.site(small_site.reports(tmp_path_factory.mktemp("site")))


@pytest.fixture
def copied(home, tmp_path) -> Path:
    """A folder with the same records and reports, and no site yet."""
    shutil.copytree(home.parent, tmp_path / "results", ignore=shutil.ignore_patterns("site"))
    return tmp_path


def parsed(path: Path) -> Balanced:
    parser = Balanced()
    parser.feed(path.read_text(encoding="utf-8"))
    assert parser.open == []
    return parser


def test_every_page_is_whole_and_each_link_leads_to_a_file_of_the_checkout(home):
    pages = sorted(home.rglob("*.html"))
    assert {"index.html", "claims.html", "curves.html", "sweeps.html", "dai-sac.html", "Ant-v5.html"} <= {
        page.name for page in pages
    }
    for page in pages:
        found = parsed(page)
        assert len(found.ids) == len(set(found.ids))
        for link in found.links:
            target = unquote(link.split("#")[0])
            assert not re.match(r"\w+://|//", link), f"{page.name} loads {link}"
            if target and not target.startswith("data:"):
                assert (page.parent / target).exists(), f"{page.name} links to {link}"


def test_what_papers_and_claims_say_is_escaped(home):
    front, claims = ((home / name).read_text() for name in ("index.html", "claims.html"))
    assert "<strong>one</strong>: guidance helps in &lt;made-up&gt; records." in front
    assert "No records yet: Nobody." in front
    assert "dai-sac ends &lt;50%&gt; above sac" in claims


def test_the_front_page_counts_verdicts(home):
    front = (home / "index.html").read_text()
    assert front.count("3 claims: 1 holds, 1 does not hold, 1 by test") == 2
    assert 'aria-label="One on Ant-v5: learning curves"' in front


def test_a_claim_unfolds_to_records_seeds_and_command(home):
    claims = (home / "claims.html").read_text()
    one = claims[claims.index('id="one-1"') : claims.index('id="one-2"')]
    for cell in ("sac--Ant-v5", "dai-sac--Hopper-v5"):
        assert f'href="../one/cpu/{cell}/record.json"' in one
    assert 'data-methods="dai-sac|sac"' in one and 'data-tasks="Ant-v5|Hopper-v5"' in one
    assert "guided-rl table one --preset cpu --cells dai-sac--Ant-v5 dai-sac--Hopper-v5 sac--Ant-v5" in one
    assert "<dt>Seeds a cell</dt><dd>11</dd>" in one


def test_curve_data_are_every_seed_of_the_record(home):
    found = small_site.data(home, "curves/one/cpu/Ant-v5")
    by_method = {cell["method"]: cell for cell in found["cells"]}
    assert set(by_method) == {"sac", "dai-sac"}  # a sweep is no curve
    mixture = next(one for one in by_method["dai-sac"]["series"] if one["protocol"] == "mixture")
    assert mixture["steps"] == [1_000 * (i + 1) for i in range(10)] and mixture["seeds"] == list(small_site.SEEDS)
    np.testing.assert_allclose(np.mean(mixture["values"], 0)[-1], small_site.mean_at("dai-sac", 9, "mixture"))
    assert mixture["low"][-1] < small_site.mean_at("dai-sac", 9, "mixture") < mixture["high"][-1]


def test_the_same_records_give_the_same_bytes_and_nothing_is_read_again(home, copied):
    again = small_site.site(copied)
    files = lambda folder: {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert files(again) == files(home)
    said = []
    small_site.site(copied, say=said.append)
    assert said == []


def test_what_is_gone_leaves_no_file_and_a_stranger_s_file_stays(copied):
    home = small_site.site(copied)
    (home / "mine.txt").write_text("mine")
    listed = (home / "files.json").read_text()
    (home / "files.json").write_text("<<<<<<<")
    small_site.site(copied)
    assert (home / "files.json").read_text() == listed
    assert (home / "paper" / "two.html").exists()
    small_site.site(copied, ("one",))
    assert not (home / "paper" / "two.html").exists() and not (home / "data" / "curves" / "two").exists()
    assert (home / "mine.txt").exists() and (home / "paper" / "one.html").exists()


def test_a_changed_record_has_its_curves_read_again(copied):
    small_site.site(copied)
    one = copied / "results" / "one" / "cpu"
    records.write(records.read(one / small_site.population("one")[0].cell), one / "more")
    said = []
    small_site.site(copied, say=said.append)
    assert said == ["One, preset cpu: reading every seed's curves"]


def test_a_place_that_cannot_be_written_is_one_sentence(copied):
    (copied / "results" / "site").write_text("")
    with pytest.raises(UserError, match="cannot write the report"):
        small_site.site(copied)


def test_a_table_is_read_back_from_its_markdown():
    table = Table("a: b", ("x", "y\nz"), (("a|b", "1\n2"), ("a|b", "–"), ("c", "3")), 1, ("- note", "n|m"), (), (2,))
    assert read_table(to_markdown(table)) == table
    with pytest.raises(ValueError, match="no table"):
        read_table("text")


def test_methods_of_one_table_differ_in_colour_while_there_are_colours():
    names = [f"m{i}" for i in range(len(PALETTE))]
    together = {"a": names, "b": [*names[:3], "other"]}
    found = fixed_colours(together)
    assert len({found[name] for name in names}) == len(names)
    assert found["other"] not in {found[name] for name in names[:3]}
    assert found == fixed_colours({name: list(reversed(values)) for name, values in together.items()})


def test_every_method_has_a_description():
    for name in METHODS:
        assert describe(name).first, name
    assert describe("no such method") is None
    assert paragraphs("A.\n\nB\nc:\n  x = 1\n  y = 2\n\n    z") == (
        ("A.", False),
        ("B c:", False),
        ("x = 1\ny = 2", True),
        ("z", True),
    )


def test_numbers_are_short_and_a_gap_is_null():
    assert compact(np.array([[1.23456, 2.0], [float("nan"), 123456.0]])) == [[1.235, 2], [None, 123500]]


def test_a_heat_map_shades_no_noise():
    row = lambda a, b, value, width: {
        **dict(zip(("table", "preset", "task", "method", "variant"), "tpkmv", strict=True)),
        "protocol": "policy",
        "seeds": [0, 1],
        "grid_point": {"a": a, "b": b},
        **{m: {"raw_mean": interval(value, width)} for m in ("final", "auc")},
    }
    interval = lambda value, width: {
        "value": value,
        "low": value - width,
        "high": value + width,
        "n": 2,
        "kind": "t",
    }
    found, _ = sweeps([row(1, 1, 0.0, 9.0), row(2, 1, 8.0, 1.0), row(1, 2, 1.0, 9.0), row(2, 2, 3.0, 9.0)])
    assert [[cell.shade for cell in cells] for _, cells in found.heat] == [[0.0, 1.0], [0.0, 0.0]]


def test_a_verdict_is_shown_at_the_largest_scale_that_has_one():
    judged = lambda scale, verdict: claim_rows.Judged(scale, verdict, "", "", "", "", "", ())
    row = lambda *found: claim_rows.ClaimRow("x/1", "x", "X", "s", "s", "m", "t", found, (), (), (), (), "")
    assert row(judged("paper", "undecided"), judged("twin", "holds")).shown.scale == "twin"
    assert row(judged("paper", "not run at this scale"), judged("twin", "undecided")).shown.scale == "twin"
    assert row(judged("paper", "does not hold"), judged("twin", "holds")).shown.scale == "paper"


@pytest.mark.parametrize("name", find_papers())
def test_an_answer_has_the_words_of_readme(name):
    path = ROOT / "benchmarks" / "papers" / name.replace("-", "_") / "answer.md"
    if not path.exists():
        pytest.skip("nothing was found for this paper yet")
    words = lambda text: " ".join(text.split())
    assert words(path.read_text(encoding="utf-8")) in words((ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_stored_site_is_small():
    home = ROOT / "results" / "site"
    sizes = {path.relative_to(home).as_posix(): path.stat().st_size for path in home.rglob("*") if path.is_file()}
    shared = sum(size for name, size in sizes.items() if name.startswith("static/"))
    most_data = max(size for name, size in sizes.items() if name.startswith("data/"))
    pages = {name: size for name, size in sizes.items() if name.endswith(".html")}
    assert max(pages.values()) + shared + most_data < LIMIT
    assert sum(sizes.values()) < 5 * LIMIT
