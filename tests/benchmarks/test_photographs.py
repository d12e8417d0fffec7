"""The photographs that anybody can measure on."""

from __future__ import annotations

import numpy as np
from click.testing import CliRunner
from PIL import Image
from skimage import data

from benchmarks.__main__ import main


def test_the_photographs_of_scikit_image_are_written_and_kept(tmp_path):
    result = CliRunner().invoke(main, ["photographs", str(tmp_path / "new")])
    assert result.exit_code == 0 and "8 photographs" in result.output
    files = sorted((tmp_path / "new").iterdir())
    assert len(files) == 8
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "new" / "coffee.png")), data.coffee())
    (tmp_path / "new" / "coffee.png").write_bytes(b"mine")
    again = CliRunner().invoke(main, ["photographs", str(tmp_path / "new")])
    assert again.exit_code == 2 and (tmp_path / "new" / "coffee.png").read_bytes() == b"mine"
    assert CliRunner().invoke(main, ["photographs", "-f", str(tmp_path / "new")]).exit_code == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "new" / "coffee.png")), data.coffee())
