"""A long run of hostile files: ``python -m tests.fuzz --target symbols --files 1000000``.

Every file must end as an image or as a :class:`CodecError`, within a limit of memory and of time. Files
are mutated from a few small ones, blindly or along the format's own structure with checksums made right
again, so that what lies behind them is reached. File number ``n`` of a seed is always the same, so a
finding is repeated by ``--first n --files 1``.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import multiprocessing
import resource
import signal
import sys
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import codec
from bitstream import Box, Container, Metadata, parse, serialize
from bitstream.boxes import BoxType, PixelFormat, alpha_box, form_boxes, metadata_boxes
from bitstream.container import FieldReader, parse_header, varint
from codec.api import read_symbols
from codec.encoding.encoder import encode
from codec.engine.registry import shipped
from codec.images import alpha
from codec.images.sources import ArraySource

MAX_PIXELS = 1 << 16
"""Larger images are refused: a hostile header of a small file may truly ask for a gigapixel."""
SECONDS = 20
MEMORY = 3 << 30


def corpus() -> list[bytes]:
    """Small files that between them have every kind of part."""
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(96), np.arange(150))[..., None].repeat(3, 2).astype(np.uint8)
    noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    plane = alpha.encode(smooth[..., 0])
    boxes = metadata_boxes(Metadata(icc=b"\0" * 128, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0", xmp=b"<x/>"))
    text = np.full((64, 128, 3), 250, np.uint8)
    letters = rng.integers(0, 120, (4, 7, 6, 3), dtype=np.uint8)
    for at, letter in enumerate(rng.integers(0, 4, 36)):
        row, column = 6 + 20 * (at // 12), 8 + 9 * (at % 12)
        text[row : row + 7, column : column + 6] = letters[letter]
    runtime = shipped(1)
    some = np.arange(12) < 5 + np.arange(8)[:, None]
    files = [
        encode(runtime, ArraySource(smooth), 40, []),
        encode(runtime, ArraySource(noise), 400, []),
        encode(runtime, ArraySource(smooth), 200, [alpha_box(None, plane), *boxes], chunk_log2=0),
        encode(runtime, ArraySource(smooth[:1, :1]), 0, [alpha_box(7)]),
        encode(runtime, ArraySource(smooth[:70, :70, 0]), 100, form_boxes(PixelFormat(1, 8))),
        encode(runtime, ArraySource(smooth), 40, [], exact=some, chunk_log2=1),
        encode(
            runtime, ArraySource(smooth[..., 0].astype(np.uint16)), 9, form_boxes(PixelFormat(1, 16)), exact=some | True
        ),
        encode(runtime, ArraySource(text), 40, [], exact=some[:4, :8] | True),
    ]
    assert parse(files[-1]).chunks[0][0] == 6, "no line of text stands apart"
    return files


def blind(rng: np.random.Generator, data: bytes) -> bytes:
    """Change, drop, insert or repeat bytes anywhere."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        at = int(rng.integers(len(out) + 1))
        match int(rng.integers(6)):
            case 0 if at < len(out):
                out[at] ^= 1 << int(rng.integers(8))
            case 1 if at < len(out):
                out[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))
            case 2:
                del out[at : at + int(rng.integers(1, 40))]
            case 3:
                out[at:at] = rng.bytes(int(rng.integers(1, 40)))
            case 4:
                out[at:at] = out[at : at + int(rng.integers(1, 200))]
            case _:
                del out[at:]
        if not out:
            break
    return bytes(out)


def structured(rng: np.random.Generator, data: bytes) -> bytes:
    """Change fields and payloads, and write a file whose checksums agree with them."""
    container = parse(data)
    header, chunks, boxes = container.header, list(container.chunks), list(container.boxes)
    for _ in range(rng.integers(1, 4)):
        match int(rng.integers(7)):
            case 0:
                header = replace(header, quality_index=int(rng.choice([0, 400, 401, 65_535, rng.integers(401)])))
            case 1:
                i = int(rng.integers(len(chunks)))
                chunks[i] = blind(rng, chunks[i])
            case 2:
                i = int(rng.integers(len(chunks)))
                chunks[i] = rng.bytes(int(rng.integers(0, 400)))
            case 3:
                kind = int(rng.choice([*BoxType, rng.integers(65_536)]))
                boxes.append(Box(kind, _payload(rng)))
            case 4:
                i = int(rng.integers(len(chunks)))
                chunks[i] = _other_lines(rng, chunks[i])
            case 5 if boxes:
                i = int(rng.integers(len(boxes)))
                boxes[i] = Box(boxes[i].type, blind(rng, boxes[i].data))
            case _:
                sides = rng.integers(1, 200, 2) if rng.random() < 0.7 else rng.integers(1, 65_536, 2)
                header = replace(header, width=int(sides[0]), height=int(sides[1]), chunk_log2=int(rng.integers(6)))
                if header.chunk_count > 4096:
                    header = replace(header, width=64, height=64)
                chunks = [chunks[i % len(chunks)] for i in range(header.chunk_count)]
    return serialize(Container(header, chunks, boxes))


