"""Files and models made to do harm, their checksums right: typed errors, and no memory for empty claims."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
import zlib

import numpy as np
import pytest

import codec
from bitstream import (
    BadMagicError,
    Box,
    Container,
    CorruptError,
    ModelError,
    UnsupportedVersionError,
    container,
    parse,
    serialize,
)
from bitstream.boxes import BoxType, alpha_box
from bitstream.container import MAGIC, VERSION
from bitstream.tables_file import read_tables
from codec.decoding.streams import read_bounded
from codec.engine.manifest import TABLES, model_id
from codec.engine.registry import shipped
from codec.engine.runtime import Runtime
from codec.images import alpha
from codec.manifold.loading import read_all_bytes
from tests.common import MODEL, raw_png


def with_parts(width, height, chunk_log2, boxes, chunks, payload=b""):
    """A file whose header claims boxes and chunks, each (type,) length and checksum, of any length."""
    varint = container.varint
    fields = varint(width) + varint(height) + shipped().model_id + bytes([0, chunk_log2, len(boxes)])
    fields += b"".join(varint(kind) + varint(length) + crc.to_bytes(4, "little") for kind, length, crc in boxes)
    fields += b"".join(varint(length) + crc.to_bytes(4, "little") for length, crc in chunks)
    start = MAGIC + bytes([VERSION]) + varint(len(fields)) + fields
    return start + zlib.crc32(start).to_bytes(4, "little") + payload


def test_a_claim_beyond_what_file_systems_can_address_is_damage(tmp_path):
    path = tmp_path / "a.lmc"
    path.write_bytes(with_parts(64 * 128, 64 * 128, 0, [], [(1 << 31, 0)] * 128**2))
    with codec.open(path, on_damage="fill") as file:
        file.verify()
        assert len(file.damage) == 128**2


def test_a_chunk_that_no_encoder_makes_is_not_read(tmp_path):
    long = bytes(60_000)
    data = with_parts(1, 1, 0, [], [(len(long), zlib.crc32(long))], long)
    assert codec.inspect(data).chunk_bytes == [len(long)]  # which needs no model, and holds little of it
    with pytest.raises(CorruptError, match="chunk 0: found 60000 bytes, expected at most 41736"):
        codec.decompress(data)


@pytest.mark.parametrize(
    ("kind", "most"), [(BoxType.FORM, 65_538), (BoxType.ALPHA, 65_540), (BoxType.XMP, 134_283_264)]
)
def test_boxes_that_no_encoder_makes_are_not_read(kind, most):
    data = with_parts(1, 1, 0, [(kind, most + 1, 0)], [(0, 0)])
    file = codec.open(data, on_damage="fill")
    assert file.damage[0].reason.endswith(f"found {most + 1} bytes, expected at most {most}")


def test_what_must_be_understood_is_refused_though_it_is_damaged_too():
    for types, error in (((5,), UnsupportedVersionError), ((4, 4), CorruptError)):
        data = with_parts(1, 1, 0, [(kind, 1, 99) for kind in types], [(0, 0)], b"xx")
        with pytest.raises(error):
            codec.open(data, on_damage="fill")


class Endless(io.RawIOBase):
    """A pipe that never ends."""

    def __init__(self, start):
        self.start, self.given = start, 0

    def readable(self):
        return True

    def read(self, size=-1):
        assert 0 <= size <= 1 << 20
        part = self.start[self.given : self.given + size]
        self.given += size
        return part + bytes(size - len(part))


def test_of_a_pipe_no_more_is_read_than_a_file():
    data = codec.compress(np.zeros((70, 90, 3), np.uint8))
    assert read_all_bytes(Endless(data)) == data + b"\0" and read_all_bytes(io.BytesIO(b"another")) == b"another"
    pipe = Endless(data)
    with pytest.raises(CorruptError, match="bytes after its end"):
        codec.decompress(pipe)
    assert pipe.given == len(data) + 1
    with pytest.raises(BadMagicError):
        codec.decompress(Endless(b""))
    assert read_bounded(io.BufferedReader(io.BytesIO(data))).getvalue() == data


@pytest.mark.parametrize("no_file", [None, 5, io.StringIO("text"), np.zeros(5, np.uint8)])
def test_what_is_no_file_is_told(no_file):
    with pytest.raises(TypeError, match="expected a path, bytes or a binary file"):
        codec.decompress(no_file)


def test_transparency_has_as_many_rows_as_the_picture():
    """Pillow makes up those that are missing."""
    height, width = 60, 50
    data = codec.compress(np.zeros((height, width, 3), np.uint8))
    rows = [bytes([7]) * width] * height
    sound, short, long = (raw_png(width, height, 8, 0, rows[:n] + rows[: max(0, n - height)]) for n in (60, 59, 61))
    assert (alpha.decode(sound, width, height, 8) == 7).all()
    for png in (short, long, sound + b"x", sound[:-12]):
        spoilt = serialize(Container(parse(data).header, parse(data).chunks, [Box(1, alpha_box(None, png).data)]))
        with pytest.raises(CorruptError, match="alpha"):
            codec.decompress(spoilt)


def spoilt_model(folder, name, content):
    """A model one of whose files is another, under a right checksum."""
    shutil.copytree(MODEL, folder)
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"] = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in manifest["sha256"]}
    manifest["model_id"] = model_id(manifest["sha256"]).hex()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_graph_that_is_none_is_an_error_of_the_model(tmp_path):
    picture = np.zeros((64, 64, 3), np.uint8)
    for number, content in enumerate((b"no graph", (MODEL / "preview.onnx").read_bytes())):
        folder = spoilt_model(tmp_path / str(number), "analysis.onnx", content)
        with pytest.raises(ModelError, match=r"analysis\.onnx: cannot be run"):
            codec.compress(picture, model=folder, graphics=False)
    runtime = Runtime(folder)
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match="No such file"):
        runtime.preview(np.zeros((1, 8, 4, 4), np.float32))


def stored_tables():
    with np.load(MODEL / TABLES, allow_pickle=False) as tables:
        return {name: tables[name] for name in tables.files}


def saved(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("y_counts", lambda array: saved(np.uint32(7))),
        ("y_counts", lambda array: saved(np.full((len(array), 1), 1 << 24, np.uint32))),
        ("shift", lambda array: b"no array"),
        ("bias", lambda array: saved(array).replace(b"'shape': (", b"'shape': (9", 1)),
        ("bias", lambda array: saved(array) + b"x"),
        ("bias", lambda array: saved(array)[:-1]),
    ],
)
def test_arrays_of_a_model_hold_what_they_say(tmp_path, name, change):
    arrays = stored_tables()
    for path, spoil in ((tmp_path / "sound.npz", False), (tmp_path / "spoilt.npz", True)):
        with zipfile.ZipFile(path, "w") as archive:
            for other, array in arrays.items():
                archive.writestr(f"{other}.npy", change(array) if spoil and other == name else saved(array))
    read_tables(tmp_path / "sound.npz")
    with pytest.raises(ModelError):
        read_tables(tmp_path / "spoilt.npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_tables_are_compressed_in_a_way_that_can_be_bounded(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "t.npz", "w", method) as archive:
        for name, array in stored_tables().items():
            archive.writestr(f"{name}.npy", saved(array))
    with pytest.raises(ModelError, match="compressed by method"):
        read_tables(tmp_path / "t.npz")
