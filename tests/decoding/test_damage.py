"""Damage: an error unless it is to be filled, and then only its own area and what borders it."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from bitstream import Box, ChecksumError, Container, Header, Metadata, TruncatedError, container, serialize
from bitstream.boxes import BoxType, alpha_box, metadata_boxes
from bitstream.container import MAGIC, VERSION, parse_header
from codec.cli import main
from codec.encoding.encoder import encode
from codec.engine.registry import shipped
from codec.images.sources import ArraySource

REACH = 96
"""Pixels that a symbol moves beyond its own block at most: 3 positions of means, 3 of pixels."""


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    return data.astronaut()[:500, :440]


@pytest.fixture(scope="module")
def sound(photo):
    """A file of sixteen chunks, with metadata and transparency."""
    boxes = [alpha_box(200), *metadata_boxes(Metadata(exif=b"Exif\0\0what a camera wrote", xmp=b"<xmp/>"))]
    return encode(shipped(2), ArraySource(photo), 200, boxes, chunk_log2=1)


def hit(data, part):
    """The file with one byte of a part, (offset, length, ...), changed."""
    at = part[0] + part[1] // 2
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def test_a_damaged_chunk_costs_its_own_area(photo, sound):
    data = hit(sound, parse_header(sound).chunks[5])
    with pytest.raises(ChecksumError, match="chunk 5"):
        codec.decompress(data)
    with codec.open(data, on_damage="fill") as file:
        assert file.damage == ()
        pixels = file.array()[..., :3].astype(int)
        (damage,) = file.damage
    assert damage.part == "chunk 5" and damage.box == (128, 128, 256, 256) and "checksum" in damage.reason
    whole = np.asarray(codec.decompress(sound))[..., :3].astype(int)
    rows, columns = np.nonzero((np.abs(pixels - whole) > 1).any(axis=2))
    assert rows.min() >= 128 - REACH and rows.max() < 256 + REACH
    assert columns.min() >= 128 - REACH and columns.max() < 256 + REACH
    assert np.abs(pixels - whole)[128:256, 128:256].mean() > 5


def test_a_truncated_file_shows_what_it_has(sound):
    chunks = parse_header(sound).chunks
    data = sound[: chunks[8][0] + 3]
    with pytest.raises(TruncatedError):
        codec.open(data)
    with codec.open(data, on_damage="fill") as file:
        file.verify()
        assert [d.part for d in file.damage] == [f"chunk {i}" for i in range(8, len(chunks))]
        pixels = np.asarray(file.load().convert("RGB")).astype(int)
    whole = np.asarray(codec.decompress(sound).convert("RGB")).astype(int)
    assert np.abs(pixels - whole)[: 256 - REACH].max() <= 1


@pytest.mark.parametrize(("kind", "gone"), [(BoxType.EXIF, "exif"), (BoxType.XMP, "xmp"), (BoxType.ALPHA, "A")])
def test_a_damaged_box_is_left_out(sound, kind, gone):
    layout = parse_header(sound)
    data = hit(sound, next(box for box in layout.boxes if box[3] == kind))
    with pytest.raises(ChecksumError):
        codec.open(data)
    image = codec.decompress(data, on_damage="fill")
    assert [d.part for d in image.info["damage"]] == [f"box {kind.name}"] and image.info["damage"][0].box is None
    if gone == "A":
        assert image.mode == "RGB"
    else:
        assert gone not in image.info and {"exif", "xmp"} - {gone} <= image.info.keys()
    pixels, whole = (np.asarray(i.convert("RGB")) for i in (image, codec.decompress(sound)))
    np.testing.assert_array_equal(pixels, whole)


def test_sound_files_report_nothing(sound):
    image = codec.decompress(sound, on_damage="fill")
    assert "damage" not in image.info
    np.testing.assert_array_equal(np.asarray(image), np.asarray(codec.decompress(sound)))


def test_bytes_after_the_end_are_reported(sound):
    image = codec.decompress(sound + b"more", on_damage="fill")
    assert "after its end" in image.info["damage"][0].reason


def test_a_damaged_header_cannot_be_filled(sound):
    data = sound[:9] + bytes([sound[9] ^ 1]) + sound[10:]
    with pytest.raises(codec.BitstreamError):
        codec.decompress(data, on_damage="fill")
    with pytest.raises(ValueError, match="on_damage"):
        codec.open(sound, on_damage="ignore")


def test_the_command_tolerates_and_tells(sound, tmp_path):
    path, out = tmp_path / "a.lmc", tmp_path / "a.png"
    path.write_bytes(hit(sound, parse_header(sound).chunks[0]))
    result = CliRunner().invoke(main, ["decompress", str(path), str(out)])
    assert result.exit_code == 1 and "chunk 0 checksum" in result.stderr and not out.exists()
    assert "--tolerate-damage" in result.stderr
    result = CliRunner().invoke(main, ["decompress", str(path), str(out), "--tolerate-damage", "--quiet"])
    assert result.exit_code == 3 and "chunk 0 is damaged, and its 128 x 128 pixels at 0,0 are made up" in result.stderr
    with Image.open(out) as image:
        assert image.size == (440, 500)
    # A region that needs no damaged chunk says nothing of it.
    result = CliRunner().invoke(main, ["decompress", str(path), str(out), "-f", "--region", "300,300,64,64"])
    assert result.exit_code == 0 and result.stderr == ""


def test_one_box_that_cannot_be_expanded_costs_itself_alone(photo):
    boxes = [Box(BoxType.ICC, b"no zlib"), *metadata_boxes(Metadata(exif=b"what a camera wrote", xmp=b"<xmp/>"))]
    with codec.open(encode(shipped(2), ArraySource(photo), 200, boxes), on_damage="fill") as file:
        assert file.metadata == Metadata(None, b"what a camera wrote", b"<xmp/>")
        assert [damage.part for damage in file.damage] == ["box ICC"]


def test_what_a_file_claims_to_hold_is_not_read_where_it_is_not():
    """Reading claims the memory first."""
    part = container.varint(1 << 31) + bytes(4)
    fields = bytes([64, 64]) + shipped().model_id + bytes([0, 0, 1, 4]) + part + part
    start = MAGIC + bytes([VERSION]) + container.varint(len(fields)) + fields
    asked = []

    class Recording(io.BytesIO):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    file = codec.open(Recording(start + zlib.crc32(start).to_bytes(4, "little")), on_damage="fill")
    file.verify()
    assert [damage.part for damage in file.damage] == ["box ICC", "chunk 0"] and max(asked) < 100
    assert "expected at most" in file.damage[0].reason  # no ICC profile takes so much
    assert f"ends at byte {len(start) + 4}" in file.damage[1].reason


def test_symbols_kept_for_the_next_call_are_bounded(photo, monkeypatch):
    data = encode(shipped(2), ArraySource(photo), 200, [], chunk_log2=0)
    expected = codec.open(data).array()
    monkeypatch.setattr("codec.decoding.chunk_cache.MAX_BYTES", 20_000)
    with codec.open(data) as file:
        np.testing.assert_array_equal(file.array(), expected)
        kept = file._reader.cache._chunks.values()
        assert 1 < len(kept) < 56 and file._reader.cache.bytes == sum(z.nbytes + y.nbytes for z, y in kept) < 20_000


def test_no_help_is_promised_where_there_is_none(sound, tmp_path):
    path = tmp_path / "a.lmc"
    path.write_bytes(sound[:9] + bytes([sound[9] ^ 1]) + sound[10:])
    result = CliRunner().invoke(main, ["decompress", str(path), str(tmp_path / "a.png")])
    assert result.exit_code == 1 and "header" in result.stderr and "--tolerate-damage" not in result.stderr


def test_one_damaged_chunk_among_many_is_found_without_counting_all(monkeypatch):
    """Else a small file of many damaged chunks would take hours."""
    header = Header(32_768, 32_768, bytes(4), 0, chunk_log2=0)
    assert header.chunk(262_143) == (511, 511, 1, 1) and header.chunk(513) == (1, 1, 1, 1)
    data = serialize(Container(header, [b"x"] * header.chunk_count))
    with codec.open(data[:-1000], on_damage="fill") as file:
        monkeypatch.setattr(Header, "chunk_cells", lambda _: pytest.fail("all chunks were counted"))
        file.verify()
        assert len(file.damage) == 1000 and file.damage[-1].box == (32_704, 32_704, 32_768, 32_768)
