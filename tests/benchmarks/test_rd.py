"""The benchmark suite end to end: codecs, rows, resuming, failures, files, plots, page."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import rd as rd_module
from benchmarks.__main__ import main
from benchmarks.codecs import CODECS
from benchmarks.codecs.jpeg import Jpeg
from benchmarks.images import find_images, pixel_digest, read_pixels
from benchmarks.measure import Timing, codec_megabytes, measure_image
from benchmarks.metrics import METRICS
from benchmarks.report import render
from benchmarks.results import averaged, collect, known_codecs
from benchmarks.rows import Row, RowStore, write_rows
from benchmarks.visual import busiest, encode_at_rate

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    out = tmp_path_factory.mktemp("rd")
    anchors = tmp_path_factory.mktemp("anchors")
    (anchors / "theirs.json").write_text(
        json.dumps({"results": {"bpp": [0.1, 0.3, 0.8, 1.5, 3], "psnr-rgb": [20, 26, 31, 36, 42]}})
    )
    arguments = [
        "rd",
        "--images",
        str(pictures),
        "--codecs",
        "lmc,jpeg,webp",
        "--out",
        str(out),
        "--anchors",
        str(anchors),
    ]
    arguments += ["--anchor", "theirs", "--anchor", "jpeg", "--visual", "1", "--rates", "0.5", "--jobs", "2"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return out, arguments


def test_rates_count_every_byte_of_the_file(pictures, monkeypatch):
    """A codec whose header is left out of the count would show here."""
    header = b"H" * 1000

    class Padded(Jpeg):
        def encode(self, pixels, quality, threads):
            return header + super().encode(pixels, quality, threads)

        def decode(self, data, threads):
            assert data.startswith(header)
            return super().decode(data[len(header) :], threads)

    plain = Jpeg("plain", True, True)
    monkeypatch.setitem(CODECS, "padded", Padded("padded", True, True))
    monkeypatch.setitem(CODECS, "plain", plain)
    path = pictures / "a.png"
    (a,), (b,) = (list(measure_image(name, path, [50], Timing())) for name in ("padded", "plain"))
    assert a.error is None and a.file_bytes == b.file_bytes + 1000
    assert b.file_bytes == len(plain.encode(read_pixels(path), 50, 1))
    assert a.rate_bpp == pytest.approx(8 * a.file_bytes / (200 * 171))
    assert a.metrics == b.metrics


def test_rows_of_other_metrics_are_measured_anew(pictures, tmp_path, monkeypatch):
    images, store = find_images(pictures), RowStore(tmp_path / "rows.jsonl")
    rows = rd_module.run(images, ["jpeg"], store, Timing())
    count = len((tmp_path / "rows.jsonl").read_text().splitlines())
    assert count == len(rows) and "ssimulacra2" in rows[0].judged_by
    rd_module.run(images, ["jpeg"], store, Timing())
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == count
    monkeypatch.setattr(rd_module, "judges", lambda: "others")
    rd_module.run(images, ["jpeg"], store, Timing(), ["psnr-rgb"])
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 2 * count


def test_rows_that_lack_a_metric_are_measured_again(pictures, tmp_path):
    images, store = find_images(pictures, most=1), RowStore(tmp_path / "rows.jsonl")
    for metrics, lines in ((["psnr-rgb"], 1), (["psnr-rgb"], 1), (["psnr-y"], 2), (["psnr-y"], 2), (["psnr-rgb"], 2)):
        rows = rd_module.run(images, ["jpeg"], store, Timing(), metrics)
        assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == lines * len(CODECS["jpeg"].qualities)
        assert set(metrics) <= set(rows[0].metrics)
    assert set(rows[0].metrics) == {"psnr-rgb", "psnr-y"}


def test_distances_are_compared_as_qualities_and_told_as_distances():
    """Half of the distance at each rate, or equal distances at half of the rate: half of the files' size."""
    rates, distances = (1, 2, 4, 8, 16), (8.0, 4.0, 2.0, 1.0, 0.5)
    rows = [Row(name, f"{name} | v | s", "a.png", "a", 8, 8, n, 8 * rate // share, {"butteraugli": distance})
            for name, share in (("one", 1), ("other", 2))
            for n, (rate, distance) in enumerate(zip(rates, distances, strict=True))]  # fmt: skip
    (row,) = collect(rows, {}, ["one"], {})["bd_rate"]["one"]
    found = row["bd_rate"]["butteraugli"]
    assert found["percent"] == pytest.approx(-50, abs=1) and (found["low"], found["high"]) == (0.5, 8.0)
    assert row["per_image"]["butteraugli"]["a.png"]["percent"] == found["percent"]


def test_what_a_codec_does_wrong_is_reported_and_shown_as_a_gap(pictures, monkeypatch):
    class Broken(Jpeg):
        def encode(self, pixels, quality, threads):
            if quality == 50:
                raise OSError("no such encoder")
            return super().encode(pixels, quality, threads)

    monkeypatch.setitem(CODECS, "broken", Broken("broken", True, True))
    rows = [r for name in ("a", "b") for r in measure_image("broken", pictures / f"{name}.png", [30, 50, 70], Timing())]
    assert [r.error for r in rows] == [None, "OSError: no such encoder", None] * 2
    results = collect(rows, {}, ["broken"], {})
    assert results["codecs"][0]["results"]["quality"] == [30, 70]
    assert "a.png quality 50: OSError: no such encoder" in results["codecs"][0]["failed"]


def test_a_run_writes_everything(run):
    out, _ = run
    results = json.loads((out / "results.json").read_text())
    assert [c["name"] for c in results["codecs"]] == ["lmc", "jpeg", "webp"] and results["images"] == ["a.png", "b.png"]
    assert all(c["peak_megabytes"] > 0 and c["failed"] == [] for c in results["codecs"])
    assert {(c["repeats"], c["threads"], c["jobs"]) for c in results["codecs"]} == {(1, 1, 2)}
    rows = {row["name"]: row for row in results["bd_rate"]["jpeg"]}
    assert set(rows) == {"lmc", "webp", "theirs (published)"} and set(rows["webp"]["per_image"]["psnr-rgb"]) == {
        "a.png",
        "b.png",
    }
    assert rows["webp"]["bd_rate"]["psnr-rgb"]["percent"] < 0
    assert all(figure["percent"] < 0 for figure in rows["webp"]["per_image"]["psnr-rgb"].values())
    assert {r["name"] for r in results["bd_rate"]["theirs"]} == {"lmc", "jpeg", "webp"}
    with (out / "points.csv").open() as file:
        points = list(csv.DictReader(file))
    assert len(points) == 2 * sum(len(CODECS[n].qualities) for n in ("lmc", "jpeg", "webp"))
    mean = np.mean([float(p["rate_bpp"]) for p in points if p["codec"] == "jpeg" and float(p["quality"]) == 50])
    jpeg = results["codecs"][1]["results"]
    assert jpeg["bpp"][jpeg["quality"].index(50)] == pytest.approx(mean, abs=1e-5)
    for name in ("rd-psnr-rgb", "rd-psnr-y", "rd-ms-ssim-db", "rd-ssimulacra2", "bd-rate", "speed"):
        with Image.open(out / "plots" / f"{name}.png") as image:
            assert image.width > 500
        assert (out / "plots" / f"{name}.svg").read_text().count("<path") > 10


def test_the_curves_are_what_compressai_reads(run):
    plot = pytest.importorskip("compressai.utils.plot.__main__", reason="compressai wants Python below 3.13")
    out, _ = run
    for path, name in ((out / "results.json", "lmc"), (out / "curves" / "webp.json", "webp")):
        for metric in ("psnr", "ms-ssim"):
            parsed = plot.parse_json_file(str(path), metric)
            assert len(parsed["xs"]) == len(parsed["ys"]) == len(CODECS[name].qualities) and max(parsed["ys"]) < 60


def test_the_page_needs_nothing_else(run):
    out, _ = run
    page = (out / "report.html").read_text()
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page) and "@import" not in page and "fetch(" not in page
    scenes = json.loads(re.search(r'id="scenes">(.*?)</script>', page, re.S).group(1))
    assert [[c["codec"] for c in scene] for scene in scenes] == [["original", "lmc", "jpeg", "webp"]]
    assert all(abs(c["rate"] - 0.5) < 0.1 for c in scenes[0][1:])
    assert page.count("<svg") == 2 + len(METRICS) and "theirs (published)" in page


