"""What the tests of datasets share: photographs, tar files, a shard with a damaged image."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def photo(i: int, size: tuple[int, int] = (80, 64)) -> Image.Image:
    """A part of a photograph."""
    from skimage import data

    return Image.fromarray(np.ascontiguousarray(data.astronaut()[10 * i : 10 * i + size[1], 100 : 100 + size[0]]))


def stored(image: Image.Image, kind: str = "PNG") -> bytes:
    """An image as a file."""
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def make_tar(path: Path, members: dict[str, bytes]) -> None:
    """A tar file of members, as others make them."""
    with tarfile.open(path, "w") as archive:
        for number, (name, data) in enumerate(members.items()):
            about = tarfile.TarInfo(name)
            about.size, about.mtime, about.uname = len(data), 1_700_000_000 + number, "somebody"
            archive.addfile(about, io.BytesIO(data))


def members(path: Path) -> dict[str, bytes]:
    """All files of a tar file, in their order."""
    with tarfile.open(path) as archive:
        return {about.name: archive.extractfile(about).read() for about in archive if about.isreg()}


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder with a tar file of four samples, one damaged."""
    folder = tmp_path / "shards"
    folder.mkdir()
    make_tar(folder / "0.tar", {
        "a/0.png": stored(photo(0)), "a/0.json": b'{"n": 0}', "a/0.cls": b"7",
        "a/1.png": stored(photo(1)), "a/1.txt": "naïve".encode(),
        "b/2.jpg": b"damaged", "b/2.json": b"{}",
        "b/3.left.png": stored(photo(3)), "b/3.right.png": stored(photo(4)), "b/3.bin": b"\0\1",
    })  # fmt: skip
    return folder
