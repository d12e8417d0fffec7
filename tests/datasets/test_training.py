"""What training reads: coordinates, and a PyTorch dataset over shards and folders."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec.batch import Compress, run
from tests.common import raw_png
from tests.datasets.conftest import make_tar, photo, stored

pytestmark = pytest.mark.slow


def test_latents_are_a_files_coordinates():
    data = codec.compress(photo(0), graphics=False)
    with codec.open(data) as file:
        wanted = np.concatenate(list(file.latents()), axis=1)
    found = codec.latents(data)
    assert found.dtype == np.float32 and found.shape[1:] == (4, 8) and np.array_equal(found, wanted)
    assert codec.latents(photo(0)).shape == found.shape
    assert codec.latents(data, tune="psnr").shape == found.shape and not np.array_equal(
        codec.latents(data, tune="psnr"), found
    )


class TestTorchDataset:
    """What training reads."""

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch", reason="needs the extra [train]")

    @pytest.fixture
    def coded(self, shards: Path, tmp_path: Path) -> Path:
        """Two tar files, a Parquet file and a single image, coded."""
        parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra [cluster]")
        import pyarrow

        out = tmp_path / "coded"
        run(Compress(), str(shards), str(out))
        make_tar(tmp_path / "1.tar", {f"{i}.png": stored(photo(i)) for i in range(5, 8)})
        run(Compress(), str(tmp_path / "1.tar"), str(out))
        image = {"bytes": codec.compress(photo(8)), "path": None}
        parquet.write_table(pyarrow.table({"photo": [image], "label": [3]}), out / "2.parquet")
        (out / "single.lmc").write_bytes(codec.compress(np.asarray(photo(9))[:, :, 0]))
        return out

    def test_samples(self, coded):
        with pytest.warns(UserWarning, match="b/2 is left out"):
            found = list(codec.torch_dataset(str(coded), on_error="skip"))
        by_key = {sample.get("__key__"): sample for sample in found}
        assert by_key["a/0"]["json"] == {"n": 0} and by_key["a/0"]["cls"] == 7 and by_key["a/1"]["txt"] == "naïve"
        wanted = np.asarray(codec.decompress(codec.compress(photo(0)))).transpose(2, 0, 1)
        assert np.array_equal(by_key["a/0"]["image"].numpy(), wanted)
        assert by_key["b/3"]["image"].shape == by_key["b/3"]["right.lmc"].shape == (3, 64, 80)
        assert by_key["b/3"]["bin"] == b"\0\1" and by_key[str(coded / "single.lmc")]["image"].shape == (1, 64, 80)
        assert by_key[None]["label"] == 3 and by_key[None]["photo"].shape == (3, 64, 80) and len(found) == 8

    def test_a_damaged_image_is_named(self, coded):
        with pytest.raises(codec.CodecError, match=r"0\.tar: b/2: "):
            list(codec.torch_dataset(str(coded)))

    def test_workers_of_a_loader_share_the_files(self, coded):
        from torch.utils.data import DataLoader

        dataset = codec.torch_dataset(
            [str(coded / name) for name in ("1.tar", "2.parquet", "single.lmc")], shuffle=True
        )
        loader = DataLoader(dataset, batch_size=None, num_workers=2)
        for epoch in range(2):
            dataset.set_epoch(epoch)
            found = list(loader)
            assert sorted(str(sample.get("__key__")) for sample in found) == sorted(
                ["5", "6", "7", "None", str(coded / "single.lmc")]
            )

    def test_files_in_another_order_in_each_epoch(self, coded):
        dataset = codec.torch_dataset(
            [str(coded / name) for name in ("1.tar", "2.parquet", "single.lmc")], shuffle=True
        )
        orders = set()
        for epoch in range(12):
            dataset.set_epoch(epoch)
            orders.add(tuple(str(sample.get("__key__")) for sample in dataset))
        assert len(orders) > 2

    def test_latents_and_transforms(self, coded):
        (sample,) = codec.torch_dataset(str(coded / "single.lmc"), kind="latents")
        assert np.array_equal(sample["image"].numpy(), codec.latents(coded / "single.lmc"))
        (sample,) = codec.torch_dataset(str(coded / "single.lmc"), transform=lambda image: image.size)
        assert sample["image"] == (80, 64)
        turned, exif = io.BytesIO(), Image.Exif()
        exif[0x0112] = 6
        photo(0).save(turned, "JPEG", exif=exif)
        (coded / "turned.jpg").write_bytes(turned.getvalue())
        (coded / "turned.lmc").write_bytes(codec.compress(turned))
        shapes = [
            tuple(s["image"].shape) for s in codec.torch_dataset([str(coded / f"turned.{k}") for k in ("jpg", "lmc")])
        ]
        assert shapes == [(3, 80, 64)] * 2
        deep = np.linspace(0, 65_535, 64 * 80).astype(np.uint16).reshape(64, 80)
        Image.fromarray(deep).save(coded / "deep.png")
        (sample,) = codec.torch_dataset(str(coded / "deep.png"))
        assert np.array_equal(sample["image"].numpy()[0], deep)
        (coded / "bomb.png").write_bytes(raw_png(30_000, 30_000, 8, 0, []))
        with pytest.warns(UserWarning, match="bomb"):
            assert list(codec.torch_dataset(str(coded / "bomb.png"), on_error="skip")) == []
        for wrong in ({"kind": "other"}, {"on_error": "other"}, {"kind": "latents", "transform": len}):
            with pytest.raises(ValueError, match=r"expected|leave"):
                codec.torch_dataset(str(coded), **wrong)
        with pytest.raises(codec.CodecError, match="not there"):
            codec.torch_dataset(str(coded / "none"))
