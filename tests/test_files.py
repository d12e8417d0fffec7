"""Outputs appear whole or not at all, and take the place of nothing that somebody else made."""

from __future__ import annotations

import pytest

from codec import files
from codec.files import replacing


def test_what_somebody_makes_meanwhile_is_kept(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(FileExistsError, match="use -f"), replacing(path, overwrite=False) as temporary:
        temporary.write_text("ours")
        path.write_text("theirs")
    assert path.read_text() == "theirs" and list(tmp_path.iterdir()) == [path]
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text("ours")
    assert path.read_text() == "ours" and list(tmp_path.iterdir()) == [path]


def test_new_files_may_be_read_by_whom_the_user_lets(tmp_path):
    with replacing(tmp_path / "a", overwrite=False) as temporary:
        temporary.touch()
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~files._UMASK


def test_what_fails_leaves_nothing(tmp_path):
    path = tmp_path / "a"
    path.write_text("before")
    with pytest.raises(ValueError, match="half way"), replacing(path, overwrite=True) as temporary:
        temporary.write_text("half")
        raise ValueError("half way")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
