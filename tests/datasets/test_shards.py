"""Shards in and out: images changed, all else carried along."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import codec
from codec.batch import Compress, Decompress, Embed, Row, run
from codec.datasets import tar
from tests.batch.conftest import rows
from tests.datasets.conftest import make_tar, members, photo, stored

pytestmark = pytest.mark.slow


def test_a_tar_file_keeps_all_but_its_images(shards, tmp_path):
    table = tmp_path / "t.jsonl"
    summary = run(Compress(), str(shards), str(tmp_path / "coded"), table=str(table))
    before, after = members(shards / "0.tar"), members(tmp_path / "coded/0.tar")
    assert list(after) == ["a/0.lmc", "a/0.json", "a/0.cls", "a/1.lmc", "a/1.txt", "b/2.jpg", "b/2.json",
                           "b/3.left.lmc", "b/3.right.lmc", "b/3.bin"]  # fmt: skip
    assert all(after[name] == before[name] for name in after if not name.endswith(".lmc"))
    assert after["b/3.right.lmc"] == codec.compress(photo(4))
    with tarfile.open(tmp_path / "coded/0.tar") as archive:
        about = [(member.mtime - 1_700_000_000, member.uname) for member in archive]
    assert about == [(i, "somebody") for i in range(10)]
    (row,) = rows(table)
    assert (row["status"], row["images"], row["images_failed"]) == ("done", 5, 1)
    assert "b/2.jpg stays as it was" in row["notes"] and (summary.done, summary.images_failed) == (1, 1)
    run(Decompress(), str(tmp_path / "coded"), str(tmp_path / "back"))
    back = members(tmp_path / "back/0.tar")
    assert set(back) == {name.replace(".lmc", ".png") for name in after}
    with Image.open(io.BytesIO(back["b/3.left.png"])) as image:
        assert np.array_equal(np.asarray(image), np.asarray(codec.decompress(after["b/3.left.lmc"])))


def test_names_that_would_clash_or_are_long_are_kept_apart(tmp_path):
    long = "x" * 180
    make_tar(tmp_path / "0.tar", {
        "0.png": stored(photo(0)), "0.jpg": stored(photo(0), "JPEG"), f"{long}.png": stored(photo(1)),
        "1.png": stored(photo(1)), "1.lmc": b"something else",
    })  # fmt: skip
    run(Compress(), str(tmp_path / "0.tar"), str(tmp_path / "out"))
    made = members(tmp_path / "out/0.tar")
    assert list(made) == ["0.png.lmc", "0.jpg.lmc", f"{long}.lmc", "1.png.lmc", "1.lmc"]
    assert made["1.lmc"] == b"something else" and codec.inspect(made[f"{long}.lmc"]).width == 80


def test_shards_that_are_damaged_or_hold_no_images_fail_alone(tmp_path):
    (tmp_path / "in").mkdir()
    make_tar(tmp_path / "in/good.tar", {"0.png": stored(Image.new("L", (9, 9)))})
    make_tar(tmp_path / "in/none.tar", {"0.txt": b"no image"})
    (tmp_path / "in/damaged.tar").write_bytes((tmp_path / "in/good.tar").read_bytes()[:700])
    (tmp_path / "in/other.parquet").write_bytes(b"no Parquet")
    told = {}
    run(
        Compress(),
        str(tmp_path / "in"),
        str(tmp_path / "out"),
        each=lambda row: told.update({Path(row.source).name: row}),
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.tar"]
    assert told["good.tar"].status == "done" and "no images" in told["none.tar"].message
    assert told["damaged.tar"].error == "CodecError" and "damaged" in told["damaged.tar"].message
    assert told["other.parquet"].status == "failed"
    with pytest.raises(codec.CodecError, match="no images found"):  # an embedding has no shard to go to
        run(Embed(), str(tmp_path / "in"), table=str(tmp_path / "t.jsonl"))


@pytest.mark.parametrize("damage", ["header", "boundary", "checksum", "hole", "after"])
def test_a_tar_file_that_is_damaged_after_its_first_image_is_refused(tmp_path, damage):
    make_tar(tmp_path / "0.tar", {f"{i}.png": stored(photo(i)) for i in range(3)})
    data = bytearray((tmp_path / "0.tar").read_bytes())
    with tarfile.open(tmp_path / "0.tar") as archive:
        at = archive.getmembers()[1].offset
    if damage == "header":
        data = data[: at + 200]
    elif damage == "boundary":
        data = data[:at]
    elif damage == "checksum":
        data[at + 3] ^= 1
    elif damage == "hole":
        data[at:at] = bytes(1024)
    else:
        data += b"x" * 512
    (tmp_path / "0.tar").write_bytes(data)
    told: list[Row] = []
    run(Compress(), str(tmp_path / "0.tar"), str(tmp_path / "out"), each=told.append)
    assert told[0].status == "failed" and "damaged" in str(told[0].message) and not (tmp_path / "out/0.tar").exists()


def test_links_and_odd_members_of_a_tar_file(tmp_path):
    image, hidden = stored(photo(0)), b"a fork of a file, as macOS leaves them"
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        for name, kind, link, data in (
            ("dir", tarfile.DIRTYPE, "", b""), ("dir/a.png", tarfile.REGTYPE, "", image),
            ("dir/b.png", tarfile.LNKTYPE, "dir/a.png", b""), ("c.png", tarfile.SYMTYPE, "dir/a.png", b""),
            ("d.txt", tarfile.SYMTYPE, "elsewhere", b""), ("dir/._a.png", tarfile.REGTYPE, "", hidden),
            ("a.jpg", tarfile.REGTYPE, "", image), ("A.PNG", tarfile.REGTYPE, "", image),
        ):  # fmt: skip
            about = tarfile.TarInfo(name)
            about.type, about.linkname, about.size = kind, link, len(data)
            archive.addfile(about, io.BytesIO(data))
    told: list[Row] = []
    run(Compress(), str(tmp_path / "0.tar"), str(tmp_path / "out"), each=told.append)
    with tarfile.open(tmp_path / "out/0.tar") as archive:
        made = {about.name: (about.type, about.linkname) for about in archive}
        assert archive.extractfile("dir/b.lmc").read() == codec.compress(photo(0))
        assert archive.extractfile("c.lmc").read() == codec.compress(photo(0))
    assert list(made) == ["dir", "dir/a.lmc", "dir/b.lmc", "c.lmc", "d.txt", "dir/._a.png", "a.lmc", "A.lmc"]
    assert made["d.txt"] == (tarfile.SYMTYPE, "elsewhere") and (told[0].images, told[0].images_failed) == (3, 0)
    with tarfile.open(tmp_path / "1.tar", "w") as archive:
        about = tarfile.TarInfo("b.png")
        about.type, about.linkname = tarfile.SYMTYPE, "a.png"
        archive.addfile(about)
        about = tarfile.TarInfo("a.png")
        about.size = len(image)
        archive.addfile(about, io.BytesIO(image))
    run(Compress(), str(tmp_path / "1.tar"), str(tmp_path / "out"), each=told.append)
    assert told[1].status == "failed" and "comes later" in str(told[1].message)


def test_images_that_are_not_neighbours_get_names_of_their_own(tmp_path):
    names = ("a.png", "b.png", "a.jpg", "c.png", "c.jpg", "c.png.lmc")
    make_tar(tmp_path / "0.tar", {name: stored(photo(i)) for i, name in enumerate(names)})
    run(Compress(), str(tmp_path / "0.tar"), str(tmp_path / "out"))
    made = members(tmp_path / "out/0.tar")
    assert (
        len(made) == 6 and made["a.lmc"] == codec.compress(photo(0)) and made["a.jpg.lmc"] == codec.compress(photo(2))
    )
    assert made["c.png.lmc"] == stored(photo(5)) and made["c.png.lmc.lmc"] == codec.compress(photo(3))


def test_sparse_members_keep_their_bytes(tmp_path):
    if shutil.which("tar") is None:
        pytest.skip("needs GNU tar")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(stored(photo(0)))
    with (tmp_path / "in/a.bin").open("wb") as file:
        file.truncate(100_000)
        file.seek(50_000)
        file.write(b"something")
    for kind in ("gnu", "pax"):
        command = ["tar", "-S", f"--format={kind}", "-cf", str(tmp_path / f"{kind}.tar"), "a.bin", "a.png"]
        if subprocess.run(command, cwd=tmp_path / "in", capture_output=True).returncode:
            pytest.skip("needs GNU tar")
        run(Compress(), str(tmp_path / f"{kind}.tar"), str(tmp_path / "out"))
        made = members(tmp_path / f"out/{kind}.tar")
        assert made["a.bin"] == (tmp_path / "in/a.bin").read_bytes() and made["a.lmc"] == codec.compress(photo(0))


def test_parquet_of_odd_paths_row_groups_and_no_rows(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra [cluster]")
    import pyarrow

    data = stored(photo(0, (16, 16)))
    paths = ["", None, "a.png", "https://host/b.png", ".."]
    cells = [{"bytes": data, "path": path} for path in paths]
    table = pyarrow.table({"photo": cells, "n": list(range(5))})
    (tmp_path / "in").mkdir()
    parquet.write_table(table, tmp_path / "in/0.parquet", row_group_size=3)
    parquet.write_table(table.slice(0, 0), tmp_path / "in/1.parquet")
    told: list[Row] = []
    run(Compress(), str(tmp_path / "in"), str(tmp_path / "out"), each=told.append)
    assert [row.message for row in told] == [None, None]
    made = parquet.ParquetFile(tmp_path / "out/0.parquet")
    assert [made.metadata.row_group(i).num_rows for i in range(made.num_row_groups)] == [3, 2]
    assert [cell["path"] for cell in made.read()["photo"].to_pylist()] == [
        "",
        None,
        "a.lmc",
        "https://host/b.lmc",
        "..",
    ]
    assert {cell["bytes"] for cell in made.read()["photo"].to_pylist()} == {codec.compress(photo(0, (16, 16)))}
    assert parquet.read_table(tmp_path / "out/1.parquet").num_rows == 0


def test_parquet_keeps_all_but_its_images(tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs datasets, of the extra [test]")
    import pyarrow.parquet as parquet

    import codec.pillow_plugin

    assert codec.pillow_plugin.FORMAT == "LMC"
    features = datasets.Features({
        "image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"]), "more": {"n": datasets.Value("int8")}
    })  # fmt: skip
    given: dict[str, Any] = {
        "image": [photo(0), photo(1), None],
        "label": [0, 1, 1],
        "more": [{"n": i} for i in range(3)],
    }
    (tmp_path / "in").mkdir()
    datasets.Dataset.from_dict(given, features).to_parquet(str(tmp_path / "in/0.parquet"))
    run(Compress(), str(tmp_path / "in"), str(tmp_path / "out"))
    before, after = (parquet.read_table(tmp_path / f"{folder}/0.parquet") for folder in ("in", "out"))
    assert after.schema.equals(before.schema, check_metadata=True)
    assert after.drop_columns("image").equals(before.drop_columns("image"))
    assert (
        after["image"][1].as_py() == {"bytes": codec.compress(photo(1)), "path": None}
        and after["image"][2].as_py() is None
    )
    loaded = datasets.Dataset.from_parquet(str(tmp_path / "out/0.parquet"), cache_dir=str(tmp_path / "cache"))
    assert loaded.features == features and loaded[1]["label"] == 1 and loaded[1]["more"] == {"n": 1}
    assert np.array_equal(np.asarray(loaded[1]["image"]), np.asarray(codec.decompress(codec.compress(photo(1)))))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves files open
def test_web_datasets_of_ours_load_elsewhere(shards, tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs datasets, of the extra [test]")
    webdataset = pytest.importorskip("webdataset", reason="needs webdataset, of the extra [test]")
    import codec.pillow_plugin

    assert codec.pillow_plugin.FORMAT == "LMC"
    make_tar(tmp_path / "0.tar", {"0.png": stored(photo(0)), "0.cls": b"7", "1.png": stored(photo(1)), "1.cls": b"8"})
    run(Compress(), str(tmp_path / "0.tar"), str(tmp_path / "out"))
    shard = str(tmp_path / "out/0.tar")
    wanted = np.asarray(codec.decompress(codec.compress(photo(1))))
    found = datasets.load_dataset("webdataset", data_files=shard, split="train", cache_dir=str(tmp_path / "cache"))
    assert np.array_equal(np.asarray(found.cast_column("lmc", datasets.Image())[1]["lmc"]), wanted)
    for sample in webdataset.WebDataset(shard, shardshuffle=False):
        assert set(sample) >= {"__key__", "lmc", "cls"}
    assert np.array_equal(np.asarray(codec.decompress(sample["lmc"])), wanted)


def test_samples_are_read_as_they_lie(shards):
    with (shards / "0.tar").open("rb") as file:
        keys = [[(member.key, member.field) for member in sample] for sample in tar.samples(file)]
    assert keys[0] == [("a/0", "png"), ("a/0", "json"), ("a/0", "cls")] and len(keys) == 4
    assert keys[3] == [("b/3", "left.png"), ("b/3", "right.png"), ("b/3", "bin")]
