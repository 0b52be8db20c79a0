"""A record of other settings than its table asks for: not believed, never lost, and replaced only on purpose."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.runner import running, tables
from benchmarks.runner.cells import Cell, PaperTable, agents_file, changed
from benchmarks.runner.paths import CellPaths, cell_status, changes, finished, shipped_experts
from benchmarks.runner.running import run_cell
from guided_rl.results import records
from guided_rl.runtime.errors import UserError
from tests.results.synthetic import make_record
from tests.training.small import small

OFFLINE = Cell(small(method="iql-offline", dataset="demos"), "offline")
ONLINE = Cell(small(method="pex", dataset="demos", guide=f"offline:{agents_file(OFFLINE.config)}"), needs=OFFLINE)
CELLS = [Cell(small()), OFFLINE, ONLINE]


def keep(place: CellPaths, cell: Cell, engine: str | None = "native", **options) -> None:
    """A finished cell's record."""
    made = make_record(cell.config.method, cell.config.task, seeds=cell.seeds)
    made_by = {"engine": engine, "engine_options": options}
    whole = dataclasses.replace(made, config=cell.config.to_json(), provenance=made_by)
    records.write(whole, place.record(cell))


@pytest.fixture
def place(tmp_path) -> CellPaths:
    return CellPaths("tiny", "quick", tmp_path)


@pytest.fixture
def table(monkeypatch, tmp_path):
    """Runs a table of three cells whose launcher only keeps records; gives what ran and what was said."""
    monkeypatch.setitem(tables.TABLES, "tiny", PaperTable("tiny", "Tiny", lambda preset: CELLS, (), (), ()))
    monkeypatch.setattr(tables, "build_report", lambda *_: None)
    ran, said = [], []

    def launch(place, cells, say):
        ran.extend(cell.name for cell in cells)
        for cell in cells:
            keep(place, cell)

    def run(**words):
        ran.clear()
        said.clear()
        monkeypatch.setitem(tables.LAUNCHERS, "local", launch)
        tables.run_table("tiny", root=tmp_path, say=said.append, **words)
        return list(ran), list(said)

    return run


def otherwise(cell: Cell, **settings) -> Cell:
    return changed(cell, settings)


def test_where_a_cell_stands(place):
    for cell in CELLS:
        assert (changes(place, cell), cell_status(place, cell)) == (None, "to run")
        keep(place, otherwise(cell, evaluations=2))
        assert cell_status(place, cell) == "to run again (evaluations: 2 -> 4)" and not finished(place, cell)
        keep(place, cell)
        assert cell_status(place, cell) == "done" and finished(place, cell)
    assert cell_status(place, otherwise(CELLS[0], seeds=2)) == "done"  # nothing is lost by what is there besides
    assert cell_status(place, otherwise(CELLS[0], seeds=2, evaluations=2)).startswith(
        "in the way (evaluations: 4 -> 2; se"
    )
    assert cell_status(place, otherwise(CELLS[0], seeds=4)) == "to extend (seeds: 3 -> 4)"
    assert cell_status(place, otherwise(OFFLINE, seeds=4)) == "to run again (seeds: 3 -> 4)"


def test_a_cell_whose_guide_alone_differs_says_so(place):
    keep(place, dataclasses.replace(ONLINE, config=dataclasses.replace(ONLINE.config, guide="offline:a.npz")))
    assert changes(place, ONLINE) == [f"guide: offline:a.npz -> {ONLINE.config.guide}"]


def test_a_record_of_experts_that_no_longer_ship_is_not_believed(place):
    cell = Cell(small(task="HalfCheetah-v5", method="dai-sac", guide="bc"))
    (checksum,) = shipped_experts(cell.config)
    for kept_checksum, expected in ((checksum, []), ("0" * 64, [f"experts: 00000000 -> {checksum[:8]}"])):
        expert = records.Expert("bc", 7000.0, 200_000, kept_checksum)
        made = make_record("dai-sac", "HalfCheetah-v5", seeds=cell.seeds)
        made_by = {"engine": "native", "engine_options": {}}
        whole = dataclasses.replace(made, config=cell.config.to_json(), provenance=made_by, experts=(expert,))
        records.write(whole, place.record(cell))
        assert changes(place, cell) == expected


