"""Jobs on a Dask cluster whose workers, nodes and drivers are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

import codec
from codec.batch import Compress, Row, run
from tests.batch.clusters import (
    DRIVER,
    ROOT,
    environment,
    kill_group,
    kill_group_of,
    kill_once,
    nodes,
    wait_for_outputs,
)
from tests.batch.conftest import IMAGES, contents, rows
from tests.batch.tasks import Deadly, DiesAtFirst, DiesWhileWriting, Slow

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
ONE_THREAD = codec.EncodeOptions(threads=1)


def test_a_cluster_makes_what_one_machine_makes(client, collection, alone, tmp_path):
    table = tmp_path / "t.jsonl"
    summary = run(Compress(ONE_THREAD), str(collection), str(tmp_path / "out"), client=client, table=str(table))
    assert summary.done == IMAGES == len(rows(table)) and contents(tmp_path / "out") == alone
    left = client.run(lambda dask_worker: [name for name in dask_worker.plugins if name.startswith("batch-")])
    assert len(left) == 2 and not any(left.values())


def test_a_worker_that_is_killed_is_replaced(client, collection, alone, tmp_path):
    def kill() -> None:
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

    table = tmp_path / "t.jsonl"
    run(
        Slow(ONE_THREAD), str(collection), str(tmp_path / "out"),
        client=client, table=str(table), batch=2, each=kill_once(kill),
    )  # fmt: skip
    assert contents(tmp_path / "out") == alone
    assert sorted(row["source"] for row in rows(table)) == sorted(map(str, collection.rglob("*.*")))
    assert {row["status"] for row in rows(table)} <= {"done", "existed"}


def test_a_process_that_dies_while_it_writes_leaves_nothing(client, collection, alone, tmp_path):
    (tmp_path / "tried").mkdir()
    task = DiesWhileWriting(ONE_THREAD, tried=tmp_path / "tried")
    summary = run(task, [str(collection / "2.png"), str(collection / "4.png")], str(tmp_path / "out"), client=client)
    assert summary.failed == 0 and contents(tmp_path / "out") == {n: alone[n] for n in ("2.lmc", "4.lmc")}


def test_a_file_that_kills_its_process_is_reported_and_the_rest_finish(client, collection, alone, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("2.png", "4.png", "6.png", "8.png"):
        (tmp_path / "in" / name).write_bytes((collection / name).read_bytes())
    (tmp_path / "in/5-deadly.png").write_bytes((collection / "4.png").read_bytes())
    table = tmp_path / "t.jsonl"
    summary = run(
        Deadly(ONE_THREAD), str(tmp_path / "in"), str(tmp_path / "out"), client=client, table=str(table), batch=3
    )
    assert (summary.total, summary.failed) == (5, 1) and len(rows(table)) == 5
    (failed,) = (row for row in rows(table) if row["status"] == "failed")
    assert failed["source"].endswith("5-deadly.png") and failed["error"] == "KilledWorker"
    assert contents(tmp_path / "out") == {name: alone[name] for name in ("2.lmc", "4.lmc", "6.lmc", "8.lmc")}


def test_an_image_is_given_up_only_after_a_try_alone(client, collection, alone, tmp_path):
    task = DiesAtFirst(ONE_THREAD, tried=tmp_path / "tries")  # as often as Dask lets a task's workers die
    summary = run(task, str(collection / "2.png"), str(tmp_path / "out"), client=client)
    assert summary.failed == 0 and (tmp_path / "tries").stat().st_size == 5
    assert contents(tmp_path / "out") == {"2.lmc": alone["2.lmc"]}


def test_a_task_that_cannot_begin_ends_the_job(client, collection, tmp_path):
    with pytest.raises(codec.CodecError, match="cannot begin"):
        options = codec.EncodeOptions(model=tmp_path / "no-model")
        run(Compress(options), str(collection), str(tmp_path / "out"), client=client)


def test_a_node_that_is_killed_is_done_without(collection, alone, tmp_path):
    from distributed import Client

    table = tmp_path / "t.jsonl"
    with nodes(tmp_path, 2) as (file, workers), Client(scheduler_file=file) as client:
        client.wait_for_workers(2, timeout=60)
        run(
            Slow(ONE_THREAD), str(collection), str(tmp_path / "out"),
            client=client, table=str(table), batch=2, each=kill_once(lambda: kill_group(workers[0])),
        )  # fmt: skip
        assert workers[0].poll() is not None and len(client.nthreads()) == 1
    assert contents(tmp_path / "out") == alone and len(rows(table)) == IMAGES


def test_a_driver_that_is_killed_goes_on_when_it_runs_again(collection, alone, tmp_path):
    table, out = tmp_path / "t.jsonl", tmp_path / "out"
    with nodes(tmp_path, 2) as (file, _):
        arguments = [sys.executable, "-c", DRIVER, file, str(collection), str(out), str(table)]
        first = subprocess.Popen(arguments, env=environment(), cwd=ROOT, start_new_session=True)
        wait_for_outputs(out, 3)
        kill_group_of(first)
        assert len(list(out.rglob("[!.]*.lmc"))) < IMAGES and not table.exists()
        subprocess.run(arguments, env=environment(), cwd=ROOT, check=True, timeout=120)
    assert contents(out) == alone and len(rows(table)) == IMAGES == len({row["source"] for row in rows(table)})


def test_ctrl_c_stops_the_command_and_it_goes_on(collection, alone, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "many").mkdir()
    for i in range(8):
        for path in collection.glob("*.png"):
            (tmp_path / f"many/{i}-{path.name}").write_bytes(path.read_bytes())
    total = len(list((tmp_path / "many").iterdir()))
    command = [sys.executable, "-m", "codec", "batch", "compress", str(tmp_path / "many"), str(out), "--workers", "2",
               "--table", str(tmp_path / "t.jsonl")]  # fmt: skip
    first = subprocess.Popen(command, env=environment(), start_new_session=True, stderr=subprocess.PIPE, text=True)
    wait_for_outputs(out, 3)
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does, to workers as well
    _, told = first.communicate(timeout=60)
    assert first.returncode == 130 and "Traceback" not in told
    done = contents(out)
    assert 3 <= len(done) < total and all(codec.inspect(data) for data in done.values())
    again = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True, timeout=120)
    assert f"of {total} files" in again.stderr and len(contents(out)) == total == len(rows(tmp_path / "t.jsonl"))
    assert contents(out)["3-2.lmc"] == alone["2.lmc"]


def test_two_jobs_on_one_cluster_do_not_stop_each_other(client, collection, tmp_path):
    (tmp_path / "a.txt").write_text("2.png\n4.png\n6.png\n8.png\n")
    (tmp_path / "b.txt").write_text("within/1.png\nwithin/3.png\nwithin/5.png\nwithin/7.png\n")
    summaries = {}

    def work(name: str) -> None:
        summaries[name] = run(
            Slow(ONE_THREAD), str(collection), str(tmp_path / "out"),
            client=client, manifest=str(tmp_path / name), batch=2,
        )  # fmt: skip

    both = [threading.Thread(target=work, args=(name,)) for name in ("a.txt", "b.txt")]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(120)
    assert [(summary.total, summary.done) for summary in summaries.values()] == [(4, 4), (4, 4)]
    assert len(contents(tmp_path / "out")) == 8


def test_rows_of_a_job_that_breaks_off_are_kept(client, collection, tmp_path):
    def stop(row: Row) -> None:
        if not told:
            told.append(row)
            raise KeyboardInterrupt

    told: list[Row] = []
    out, table = tmp_path / "out", tmp_path / "t.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(Slow(ONE_THREAD), str(collection), str(out), client=client, table=str(table), batch=3, each=stop)
    kept = [row["target"] for part in (tmp_path / "t.jsonl.parts").iterdir() for row in rows(part)]
    assert sorted(kept) == sorted(str(path) for path in out.rglob("*.lmc")) and len(kept) < IMAGES


def test_addresses_are_the_same_for_workers_elsewhere(collection, alone, tmp_path, monkeypatch):
    from distributed import Client

    (tmp_path / "here").mkdir()
    with nodes(tmp_path, 1) as (file, _), Client(scheduler_file=file, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
        monkeypatch.chdir(tmp_path / "here")
        relative = os.path.relpath(collection)
        assert run(Compress(ONE_THREAD), relative, "out", client=client, table="t.jsonl").done == IMAGES
    assert contents(tmp_path / "here/out") == alone and len(rows(tmp_path / "here/t.jsonl")) == IMAGES


def test_a_scheduler_that_dies_ends_the_job_with_one_line(collection, tmp_path):
    import dask
    from distributed import Client

    quick = dask.config.set({"distributed.comm.timeouts.connect": "3s"})
    with quick, nodes(tmp_path, 1) as (file, processes), Client(scheduler_file=file) as client:
        client.wait_for_workers(1, timeout=60)
        scheduler = processes.pop()
        with pytest.raises(codec.CodecError, match="scheduler is gone") as caught:
            run(
                Slow(ONE_THREAD), str(collection), str(tmp_path / "out"),
                client=client, batch=1, each=kill_once(lambda: kill_group(scheduler), after=1),
            )  # fmt: skip
        assert len(str(caught.value).splitlines()) == 1


def test_a_scheduler_that_is_not_there_is_named(collection, tmp_path):
    command = [sys.executable, "-m", "codec", "batch", "compress", str(collection), str(tmp_path / "out")]
    quick = {**environment(), "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2"}
    command += ["--scheduler", "tcp://127.0.0.1:9"]
    gone = subprocess.run(command, env=quick, capture_output=True, text=True, timeout=120)
    assert gone.returncode == 1 and gone.stderr.startswith("Error: tcp://127.0.0.1:9: no scheduler there")
    assert len(gone.stderr.splitlines()) == 1
