"""What the tests of the command share."""

from __future__ import annotations

import pytest
from PIL import Image


@pytest.fixture
def photo(tmp_path):
    from skimage import data

    path = tmp_path / "photo.png"
    Image.fromarray(data.astronaut()[:389, :517]).resize((517, 389)).save(path)
    return path