@pytest.mark.parametrize(
    ("engine", "options", "stored", "asked", "same"),
    [
        ("native", {"solver": 2}, "auto", "native", True),
        ("native", {}, "native", "auto", True),
        ("native", {}, "auto", "mjx", False),
        ("mjx", {"preset": "xml"}, "auto", "mjx", True),
        ("mjx", {"preset": "fast"}, "mjx:fast", "mjx", False),
        (None, {}, "auto", "mjx", True),  # a world of our own JAX
    ],
)
def test_the_engine_that_ran_counts_and_not_its_name(engine, options, stored, asked, same, place):
    for cell in CELLS:
        keep(place, otherwise(cell, physics=stored), engine, **options)
        assert finished(place, otherwise(cell, physics=asked)) == same
    assert same or cell_status(place, otherwise(CELLS[0], physics=asked)).startswith("in the way (physics: ")


def test_a_table_runs_again_what_it_asks_for_otherwise_and_says_so(place, table):
    for cell in CELLS:
        keep(place, otherwise(cell, evaluations=2) if cell is OFFLINE else cell)
    ran, said = table()
    assert ran == [OFFLINE.name]
    assert said == [
        "Tiny, preset quick: 3 cells, 2 of them done before",
        f"{OFFLINE.name}: to run again (evaluations: 2 -> 4); its record stays until the new one is whole",
    ]
    assert table() == ([], ["Tiny, preset quick: 3 cells, 3 of them done before"])


def test_a_record_that_would_be_replaced_for_being_needed_is_said_too(place, table):
    keep(place, otherwise(OFFLINE, evaluations=2))
    _, said = table(names=(ONLINE.name,))
    assert len(said) == 2 and said[1].startswith(f"{OFFLINE.name}: to run again")
    keep(place, otherwise(ONLINE, evaluations=2))
    place.agents(OFFLINE).parent.mkdir(parents=True)
    place.agents(OFFLINE).touch()
    _, said = table(names=(ONLINE.name,))
    assert len(said) == 2 and said[1].startswith(f"{ONLINE.name}: to run again")


@pytest.mark.parametrize(
    ("stored", "words", "sentence"),
    [
        ({}, {"seeds": 2}, "made with seeds 3, and a record with seeds 2 would replace it; ask for seeds 3"),
        ({"evaluations": 2}, {"seeds": 4}, "made with seeds 3, and a record with seeds 4"),
        ({"evaluations": 2, "seeds": 5}, {}, "made with seeds 5, and a record with seeds 3"),
        ({}, {"physics": "mjx"}, "made with physics auto, and a record with physics mjx"),
        (
            {},
            {"seeds": 2, "physics": "mjx"},
            "with seeds 3 and physics auto, and a record with seeds 2 and phy",
        ),
        ({"evaluations": 2}, {"seeds": 2}, "made with seeds 3, and a record with seeds 2"),
    ],
)
@pytest.mark.parametrize(("held", "names"), [(CELLS[0], ()), (OFFLINE, ()), (OFFLINE, (ONLINE.name,))])
def test_a_commands_words_replace_no_record(held, names, stored, words, sentence, place, table, monkeypatch):
    keep(place, otherwise(held, **stored))
    before = records.read(place.record(held)).config
    monkeypatch.setattr(tables, "_launch", lambda *_: pytest.fail("something was started"))
    with pytest.raises(UserError, match=sentence) as refused:
        table(names=names, **words)
    assert str(place.record(held)) in str(refused.value)
    assert records.read(place.record(held)).config == before


def test_words_that_the_records_agree_with_are_taken(place, table):
    for cell in CELLS:
        keep(place, otherwise(cell, evaluations=2))
    assert table(seeds=3, physics="native")[0] == [cell.name for cell in CELLS]
    assert table(seeds=3, physics="native")[0] == table()[0] == []


