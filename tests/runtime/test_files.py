"""Files that appear whole or not at all."""

from __future__ import annotations

import pytest

from guided_rl.runtime.files import replace_file


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
