"""Outputs appear whole or not at all, and take the place of nothing that somebody else made."""

from __future__ import annotations

import os

import pytest

from codec.util.files import replacing


def test_what_somebody_makes_meanwhile_is_kept(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(FileExistsError, match="use -f"), replacing(path, overwrite=False) as temporary:
        temporary.write_text("ours")
        path.write_text("theirs")
    assert path.read_text() == "theirs" and list(tmp_path.iterdir()) == [path]
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text("ours")
    assert path.read_text() == "ours" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_new_files_may_be_read_by_whom_the_user_lets(tmp_path):
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "a", overwrite=False) as temporary:
            temporary.touch()
        assert os.umask(0o027) == 0o027  # of the whole process, and so not ours to change
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_what_fails_leaves_nothing(tmp_path):
    path = tmp_path / "a"
    path.write_text("before")
    with pytest.raises(ValueError, match="half way"), replacing(path, overwrite=True) as temporary:
        temporary.write_text("half")
        raise ValueError("half way")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