def test_a_run_resumes_where_it_stopped(run):
    out, arguments = run
    store = out / "rows.jsonl"
    lines = store.read_text().splitlines(keepends=True)
    cut_short = lines[-3][:50]
    store.write_text("".join(lines[:-3]) + cut_short)
    before = (out / "results.json").read_text()
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    again = store.read_text().splitlines(keepends=True)
    assert again[: len(lines) - 2] == [*lines[:-3], cut_short + "\n"] and len(again) == len(lines) + 1
    strip = re.compile(r'"(encoding_time|decoding_time|peak_megabytes)": (\[[^]]*\]|[\d.]+)')
    assert strip.sub("", (out / "results.json").read_text()) == strip.sub("", before)


def test_points_of_an_earlier_run_are_not_measured_again(run, tmp_path):
    out, arguments = run
    again = [*arguments[: arguments.index("--out") + 1], str(tmp_path), *arguments[arguments.index("--out") + 2 :]]
    kept = out / "rows.jsonl.xz"
    result = CliRunner().invoke(main, [*again, "--reuse", str(kept)], catch_exceptions=False)
    assert result.exit_code == 0 and not (tmp_path / "rows.jsonl").exists()
    curves = [json.loads((folder / "results.json").read_text())["results"] for folder in (out, tmp_path)]
    assert curves[0] == curves[1] and (tmp_path / "rows.jsonl.xz").read_bytes() == kept.read_bytes()


