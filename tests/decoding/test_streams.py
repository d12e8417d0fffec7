"""What a file may be opened from, and who may share it once it is open."""

from __future__ import annotations

import gzip
import io
import mmap
import os
import pickle
import subprocess
import sys
import tarfile
import threading

import numpy as np
import pytest

import codec
from bitstream.errors import ImageError
from codec.decoding.streams import RandomAccess
from codec.engine.registry import MODELS

SIDE = 1100
"""Of an image of several chunks."""


@pytest.fixture(scope="module")
def data():
    y, x = np.mgrid[:SIDE, :SIDE]
    return codec.compress(np.dstack([x // 5 % 256, y // 5 % 256, (x + y) // 9 % 256]).astype(np.uint8), 40)


@pytest.fixture(scope="module")
def right(data):
    return np.asarray(codec.decompress(data))


@pytest.fixture
def path(data, tmp_path):
    path = tmp_path / "a.lmc"
    path.write_bytes(data)
    return path


class ShortReads(io.BytesIO):
    """As ``io.RawIOBase`` allows it."""

    def read(self, size=-1):
        return super().read(min(size, 7) if size and size > 0 else size)


class NoSeekable:
    """A file object of somebody who never heard of ``seekable``."""

    def __init__(self, data):
        self._file = io.BytesIO(data)
        self.read, self.seek, self.tell = self._file.read, self._file.seek, self._file.tell


def member_of_a_stream(data):
    tape = io.BytesIO()
    with tarfile.open(fileobj=tape, mode="w") as tar:
        entry = tarfile.TarInfo("a.lmc")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    tape.seek(0)
    tar = tarfile.open(fileobj=tape, mode="r|")  # noqa: SIM115 - as long as its member
    return tar.extractfile(tar.next())


def mapped(data):
    file = mmap.mmap(-1, len(data))
    file.write(data)
    return file


def unpacked(data):
    return gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(data)))


@pytest.mark.parametrize("wrap", [ShortReads, NoSeekable, member_of_a_stream, mapped, unpacked, memoryview])
def test_whatever_has_the_bytes_can_be_opened(data, right, wrap):
    np.testing.assert_array_equal(np.asarray(codec.decompress(wrap(data))), right)


@pytest.mark.parametrize("wrap", [ShortReads, NoSeekable, member_of_a_stream, mapped])
def test_images_are_read_from_such_objects_too(face, wrap):
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(face).save(buffer, "PNG")
    assert codec.compress(wrap(buffer.getvalue()), 30) == codec.compress(face, 30)


def test_an_unpacking_file_is_read_unpacked(data, tmp_path):
    """Its descriptor is that of the packed file."""
    packed = tmp_path / "a.gz"
    packed.write_bytes(gzip.compress(data))
    with gzip.open(packed) as file:
        assert RandomAccess(file, 1 << 30).read(0, 8) == data[:8]


def regions(file, right, seed, wrong):
    rng = np.random.default_rng(seed)
    for _ in range(8):
        x, y = (int(v) for v in rng.integers(0, SIDE - 32, 2))
        part = np.asarray(file.region(x, y, 32, 32)).astype(int)
        if np.abs(part - right[y : y + 32, x : x + 32]).max() > 1:
            wrong.append((x, y))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("by_path", [True, False])
def test_forked_processes_share_an_open_file(path, right, by_path):
    with path.open("rb") as binary, codec.open(path if by_path else binary) as file:
        children = []
        for seed in range(3):
            child = os.fork()
            if child == 0:
                status = 1  # of whatever goes wrong, errors too
                try:
                    wrong: list = []
                    regions(file, right, seed, wrong)
                    status = min(len(wrong), 100)
                finally:
                    os._exit(status)
            children.append(child)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]


@pytest.mark.skipif(not hasattr(os, "pread"), reason="needs a system that reads at places")
def test_reading_moves_no_position_that_others_share(path):
    """What forked processes would fall over, seen without a race."""
    with path.open("rb") as binary, codec.open(binary) as file:
        before = os.lseek(binary.fileno(), 0, os.SEEK_CUR)
        file.region(SIDE - 40, SIDE - 40, 32, 32)
        assert os.lseek(binary.fileno(), 0, os.SEEK_CUR) == before


def test_threads_share_an_open_file(path, data, right):
    for opened in (path, data):
        wrong: list = []
        with codec.open(opened) as file:
            workers = [threading.Thread(target=regions, args=(file, right, seed, wrong)) for seed in range(4)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        assert not wrong


def test_what_was_opened_by_a_path_is_pickled(path, data, right, monkeypatch):
    monkeypatch.chdir(path.parent)
    with codec.open("a.lmc", on_damage="fill", threads=1) as file:
        pickled = pickle.dumps(file)
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer).region(100, 200, 3, 2).tobytes().hex())"
    run = subprocess.run([sys.executable, "-c", program], input=pickled, capture_output=True, check=True, cwd="/")
    part = np.frombuffer(bytes.fromhex(run.stdout.decode()), np.uint8).reshape(2, 3, 3)
    np.testing.assert_allclose(part.astype(int), right[200:202, 100:103].astype(int), atol=1)
    with codec.open(path, model=MODELS / "visual") as file, pickle.loads(pickle.dumps(file)) as again:
        assert again.runtime.folder == file.runtime.folder
    monkeypatch.chdir(path.parent)
    with codec.open("a.lmc") as file:
        monkeypatch.chdir("/")
        with pickle.loads(pickle.dumps(file)) as again:
            assert again.size == (SIDE, SIDE)
    with codec.open(data) as file, pytest.raises(TypeError, match="pickle the file's bytes"):
        pickle.dumps(file)


@pytest.mark.parametrize(
    ("threads", "error"), [(-1, ValueError), (100_000, ValueError), (1.5, TypeError), ("2", TypeError)]
)
def test_a_number_of_threads_that_makes_no_sense_is_refused(data, face, threads, error):
    for use in (lambda: codec.decompress(data, threads=threads), lambda: codec.compress(face, threads=threads)):
        with pytest.raises(error, match="threads: found"):
            use()


def test_an_empty_variable_asks_for_all_cores(monkeypatch):
    from codec.engine.runtime import Runtime

    monkeypatch.setenv("CODEC_THREADS", "")
    assert Runtime(MODELS / "visual").threads == 0


def test_a_file_that_its_owner_has_closed_is_not_read(path, tmp_path):
    """Its descriptor may be another file's by then."""
    binary = path.open("rb")
    file = codec.open(binary)
    binary.close()
    (tmp_path / "b").write_bytes(bytes(5000))
    with (tmp_path / "b").open("rb"), pytest.raises(ValueError, match="closed"):
        file.region(0, 0, 8, 8)


@pytest.mark.parametrize("text", ["no image", ""])
def test_text_files_are_refused(text):
    with pytest.raises((ImageError, TypeError)):
        codec.compress(io.StringIO(text))
    with pytest.raises(TypeError):
        codec.decompress(io.StringIO(text))