def _other_lines(rng: np.random.Generator, chunk: bytes) -> bytes:
    """A chunk with other rectangles of lines, if it has any: moved, or many tiny ones."""
    if not chunk or chunk[0] != 6:
        return chunk
    reader = FieldReader(chunk, 1, "lines")
    try:
        count = reader.varint("lines", 1 << 28)
        numbers = bytearray(zlib.decompress(reader.bytes(reader.varint("rectangles", 1 << 28))))
    except (codec.CodecError, zlib.error):  # it is damaged already
        return chunk
    if rng.random() < 0.3:
        count = int(rng.integers(1, 200))
        numbers = bytearray(bytes(2 * count) + b"\1" * (2 * count))
    for _ in range(rng.integers(1, 5) if numbers else 0):
        numbers[int(rng.integers(len(numbers)))] = int(rng.integers(128))
    stream = zlib.compress(bytes(numbers))
    return bytes([6]) + varint(count) + varint(len(stream)) + stream + chunk[reader.at :]


def _payload(rng: np.random.Generator) -> bytes:
    """Of a box: metadata, a bomb of a megabyte a byte, or noise."""
    match int(rng.integers(4)):
        case 0:
            return zlib.compress(rng.bytes(50))
        case 1:
            return _bomb(int(rng.choice([10, 1 << 20, 1 << 25])))
        case 2:
            return bytes([int(rng.integers(3))]) + rng.bytes(int(rng.integers(0, 60)))
        case _:
            return rng.bytes(int(rng.integers(0, 60)))


@functools.cache
def _bomb(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def headers(rng: np.random.Generator, data: bytes) -> bytes:
    """Change bytes of the header alone, and put its checksum right."""
    end = parse_header(data).chunks[0][0] if not parse_header(data).boxes else parse_header(data).boxes[0][0]
    start = bytearray(data[: end - 4])
    for _ in range(rng.integers(1, 4)):
        start[int(rng.integers(5, len(start)))] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)]))
    return bytes(start) + zlib.crc32(start).to_bytes(4, "little") + data[end:]


def mutated(files: list[bytes], seed: int, number: int) -> bytes:
    """File ``number`` of a seed."""
    rng = np.random.default_rng((seed, number))
    mutate: Callable[[np.random.Generator, bytes], bytes] = (blind, structured, structured, headers)[number % 4]
    return mutate(rng, files[int(rng.integers(len(files)))])


def symbols_of(data: bytes) -> None:
    """All that needs no network."""
    codec.inspect(data, max_pixels=MAX_PIXELS)
    file = read_symbols(shipped(1), data, MAX_PIXELS)[0]
    _ = file.metadata, file.alpha()


def pictures_of(data: bytes) -> None:
    """The whole decoder, first as it is by default and then with damage filled in."""
    with contextlib.suppress(codec.CodecError):
        codec.decompress(data, threads=1, max_pixels=MAX_PIXELS)
    codec.decompress(data, threads=1, max_pixels=MAX_PIXELS, on_damage="fill")


TARGETS: dict[str, Callable[[bytes], None]] = {"symbols": symbols_of, "pictures": pictures_of}


class Hang(BaseException):
    """A file took too long."""


def outcome(target: Callable[[bytes], None], data: bytes) -> str:
    """What became of a file: ``image``, the name of its CodecError, or a finding, with an exclamation mark."""
    signal.alarm(SECONDS)
    try:
        target(data)
        return "picture"
    except codec.CodecError as error:
        return type(error).__name__
    except Hang:
        return f"! hang of {SECONDS} s"
    except BaseException as error:  # whatever else comes out is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"! {type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {error}"[:200]
    finally:
        signal.alarm(0)


def _raise_hang(*_: object) -> None:
    raise Hang


def prepare() -> None:
    """Limit this process."""
    signal.signal(signal.SIGALRM, _raise_hang)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def work(arguments: tuple[str, int, range]) -> tuple[Counter[str], dict[str, int], int]:
    """Outcomes of some files, the first file of each finding, and the peak memory in kilobytes."""
    target, seed, numbers = arguments
    prepare()
    files, outcomes, findings = corpus(), Counter[str](), dict[str, int]()
    for number in numbers:
        found = outcome(TARGETS[target], mutated(files, seed, number))
        outcomes[found] += 1
        if found.startswith("!"):
            findings.setdefault(found, number)
    return outcomes, findings, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Run, and print totals; exit code 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    part = max(1, min(20_000, -(-options.files // options.jobs)))
    end = options.first + options.files
    parts = [(options.target, options.seed, range(at, min(at + part, end))) for at in range(options.first, end, part)]
    outcomes, findings, peak, started = Counter[str](), dict[str, int](), 0, time.monotonic()
    with multiprocessing.get_context("spawn").Pool(options.jobs, maxtasksperchild=5) as pool:
        for done, (counts, found, kilobytes) in enumerate(pool.imap_unordered(work, parts), 1):
            outcomes += counts
            findings = {**found, **findings}
            peak = max(peak, kilobytes)
            print(f"{done} of {len(parts)} parts, {len(findings)} findings", file=sys.stderr, flush=True)
    total = outcomes.total()
    print(f"{total} files, target {options.target}, seed {options.seed}, {time.monotonic() - started:.0f} s")
    for name, count in outcomes.most_common():
        print(f"{count:9d}  {name}" + (f"  (file {findings[name]})" if name in findings else ""))
    print(f"peak memory {peak / 1024:.0f} MB of {MEMORY >> 20}; findings: {len(findings)}")
    if total != options.files:
        print(f"lost files: {options.files - total}")
    sys.exit(bool(findings) or total != options.files)


if __name__ == "__main__":
    main()