def test_a_row_that_says_less_does_not_hide_one_that_says_more(tmp_path):
    kept, own = tmp_path / "kept.jsonl.xz", RowStore(tmp_path / "rows.jsonl", [tmp_path / "kept.jsonl.xz"])
    row = Row("c", "c | 1", "a.png", "00", 10, 10, 5, 10, {"psnr-rgb": 30.0, "psnr-y": 31.0})
    write_rows([row], kept)
    own.add(replace(row, error="killed"))
    own.add(replace(row, metrics={"psnr-y": 31.0}))
    assert list(own) == [row]
    own.add(replace(row, encode_s=3.0))
    assert [found.encode_s for found in own] == [3.0]


def test_rows_of_other_settings_or_pixels_are_not_taken_for_these(tmp_path):
    store = RowStore(tmp_path / "rows.jsonl")
    row = Row("c", "c | 1", "a.png", "00", 10, 10, 5, file_bytes=10)
    store.add(row)
    store.add(Row("c", "c | 2", "a.png", "00", 10, 10, 5, file_bytes=11))
    store.add(Row("c", "c | 1", "a.png", "01", 10, 10, 5, file_bytes=12))
    store.add(Row("c", "c | 1", "a.png", "00", 10, 10, 5, file_bytes=13))
    assert sorted(r.file_bytes for r in store) == [11, 12, 13]
    pixels = np.zeros((2, 3, 3), np.uint8)
    assert pixel_digest(pixels) != pixel_digest(pixels.reshape(3, 2, 3))


def test_how_times_were_taken_is_part_of_a_measurement(tmp_path):
    row = Row("c", "c | 1", "a.png", "00", 10, 10, 5)
    assert len({replace(row, **{name: 3}).key for name in ("repeats", "threads", "jobs")} | {row.key}) == 4


