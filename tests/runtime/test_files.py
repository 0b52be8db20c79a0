"""Files that appear whole or not at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided_rl.runtime.files import file_name, replace_file


def broken(file) -> None:
    file.write(b"half of")
    raise OSError("the disk is full")


@pytest.mark.parametrize("content", [b"new", lambda file: file.write(b"new")])
def test_a_file_is_replaced_by_bytes_or_by_what_is_written_to_it(content, tmp_path):
    path = tmp_path / "folder" / "file"
    replace_file(path, b"old")
    replace_file(path, content)
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_midway_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    replace_file(path, b"old")
    with pytest.raises(OSError, match="full"):
        replace_file(path, broken)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hopper-v5", "Hopper-v5"),
        ("Φ × δ", "phi___delta"),
        ("best κ", "best_kappa"),
        ("λ", "lambda"),
        ("a/b\\c:d", "a_b_c_d"),
    ],
)
def test_names_of_files_are_ascii_with_greek_letters_spelled_out(text, name):
    assert file_name(text) == name


@given(st.text())
def test_any_text_makes_a_name_that_travels(text):
    assert re.fullmatch(r"[A-Za-z0-9._-]*", file_name(text))
