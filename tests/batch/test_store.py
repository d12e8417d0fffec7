"""Jobs on an object store, of which moto's server on this machine is one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import codec
from codec.batch import Compress, Decompress, Transcode, run
from codec.cli import main
from codec.util import storage
from tests.batch.clusters import DRIVER, ROOT, environment, kill_group, kill_group_of, kill_once, nodes
from tests.batch.conftest import IMAGES, contents
from tests.batch.tasks import Slow

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
    storage.forget(address)
    return {name: storage.read(storage.joined(address, name)) for name in storage.find(address)}


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
    assert {row["source"] for row in found} == {f"{uploaded}/{name}" for name in storage.find(uploaded)}
    assert len(found) == IMAGES and all(
        row["bytes_out"] == len(storage.source(row["target"]).getvalue()) for row in found
    )
    assert set(held(f"s3://{BUCKET}/tables")) == {"t.parquet"}
    storage.remove(f"{out}/2.lmc")
    again = run(task, uploaded, out, client=client, table=table)
    assert (again.done, again.existed) == (1, IMAGES - 1) and held(out) == alone


def test_killed_workers_and_nodes_lose_nothing_in_a_store(uploaded, alone, tmp_path):
    from distributed import Client

    out, table = f"s3://{BUCKET}/killed", f"s3://{BUCKET}/killed-table.jsonl"
    with nodes(tmp_path, 2) as (file, processes), Client(scheduler_file=file) as client:
        client.wait_for_workers(2, timeout=60)

        def kill_worker() -> None:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

        def kill_node() -> None:
            kill_group(processes[0])

        each = [kill_once(kill_worker, after=2), kill_once(kill_node, after=5)]
        run(
            Slow(codec.EncodeOptions(threads=1)), uploaded, out,
            client=client, table=table, batch=2, each=lambda row: [one(row) for one in each],
        )  # fmt: skip
        assert processes[0].poll() is not None
    assert held(out) == alone
    found = [json.loads(line) for line in storage.read(table).splitlines()]
    assert sorted(row["source"] for row in found) == sorted(f"{uploaded}/{name}" for name in storage.find(uploaded))
    assert not [name for name in held(f"s3://{BUCKET}") if ".parts" in name]


def test_a_killed_driver_goes_on_in_a_store(uploaded, alone, tmp_path):
    out, table = f"s3://{BUCKET}/driven", f"s3://{BUCKET}/driven-table.jsonl"
    with nodes(tmp_path, 2) as (file, _):
        arguments = [sys.executable, "-c", DRIVER, file, uploaded, out, table]
        first = subprocess.Popen(arguments, env=environment(), cwd=ROOT, start_new_session=True)
        deadline = time.monotonic() + 300
        while len(held(out)) < 3:
            assert time.monotonic() < deadline
        kill_group_of(first)
        assert len(held(out)) < IMAGES and storage.size(table) is None
        subprocess.run(arguments, env=environment(), cwd=ROOT, check=True, timeout=300)
    assert held(out) == alone and len(storage.read(table).splitlines()) == IMAGES


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


def test_what_came_or_went_between_two_runs_is_seen(store, collection):
    root, out = f"s3://{BUCKET}/changing", f"s3://{BUCKET}/changed"
    import s3fs

    elsewhere = s3fs.S3FileSystem(skip_instance_cache=True)
    for name in ("2.png", "4.png"):
        elsewhere.pipe_file(f"{BUCKET}/changing/{name}", (collection / name).read_bytes())
        assert run(Compress(), root, out).failed == 0
    elsewhere.rm_file(f"{BUCKET}/changed/2.lmc")
    assert run(Compress(), root, out).done == 1 and set(held(out)) == {"2.lmc", "4.lmc"}


def test_no_output_takes_its_inputs_place_in_a_store(store, collection):
    data = codec.compress(collection / "2.png", quality=90)
    with storage.writing(f"s3://{BUCKET}/place/a.lmc", True) as file:
        file.write(data)
    for out in (f"s3://{BUCKET}/place/", f"s3a://{BUCKET}/place", f"s3://{BUCKET}//place"):
        told = []
        run(Transcode(codec.EncodeOptions(quality=1)), f"s3://{BUCKET}/place", out, force=True, each=told.append)
        assert [row.status for row in told] == ["failed"] and held(f"s3://{BUCKET}/place") == {"a.lmc": data}


def test_errors_of_other_packages_are_one_line(tmp_path, monkeypatch, store):
    (tmp_path / "not.zip").write_bytes(b"no archive")
    with pytest.raises(codec.CodecError, match="not a zip"):
        run(Compress(), f"zip://::{tmp_path}/not.zip", str(tmp_path / "out"))
    for address in ("nowhere://a", "s3://a bucket with spaces/b"):
        with pytest.raises((codec.CodecError, OSError)) as caught:
            storage.size(address)
        assert "\n" not in str(caught.value)


def test_file_systems_that_rename_get_a_temporary_file(tmp_path, monkeypatch):
    """fsspec's own local one, as it can rename."""
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    class Elsewhere(LocalFileSystem):
        protocol = "elsewhere"

        @classmethod
        def _strip_protocol(cls, path):
            return LocalFileSystem._strip_protocol(str(path).removeprefix("elsewhere://"))

    fsspec.register_implementation("elsewhere", Elsewhere, clobber=True)
    seen: list[set[str]] = []
    moved = Elsewhere.mv

    def mv(self, one, other, **more):
        seen.append({path.name for path in tmp_path.rglob("*") if path.is_file()})
        moved(self, one, other, **more)

    monkeypatch.setattr(Elsewhere, "mv", mv)
    folder = f"elsewhere://{tmp_path}/with [brackets]"
    with storage.writing(f"{folder}/a.lmc", False, "batch-0123") as file:
        file.write(b"whole")
    assert storage.read(f"{folder}/a.lmc") == b"whole" and storage.read(f"{folder}/a.lmc", 2) == b"wh"
    assert len(seen) == 1 and all(name.startswith(".batch-0123-") for name in seen[0]) and len(seen[0]) == 1
    (tmp_path / "with [brackets]/.batch-0123-aa").touch()
    assert storage.sweep(folder, "batch-0123", of_this_run=True) == 1 and list(storage.find(folder)) == ["a.lmc"]

    def fails(self, one, other, **more):
        raise OSError("no")

    monkeypatch.setattr(Elsewhere, "mv", fails)
    with pytest.raises(OSError, match="no"), storage.writing(f"{folder}/b.lmc", False) as file:
        file.write(b"whole")
    assert [path.name for path in (tmp_path / "with [brackets]").iterdir()] == ["a.lmc"]


def test_addresses(tmp_path, monkeypatch):
    assert storage.joined("s3://bucket/in/", "a/b.png") == "s3://bucket/in/a/b.png"
    assert storage.joined("zip://::s3://bucket/all.zip", "a/b.png") == "zip://a/b.png::s3://bucket/all.zip"
    assert storage.joined("zip://in::all.zip", "b.png") == "zip://in/b.png::all.zip"
    assert storage.joined("simplecache::s3://bucket", "b.png") == "simplecache::s3://bucket/b.png"
    assert storage.joined("file:///data", "b.png") == storage.joined("/data/", "b.png") == "/data/b.png"
    assert storage.is_remote("zip://::all.zip") and not storage.is_remote("file:///data")
    assert not storage.is_remote("/data/odd::name.png")
    monkeypatch.chdir(tmp_path)
    assert storage.absolute("in") == storage.absolute("file://in") == str(tmp_path / "in")
    assert storage.absolute("s3://bucket") == "s3://bucket"
    assert storage.canonical("in/../out") == str(tmp_path.resolve() / "out")
