"""What a report is made from: a digest that changes with records and code, and with nothing else."""

from __future__ import annotations

import os

import pytest

from benchmarks.report import inputs


@pytest.fixture
def checkout(tmp_path):
    for name in ("results/a/cpu/x", "results/a/cpu/y", "code"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "results/a/cpu/x/record.json").write_text("1")
    (tmp_path / "code" / "one.py").write_text("def late():\n    from code import two\n")
    (tmp_path / "code" / "two.py").write_text("import other.far, code.three")
    (tmp_path / "code" / "three.py").write_text("from code.one import late")
    (tmp_path / "code" / "never.py").write_text("import code.one")
    return tmp_path


def digest(checkout) -> str:
    code = inputs.code_of(checkout, ("code/one.py",), ("code/",))
    return inputs.digest(checkout / "results", ["a/cpu", "a/long"], checkout, code)


def test_it_is_the_same_elsewhere_and_later(checkout, tmp_path_factory):
    before = digest(checkout)
    os.utime(checkout / "results/a/cpu/x/record.json", (1, 1))
    (checkout / "results/a/cpu/x/other").write_text("")
    (checkout / "code" / "never.py").write_text("2")
    assert digest(checkout) == before
    moved = checkout.rename(tmp_path_factory.mktemp("elsewhere") / "checkout")
    assert digest(moved) == before


@pytest.mark.parametrize(
    "name", ("results/a/cpu/x/record.json", "results/a/cpu/y/record.json", "code/one.py", "code/three.py")
)
def test_it_changes_with_a_record_and_with_code(checkout, name):
    before = digest(checkout)
    (checkout / name).write_text("2")
    assert digest(checkout) != before


def test_a_report_is_unchanged_while_its_files_are_there(checkout):
    folder = checkout / "results/a/cpu/report"
    assert not inputs.unchanged(folder, "d")
    folder.mkdir()
    (folder / "Φ.md").write_text("")
    (folder.parent / "claims.md").write_text("")
    inputs.keep(folder, "d", [folder / "Φ.md", folder.parent / "claims.md"])
    assert inputs.unchanged(folder, "d") and not inputs.unchanged(folder, "e")
    (folder.parent / "claims.md").unlink()
    assert not inputs.unchanged(folder, "d")
    (folder / inputs.NAME).write_text("{")
    assert not inputs.unchanged(folder, "d")
