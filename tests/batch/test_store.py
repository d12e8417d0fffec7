"""Jobs on an object store, of which moto's server on this machine is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import codec
from codec.batch import Compress, Decompress, run
from codec.batch.tasks import Outcome
from codec.cli import main
from codec.util import storage
from tests.batch.conftest import IMAGES, contents

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
BUCKET = "photos"


@pytest.fixture(scope="module")
def store() -> Iterator[None]:
    """An S3 of our own, with an empty bucket."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    given = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
             "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir(BUCKET)
    yield
    s3fs.S3FileSystem.clear_instance_cache()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    server.stop()


def held(address: str) -> dict[str, bytes]:
    """All files below an address, by name."""
    storage._file_system(address)[0].invalidate_cache()
    return {name: storage.source(storage.joined(address, name)).getvalue() for name, _ in storage.find(address)}


@pytest.fixture
def uploaded(store: None, collection: Path) -> str:
    """The collection in the store."""
    root = f"s3://{BUCKET}/in"
    for name, data in contents(collection).items():
        with storage.writing(storage.joined(root, name), True) as file:
            file.write(data)
    return root


def test_a_job_on_a_store_makes_what_one_machine_makes(uploaded, alone, client, tmp_path):
    out, table = f"s3://{BUCKET}/out", f"s3://{BUCKET}/tables/t.parquet"
    task = Compress(codec.EncodeOptions(threads=1))
    assert run(task, uploaded, out, client=client, table=table, batch=3).done == IMAGES
    assert held(out) == alone
    import pyarrow.parquet as parquet

    found = parquet.read_table(storage.source(table)).to_pylist()
    assert {row["source"] for row in found} == {f"{uploaded}/{name}" for name, _ in storage.find(uploaded)}
    assert len(found) == IMAGES and all(
        row["bytes_out"] == len(storage.source(row["target"]).getvalue()) for row in found
    )
    assert set(held(f"s3://{BUCKET}/tables")) == {"t.parquet"}
    storage.remove(f"{out}/2.lmc")
    again = run(task, uploaded, out, client=client, table=table)
    assert (again.done, again.existed) == (1, IMAGES - 1) and held(out) == alone


def test_the_command_on_a_store(uploaded, alone, tmp_path):
    out = f"s3://{BUCKET}/by-command"
    table = tmp_path / "t.parquet"
    result = CliRunner().invoke(main, ["batch", "compress", uploaded, out, "--workers", "1", "--table", str(table)])
    assert result.exit_code == 0 and f"{IMAGES} of {IMAGES} files" in result.stderr and held(out) == alone
    back = tmp_path / "back"
    assert run(Decompress(".png"), out, str(back)).done == IMAGES and len(contents(back)) == IMAGES


def test_an_upload_that_fails_leaves_nothing(store):
    address = f"s3://{BUCKET}/half.lmc"
    with pytest.raises(RuntimeError), storage.writing(address, False) as file:
        file.write(b"half")
        raise RuntimeError
    assert storage.size(address) is None
    with storage.writing(address, False) as file:
        file.write(b"whole")
    with pytest.raises(FileExistsError), storage.writing(address, False):
        pass
    assert storage.source(address).getvalue() == b"whole"


def test_a_bucket_that_is_not_there_is_not_made(store, collection):
    summary = run(Compress(), [str(collection / "2.png")], "s3://no-such-bucket/out")
    assert summary.failed == 1 and not storage.is_folder("s3://no-such-bucket")
    with pytest.raises(codec.CodecError, match="not there"):
        run(Compress(), "s3://no-such-bucket/in", f"s3://{BUCKET}/out")


def test_other_file_systems_get_a_temporary_file_that_is_renamed(collection, alone):
    import fsspec

    files = fsspec.filesystem("memory")
    out = "memory://job/out"
    names: set[str] = set()

    class Looks(Compress):
        def __call__(self, source, name, output, progress=None) -> Outcome:
            outcome = super().__call__(source, name, output, progress)
            names.update(files.find("/job"))
            return outcome

    run(Looks(), str(collection), out)
    assert {name.removeprefix("/job/out/"): files.cat_file(name) for name in files.find("/job")} == alone
    assert names == {f"/job/out/{name}" for name in alone}  # none but whole ones, after each
    with pytest.raises(RuntimeError), storage.writing("memory://job/half.lmc", False) as file:
        file.write(b"half")
        raise RuntimeError
    files.pipe_file("/job/out/.batch-0123-aa", b"left")
    assert storage.sweep(out, "batch-0123") == 1
    assert {f"/job/out/{name}" for name in alone} == set(files.find("/job"))


def test_addresses():
    assert storage.joined("s3://bucket/in/", "a/b.png") == "s3://bucket/in/a/b.png"
    assert storage.joined("zip://::s3://bucket/all.zip", "a/b.png") == "zip://a/b.png::s3://bucket/all.zip"
    assert storage.joined("zip://in::all.zip", "b.png") == "zip://in/b.png::all.zip"
    assert storage.joined("file:///data", "b.png") == storage.joined("/data/", "b.png") == "/data/b.png"
    assert storage.is_remote("zip://::all.zip") and not storage.is_remote("file:///data")
    with pytest.raises(codec.CodecError, match="nowhere"):
        storage.size("nowhere://a")
