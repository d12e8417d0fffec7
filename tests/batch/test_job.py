"""A job in this process: what it takes, what it leaves out, and what it tells."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from bitstream.errors import CodecError
from codec.batch import Compress, Decompress, Embed, Row, Shard, Transcode, run
from codec.batch.plan import plan, read_manifest
from tests.batch.conftest import IMAGES, contents, rows


def test_outputs_lie_as_the_images_do_and_are_what_compress_makes(collection, alone):
    names = {path.relative_to(collection).with_suffix(".lmc").as_posix() for path in collection.rglob("*.*")}
    assert set(alone) == (names - {"0.lmc"}) | {"0.png.lmc", "0.jpg.lmc"} and len(alone) == IMAGES
    assert alone["within/1.lmc"] == codec.compress(collection / "within/1.png")


def test_a_table_has_a_row_for_each_input_and_says_what_failed(collection, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    table = tmp_path / "table.jsonl"
    summary = run(Compress(), [str(collection), str(tmp_path / "broken.png")], str(tmp_path / "out"), table=str(table))
    found = {row["source"]: row for row in rows(table)}
    assert len(found) == len(rows(table)) == IMAGES + 1 == summary.total
    assert (summary.done, summary.existed, summary.failed) == (IMAGES, 0, 1)
    broken = found.pop(str(tmp_path / "broken.png"))
    assert broken["status"] == "failed" and broken["error"] == "ImageError" and "not an image" in broken["message"]
    for source, row in found.items():
        coded = codec.inspect(row["target"])
        assert row["status"] == "done" and row["bytes_in"] == Path(source).stat().st_size and row["seconds"] > 0
        assert (row["bytes_out"], row["width"], row["height"]) == (coded.file_bytes, coded.width, coded.height)
        assert row["quality"] == coded.quality == 50
    assert not (tmp_path / "table.jsonl.parts").exists()


def test_a_job_that_runs_again_does_what_is_missing(collection, alone, tmp_path):
    out, table = tmp_path / "out", tmp_path / "table.jsonl"
    run(Compress(), str(collection), str(out), table=str(table))
    before = {row["source"]: row for row in rows(table)}
    (out / "2.lmc").unlink()
    (out / "4.lmc").write_bytes(b"not touched")
    summary = run(Compress(), str(collection), str(out), table=str(table))
    assert (summary.done, summary.existed) == (1, IMAGES - 1)
    assert contents(out) == {**alone, "4.lmc": b"not touched"}
    after = {row["source"]: row for row in rows(table)}
    again = str(collection / "2.png")
    assert len(rows(table)) == IMAGES and {k: v for k, v in after.items() if k != again} == {
        k: v for k, v in before.items() if k != again
    }
    assert run(Compress(), str(collection), str(out), force=True).done == IMAGES and contents(out) == alone


def test_without_a_table_outputs_alone_say_what_is_done(collection, alone, tmp_path):
    for name in ("2.lmc", "within/1.lmc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(alone[name])
    told: list[Row] = []
    summary = run(Compress(), str(collection), str(tmp_path), each=told.append)
    assert (summary.done, summary.existed) == (IMAGES - 2, 2) and contents(tmp_path) == alone
    there = next(row for row in told if row.source == str(collection / "2.png"))
    assert (there.status, there.bytes_out, there.width, there.quality) == ("existed", len(alone["2.lmc"]), 88, 50)


def test_shards_share_the_images_and_each_has_its_table(collection, alone, tmp_path):
    parts = [set(), set(), set()]
    for i in range(3):
        told: list[Row] = []
        run(
            Compress(), str(collection), str(tmp_path / "out"),
            table=str(tmp_path / "t.jsonl"), shard=Shard(i, 3), each=told.append,
        )  # fmt: skip
        parts[i] = {row.source for row in told}
        assert len(rows(tmp_path / f"t-{i}-of-3.jsonl")) == len(parts[i])
    assert sum(map(len, parts)) == len(set.union(*parts)) == IMAGES and max(map(len, parts)) < IMAGES
    assert contents(tmp_path / "out") == alone
    with pytest.raises(ValueError, match="0/3 to 2/3"):
        Shard(3, 3)
    with pytest.raises(ValueError, match="as 0/8"):
        Shard.parse("three")


def test_a_manifest_says_which_images(collection, tmp_path):
    (tmp_path / "list.txt").write_text(f"# two\n2.png\n\n{collection}/within/1.png\n")
    summary = run(Compress(), str(collection), str(tmp_path / "out"), manifest=str(tmp_path / "list.txt"))
    assert summary.total == 2 and set(contents(tmp_path / "out")) == {"2.lmc", "within/1.lmc"}
    with (tmp_path / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("source", "label"), ("2.png", "a, b"), ("4.png", "c")])
    assert list(read_manifest(str(tmp_path / "list.csv"))) == ["2.png", "4.png"]
    (tmp_path / "list.jsonl").write_text('{"source": "2.png"}\n{"path": "4.png"}\n')
    with pytest.raises(CodecError, match="column named source"):
        list(read_manifest(str(tmp_path / "list.jsonl")))
    for outside in ("/elsewhere/2.png", "../2.png", "s3://bucket/2.png"):
        with pytest.raises(CodecError, match="listed, and not in"):
            plan([str(collection)], None, Embed(), names=[outside])


def test_an_archive_can_be_read(collection, alone, tmp_path):
    pytest.importorskip("fsspec", reason="needs the extra [cluster]")
    import shutil

    shutil.make_archive(str(tmp_path / "all"), "zip", collection)
    run(Compress(), f"zip://::{tmp_path}/all.zip", str(tmp_path / "out"))
    assert contents(tmp_path / "out") == alone
    with pytest.raises(CodecError, match="cannot go into an archive"):
        run(Compress(), str(collection), f"zip://::{tmp_path}/new.zip")


def test_decompress_and_transcode(collection, alone, tmp_path):
    run(Compress(), str(collection), str(tmp_path / "coded"))
    run(Decompress(".png"), str(tmp_path / "coded"), str(tmp_path / "back"))
    with Image.open(tmp_path / "back/within/1.png") as image:
        assert np.array_equal(np.asarray(image), np.asarray(codec.decompress(alone["within/1.lmc"])))
    run(Transcode(codec.EncodeOptions(quality=10)), str(tmp_path / "coded"), str(tmp_path / "small"))
    made = contents(tmp_path / "small")
    assert made.keys() == alone.keys() and all(codec.inspect(data).quality == 10 for data in made.values())


def test_transcoding_keeps_depth_transparency_and_metadata(tmp_path):
    (tmp_path / "in").mkdir()
    deep = np.linspace(0, 65_535, 64 * 80 * 4).reshape(64, 80, 4).astype(np.uint16)
    (tmp_path / "in/deep.lmc").write_bytes(codec.compress(deep, lossless=True))
    photo = Image.new("RGB", (80, 64), "teal")
    photo.getexif()[0x0131] = "a program"
    stored = io.BytesIO()
    photo.save(stored, "PNG", exif=photo.getexif())
    (tmp_path / "in/photo.lmc").write_bytes(codec.compress(stored))
    run(Transcode(codec.EncodeOptions(lossless=True)), str(tmp_path / "in"), str(tmp_path / "out"))
    with codec.open(tmp_path / "out/deep.lmc") as file:
        assert file.form.depth == 16 and np.array_equal(file.array()[:, :, 3], deep[:, :, 3])
        assert np.array_equal(file.array()[deep[:, :, 3] > 0], deep[deep[:, :, 3] > 0])
    assert codec.decompress(tmp_path / "out/photo.lmc").getexif()[0x0131] == "a program"


def test_outputs_among_the_inputs_are_not_taken_for_inputs(tmp_path):
    (tmp_path / "a.lmc").write_bytes(codec.compress(np.zeros((9, 9), np.uint8)))
    for _ in range(2):
        assert run(Transcode(), str(tmp_path), str(tmp_path / "again")).total == 1


def test_what_cannot_begin_says_so(tmp_path):
    with pytest.raises(CodecError, match="no images found"):
        run(Compress(), str(tmp_path), str(tmp_path / "out"))
    with pytest.raises(CodecError, match="not there"):
        run(Compress(), str(tmp_path / "none"), str(tmp_path / "out"))
    with pytest.raises(ValueError, match="expected a folder"):
        run(Compress(), str(tmp_path))
    with pytest.raises(ValueError, match="makes nothing else"):
        run(Embed(), str(tmp_path))
    (tmp_path / "a.png").touch()
    with pytest.raises(CodecError, match=r"\.jsonl or \.parquet"):
        run(Compress(), str(tmp_path), str(tmp_path / "out"), table="table.csv")
    (tmp_path / "t.jsonl").write_text(json.dumps({"other": 1}) + "\n")
    with pytest.raises(CodecError, match="no table of such a job"):
        run(Compress(), str(tmp_path), str(tmp_path / "out"), table=str(tmp_path / "t.jsonl"))
    assert json.loads((tmp_path / "t.jsonl").read_text()) == {"other": 1}


def test_rows_outlive_a_run_that_is_killed(collection, tmp_path, monkeypatch):
    """As a driver that dies leaves them: parts beside the table."""
    monkeypatch.setattr("codec.batch.table.ROWS_A_PART", 2)
    table = tmp_path / "t.jsonl"

    def die(row: Row) -> None:
        if len(list((tmp_path / "t.jsonl.parts").glob("*"))) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Compress(), str(collection), str(tmp_path / "out"), table=str(table), each=die)
    assert not table.exists() and len(contents(tmp_path / "t.jsonl.parts")) >= 2
    before = [row["source"] for path in (tmp_path / "t.jsonl.parts").glob("*") for row in rows(path)]
    told: list[Row] = []
    summary = run(Compress(), str(collection), str(tmp_path / "out"), table=str(table), each=told.append)
    assert len(before) >= 4 and not {row.source for row in told} & set(before)
    assert len(rows(table)) == IMAGES == len({row["source"] for row in rows(table)})
    assert summary.existed >= len(before) and not (tmp_path / "t.jsonl.parts").exists()


@pytest.mark.parametrize("spelling", ["same", "dots", "link", "single"])
def test_no_output_takes_its_inputs_place(tmp_path, spelling):
    folder = tmp_path / "in"
    folder.mkdir()
    data = codec.compress(np.zeros((9, 9), np.uint8), quality=90)
    (folder / "a.lmc").write_bytes(data)
    (tmp_path / "link").symlink_to(folder)
    out = {"dots": folder / ".." / "in", "link": tmp_path / "link"}.get(spelling, folder)
    told: list[Row] = []
    source = folder / "a.lmc" if spelling == "single" else folder
    summary = run(Transcode(codec.EncodeOptions(quality=1)), str(source), str(out), force=True, each=told.append)
    assert summary.failed == 1 and "take its place" in str(told[0].message) and (folder / "a.lmc").read_bytes() == data


def test_an_output_that_links_to_its_input_is_not_written(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    data = codec.compress(np.zeros((9, 9), np.uint8), quality=90)
    (tmp_path / "in/a.lmc").write_bytes(data)
    (tmp_path / "out/a.lmc").symlink_to(tmp_path / "in/a.lmc")
    summary = run(Transcode(codec.EncodeOptions(quality=1)), str(tmp_path / "in"), str(tmp_path / "out"), force=True)
    assert summary.failed == 1 and (tmp_path / "in/a.lmc").read_bytes() == data


def test_what_failed_is_tried_again(collection, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(b"no image")
    (tmp_path / "in/b.png").write_bytes((collection / "2.png").read_bytes())
    for task, out in ((Compress(), str(tmp_path / "out")), (Embed(), None)):
        (tmp_path / "in/a.png").write_bytes(b"no image")
        table = tmp_path / f"{type(task).__name__}.jsonl"
        assert run(task, str(tmp_path / "in"), out, table=str(table)).failed == 1
        (tmp_path / "in/a.png").write_bytes((collection / "4.png").read_bytes())
        again = run(task, str(tmp_path / "in"), out, table=str(table))
        assert (again.done, again.existed, again.failed) == (1, 1, 0)
        assert [row["status"] for row in rows(table)] == ["done", "done"]


def test_force_does_all_again_and_keeps_one_row_of_each(collection, tmp_path):
    table = str(tmp_path / "t.jsonl")
    for _ in range(2):
        assert run(Compress(), str(collection), str(tmp_path / "out"), table=table, force=True).done == IMAGES
    assert len(rows(tmp_path / "t.jsonl")) == IMAGES


def test_a_table_keeps_rows_of_other_inputs_but_not_of_other_tasks(collection, tmp_path):
    from codec.manifold.embedding import embed

    table = tmp_path / "t.jsonl"
    run(Embed(), str(collection / "2.png"), table=str(table))
    run(Embed(), str(collection / "4.png"), table=str(table))
    found = {row["source"]: row for row in rows(table)}
    assert set(found) == {str(collection / "2.png"), str(collection / "4.png")}
    assert np.allclose(found[str(collection / "2.png")]["embedding"], embed(collection / "2.png"))
    assert run(Embed(), str(collection / "2.png"), table=str(table)).existed == 1
    other = run(Embed("psnr"), str(collection / "2.png"), table=str(table))  # by another model: not the same
    assert other.done == 1 and np.allclose(
        next(row for row in rows(table) if row["source"].endswith("2.png"))["embedding"],
        embed(collection / "2.png", tune="psnr"),
    )
    before = table.read_bytes()
    for force in (False, True):
        with pytest.raises(CodecError, match="no table of such a job"):
            run(Compress(), str(collection), str(tmp_path / "out"), table=str(table), force=force)
    assert table.read_bytes() == before and not (tmp_path / "out").exists()


def test_how_an_output_was_made_is_not_forgotten_when_it_is_found_there(tmp_path):
    from codec.batch.table import Table

    done = Row("a.png", "a.lmc", Compress().name, "done", 9, 5, 0.5, notes="something")
    found = Row("a.png", "a.lmc", Compress().name, "existed", 9, 5)
    other = Row("b.png", "b.lmc", Compress().name, "existed", 9, 5)
    for row in (done, found, other):
        table = Table(str(tmp_path / "t.jsonl"), Compress())
        table.add(row)
        table.finish()
    assert {row["source"]: row["status"] for row in rows(tmp_path / "t.jsonl")} == {"a.png": "done", "b.png": "existed"}
    assert len(rows(tmp_path / "t.jsonl")) == 2


def test_scores_are_those_of_the_command(collection, tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra [manifold]")
    from codec.batch import Score
    from codec.manifold.anomaly import calibration
    from codec.manifold.anomaly.features import image_features
    from codec.manifold.embedding import shipped

    monkey = pytest.MonkeyPatch()
    monkey.setattr(calibration, "MIN_IMAGES", 8)
    known = [image_features(path, shipped()) for path in sorted(collection.rglob("*.png"))]
    learned = calibration.Collection.fit(known, shipped())
    monkey.undo()
    run(Score(learned), str(collection / "within"), table=str(tmp_path / "t.jsonl"))
    row = next(row for row in rows(tmp_path / "t.jsonl") if row["source"].endswith("1.png"))
    wanted = learned.score(image_features(collection / "within/1.png", shipped()))
    assert row["score"] == pytest.approx(wanted.score) and row["score_parts"] == pytest.approx(wanted.parts)


def test_parquet_tables(collection, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra [cluster]")
    table = tmp_path / "t.parquet"
    odd = tmp_path / os.fsdecode(b"odd-\xff.png")
    odd.write_bytes((collection / "4.png").read_bytes())
    for expected in ((2, 0), (0, 2)):
        summary = run(Embed(), [str(collection / "2.png"), str(odd)], table=str(table))
        assert (summary.done, summary.existed) == expected
    found = parquet.read_table(table)
    assert found.num_rows == 2 and str(found.schema.field("embedding").type) == "list<element: float>"
    assert np.linalg.norm(found["embedding"][0].as_py()) == pytest.approx(1, abs=1e-3)


def test_a_folder_that_cannot_be_read_is_a_failure(collection, tmp_path, monkeypatch):
    from codec.util import files

    walk = os.walk

    def forbidden(top, onerror=None, **more):
        if str(top).endswith("in"):
            onerror(PermissionError(13, "Permission denied", str(tmp_path / "in/secret")))
        return walk(top, onerror=onerror, **more)

    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes((collection / "2.png").read_bytes())
    monkeypatch.setattr(files.os, "walk", forbidden)
    table = tmp_path / "t.jsonl"
    summary = run(Compress(), str(tmp_path / "in"), str(tmp_path / "out"), table=str(table))
    assert (summary.done, summary.failed) == (1, 1)
    (failed,) = (row for row in rows(table) if row["status"] == "failed")
    assert failed["source"] == str(tmp_path / "in/secret") and "Permission denied" in failed["message"]


def test_outputs_are_named_as_without_a_list(collection, alone, tmp_path):
    for name in ("0.png", "0.jpg"):
        (tmp_path / "list.txt").write_text(name)
        run(Compress(), str(collection), str(tmp_path / "out"), manifest=str(tmp_path / "list.txt"))
    assert contents(tmp_path / "out") == {name: alone[name] for name in ("0.png.lmc", "0.jpg.lmc")}


def test_an_output_is_never_seen_in_part(collection, alone, tmp_path):
    """As another process would see it: while it is written, its name is not there."""
    seen: list[set[str]] = []

    class Looks(Compress):
        def __call__(self, source, name, output, progress=None):
            @contextmanager
            def watched():
                with output() as file:
                    yield file
                    file.flush()
                    seen.append({path.name for path in (tmp_path / "out").iterdir()})

            return super().__call__(source, name, watched, progress)

    run(Looks(), str(collection / "2.png"), str(tmp_path / "out"))
    assert len(seen) == 1 and "2.lmc" not in seen[0] and len(seen[0]) == 1
    assert contents(tmp_path / "out") == {"2.lmc": alone["2.lmc"]}


def test_files_that_a_killed_run_left_half_written_are_removed(collection, tmp_path):
    from codec.batch import job
    from codec.util import storage

    out, table = tmp_path / "out", tmp_path / "t.jsonl"
    name = job._mark(Compress(), [str(collection)], str(out), str(table), None)
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    places = [out, tmp_path, tmp_path / "t.jsonl.parts"]
    left = [place / f".{name}-aaaaaa-{storage._HOST}-{dead.pid}-01234567.lmc" for place in places]
    other = [out / f".{name}-aaaaaa-{storage._HOST}-{os.getpid()}-01234567.lmc",  # which another run writes to just now
             out / f".{name}-aaaaaa-elsewh-{dead.pid}-01234567.lmc", out / ".batch-other-a-b-1-c.lmc"]  # fmt: skip
    for path in (*left, *other):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    for _ in range(2):
        run(Compress(), str(collection), str(out), table=str(table))
        assert not any(path.exists() for path in left) and all(path.exists() for path in other)
    assert not (tmp_path / "t.jsonl.parts").exists()
    os.utime(other[1], (0, 0))  # of another machine, and old
    run(Compress(), str(collection), str(out), table=str(table))
    assert not other[1].exists() and other[0].exists()


def test_rows_of_a_run_that_breaks_off_are_kept(collection, tmp_path):
    def stop(row: Row) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Compress(), str(collection), str(tmp_path / "out"), table=str(tmp_path / "t.jsonl"), each=stop)
    (part,) = (tmp_path / "t.jsonl.parts").iterdir()
    assert len(rows(part)) == 1