def test_a_sweep_replaces_no_record_by_a_commands_words(place, monkeypatch):
    swept = PaperTable("tiny", "Tiny", lambda preset: [], (), (), (), {"gamma": lambda preset, task: CELLS[0]})
    monkeypatch.setitem(tables.TABLES, "tiny", swept)
    monkeypatch.setattr(tables, "CellPaths", lambda name, preset: place)
    monkeypatch.setitem(tables.LAUNCHERS, "local", lambda place, cells, say: keep(place, *cells))
    said = []
    sweep = lambda **words: tables.run_sweep("tiny", "gamma", "quick", CELLS[0].config.task, say=said.append, **words)
    keep(place, otherwise(CELLS[0], evaluations=2))
    assert sweep().config["evaluations"] == 4 and len(said) == 1
    with pytest.raises(UserError, match="made with seeds 3"):
        sweep(seeds=2)


def test_the_committed_site_is_of_committed_records_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "TABLES", {"tiny": PaperTable("tiny", "Tiny", lambda preset: [], (), (), ())})
    with pytest.raises(UserError, match="no records"):
        tables.write_pages(root=tmp_path)
    for preset in ("cpu", "paper"):
        keep(CellPaths("tiny", preset, tmp_path), CELLS[0])
    (committed,) = tables.write_pages(root=tmp_path)
    assert committed == tmp_path / "results" / "site" / "index.html"
    ledgers = sorted(path.relative_to(tmp_path / "results" / "tiny") for path in tmp_path.rglob("claims.md"))
    assert [str(path) for path in ledgers] == ["report/claims.md"]
    before = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*") if path.is_file()}
    for preset in ("smoke", "quick"):
        keep(CellPaths("tiny", preset, tmp_path), CELLS[0])
    scratch = tmp_path / "runs" / "records" / "site" / "index.html"
    assert tables.write_pages(root=tmp_path) == [committed, scratch]
    assert {path: path.read_bytes() for path in (tmp_path / "results").rglob("*") if path.is_file()} == before
    page = (scratch.parent / "paper" / "tiny.html").read_text()
    assert all(f"Preset {preset}" in page for preset in ("smoke", "quick"))
    assert tables.write_pages(tmp_path / "site", tmp_path) == [tmp_path / "site" / "index.html", scratch]


def test_only_a_table_whose_records_changed_is_computed_again(tmp_path, monkeypatch):
    named = {name: PaperTable(name, name, lambda preset: [], (), (), ()) for name in ("one", "two")}
    monkeypatch.setattr(tables, "TABLES", named)
    for name in named:
        keep(CellPaths(name, "quick", tmp_path), CELLS[0])
    said = []
    report = lambda *names: said.clear() or tables.write_pages(root=tmp_path, names=names, say=said.append)
    report()
    assert [line for line in said if "computing" in line] == [
        f"{n}, preset quick: computing from 1 records" for n in named
    ]
    report()
    assert said == ["one, preset quick: unchanged", "two, preset quick: unchanged"]
    for name in named:
        keep(CellPaths(name, "quick", tmp_path), CELLS[1])
    report("two")
    assert said[0] == "two, preset quick: computing from 2 records" and "one, preset quick: computing" not in said
    (tmp_path / "runs" / "records" / "two" / "quick" / "report" / "returns.md").unlink()
    report("two")
    assert said[0] == "two, preset quick: computing from 2 records"
    with pytest.raises(UserError, match="three"):
        report("three")


@pytest.mark.trains
def test_the_old_record_stays_until_the_new_one_is_whole(place, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    (cell, *_), old = CELLS, otherwise(CELLS[0], evaluations=2)
    keep(place, old)

    def broken(*_):
        assert records.read(place.record(cell)).config == old.config.to_json()
        raise UserError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(running.collect, "from_result", broken)
        with pytest.raises(UserError, match="disk"):
            run_cell(place, cell, lambda sentence: None)
    assert cell_status(place, cell).startswith("to run again")
    run_cell(place, cell, lambda sentence: None)
    assert finished(place, cell)