def test_a_codec_that_fails_or_kills_its_process_does_not_end_a_run(pictures, tmp_path, monkeypatch):
    """Workers are started fresh, so the codecs that misbehave come in by a module that they import."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'pillow_heif': raise ModuleNotFoundError('pillow_heif is gone')\n"
        "        if name == 'pillow_jxl' and os.environ.get('KILL'): os._exit(139)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", "KILL": "1"}
    out = tmp_path / "out"
    names = "jpeg,heic,jxl"
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks", "rd", "--images", str(pictures), "--codecs", names]
    command += ["--out", str(out), "--most", "1", "--anchor", "jpeg", "--visual", "0", "--jobs", "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((out / "results.json").read_text())
    failed = {c["name"]: c["failed"] for c in results["codecs"]}
    assert failed["jpeg"] == [] and len(results["codecs"][0]["results"]["bpp"]) == len(CODECS["jpeg"].qualities)
    assert len(failed["heic"]) == len(CODECS["heic"].qualities) and "pillow_heif is gone" in failed["heic"][0]
    assert len(failed["jxl"]) == len(CODECS["jxl"].qualities) and "its process died" in failed["jxl"][0]


def test_a_pool_that_breaks_between_two_tasks_loses_none(pictures, tmp_path, monkeypatch):
    class Pool(ThreadPoolExecutor):
        breaks = 2

        def submit(self, *args):
            Pool.breaks -= 1
            if not Pool.breaks:
                raise BrokenProcessPool
            return super().submit(*args)

    monkeypatch.setattr(rd_module, "_pool", lambda jobs: Pool(1))
    found = find_images(pictures)
    rows = rd_module.run(found, ["jpeg"], RowStore(tmp_path / "rows.jsonl"), Timing(jobs=2))
    assert Pool.breaks < 0 and len(rows) == len(found) * len(CODECS["jpeg"].qualities)


def test_a_stop_is_a_stop(pictures, tmp_path, monkeypatch):
    """An interrupt ends a run at once, and what was measured until then is kept."""
    store = RowStore(tmp_path / "rows.jsonl")

    def interrupted(row, add=store.add):
        add(row)
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rd_module.run(find_images(pictures), ["jpeg"], store, Timing())
    assert len(list(store)) == 1


def test_text_on_the_page_is_text():
    row = Row("x", "x | v | <b>", "a.png", "00", 8, 8, 1, error="OSError: <_io.BytesIO object>")
    page = render(collect([row], {}, ["x"], {}), [], [])
    assert "&lt;_io.BytesIO object&gt;" in page and "<b>" not in page


def test_an_exact_picture_does_not_cost_the_metric():
    metrics = {
        "psnr-rgb": float("inf"),
        "psnr-y": 40.0,
        "ms-ssim": 1.0,
        "ms-ssim-db": float("inf"),
        "ssimulacra2": 100.0,
    }
    rows = [Row("x", "x | v | s", f"{n}.png", n, 8, 8, 1, 10, {**metrics, "psnr-rgb": psnr}) for n, psnr in
            (("a", float("inf")), ("b", 50.0))]  # fmt: skip
    columns = averaged(rows)
    assert columns["psnr-rgb"] == [75.0] and columns["ms-ssim-db"] == [100.0]


def test_decibels_of_ms_ssim_are_those_of_the_mean():
    rows = [
        Row("x", "x | v | s", n, n, 8, 8, 1, 10, {"ms-ssim": v, "ms-ssim-db": -1.0})
        for n, v in (("a", 0.9), ("b", 0.99))
    ]
    assert averaged(rows)["ms-ssim-db"] == pytest.approx([-10 * np.log10(1 - 0.945)])


def test_wrong_usage_is_told(pictures, tmp_path):
    base = ["rd", "--images", str(pictures), "--out", str(tmp_path)]
    (tmp_path / "points.csv").write_text("codec,image")
    (tmp_path / "a.jsonl.xz").write_bytes(b"damaged")
    for extra, message in (
        (["--codecs", "jpeg,nonsense"], "unknown codecs ['nonsense']"),
        (["--codecs", "jpeg", "--anchor", "vtm"], "--anchor"),
        (["--codecs", "jpeg", "--rates", "x"], "could not convert"),
        (["--codecs", "jpeg", "--rates", "0"], "must be positive"),
        (["--codecs", "jpeg", "--reuse", str(tmp_path / "points.csv")], "has no rows"),
        (["--codecs", "jpeg", "--reuse", str(tmp_path / "a.jsonl.xz")], "a.jsonl.xz: "),
    ):
        result = CliRunner().invoke(main, [*base, *extra])
        assert result.exit_code == 2 and message in result.output, result.output
    assert known_codecs("webp, jpeg,webp") == ["webp", "jpeg"] and known_codecs("all") == list(CODECS)


def test_list_names_all_codecs():
    output = CliRunner().invoke(main, ["list"]).output
    assert all(re.search(rf"^{name} ", output, re.M) for name in CODECS)


def test_memory_is_that_of_the_codec(pictures, tmp_path):
    """A larger image whose reading alone takes more than the codec, which used to hide it."""
    Image.fromarray(np.tile(read_pixels(pictures / "b.png"), (12, 11, 1))).save(tmp_path / "large.png")
    small, large = (codec_megabytes("webp", p, 1) for p in (pictures / "b.png", tmp_path / "large.png"))
    assert small is not None and large is not None and 0 <= small < 20
    pixels = 181 * 201 * 12 * 11
    assert 2 < large * 1e6 / pixels < 60  # bytes a pixel


def test_equal_rates_are_met(pictures):
    pixels = read_pixels(pictures / "b.png")
    for name in ("jpeg", "webp", "lmc"):
        data = encode_at_rate(CODECS[name], pixels, 0.7, 1)
        assert 8 * len(data) / pixels[..., 0].size == pytest.approx(0.7, rel=0.06)


def test_what_is_known_of_sizes_saves_encodings(pictures):
    class Counting(Jpeg):
        calls = 0

        def encode(self, pixels, quality, threads):
            self.calls += 1
            return super().encode(pixels, quality, threads)

    codec, pixels = Counting("counting", True, True), read_pixels(pictures / "b.png")
    known = [(q, len(codec.encode(pixels, q, 1))) for q in (10, 30, 50, 70)]
    target = 8 * known[2][1] / pixels[..., 0].size * 0.97
    codec.calls = 0
    data = encode_at_rate(codec, pixels, target, 1, known)
    assert codec.calls <= 3 and 8 * len(data) / pixels[..., 0].size == pytest.approx(target, rel=0.03)
    assert len(encode_at_rate(codec, pixels, 1e-6, 1)) == len(codec.encode(pixels, 1, 1))  # out of reach: the nearest
    assert len(encode_at_rate(codec, pixels, 50.0, 1)) > 0.9 * len(codec.encode(pixels, 100, 1))


def test_the_crop_to_look_at_is_where_detail_is():
    pixels = np.full((640, 640, 3), 128, np.uint8)
    pixels[320:, 320:] = np.random.default_rng(0).integers(0, 256, (320, 320, 3))
    assert busiest(pixels) == (320, 320)
    assert busiest(pixels[:5, :9]) == (0, 0)
