"""The benchmark suite end to end: codecs, rows, resuming, failures, files, plots, page, README."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import commands
from benchmarks.__main__ import main
from benchmarks.codecs import CODECS
from benchmarks.codecs.jpeg import Jpeg
from benchmarks.measure import codec_megabytes, digest_of, measure_image, read_pixels
from benchmarks.readme import BEGIN, END, with_results
from benchmarks.results import collect, known_codecs
from benchmarks.rows import Row, RowStore
from benchmarks.visual import busiest, encode_at_rate

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    from skimage import data

    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(np.ascontiguousarray(data.astronaut()[:171, 100:300])).save(folder / "a.png")
    Image.fromarray(np.ascontiguousarray(data.coffee()[50:231, 100:301])).save(folder / "b.png")
    return folder


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


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_gives_whole_files_that_better_quality_makes_larger(name, pictures):
    codec, pixels = CODECS[name], read_pixels(pictures / "a.png")
    errors = []
    sizes = []
    for quality in (codec.qualities[1], codec.qualities[-1]):
        data = codec.encode(pixels, quality, 1)
        decoded = codec.decode(data, 1)
        assert decoded.shape == pixels.shape and decoded.dtype == np.uint8
        errors.append(float(np.abs(decoded.astype(int) - pixels).mean()))
        sizes.append(len(data))
    assert sizes[0] < sizes[1] and errors[0] > errors[1]
    if name not in ("lmc", "heic", "heic-420"):  # what Pillow and its plugins open is a whole file, headers and all
        assert Image.open(io.BytesIO(data)).size == (200, 171)
    assert codec.version and codec.settings and codec.name == name


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
    (a,), (b,) = (list(measure_image(name, path, [50], 1, 1)) for name in ("padded", "plain"))
    assert a.error is None and a.file_bytes == b.file_bytes + 1000
    assert b.file_bytes == len(plain.encode(read_pixels(path), 50, 1))
    assert a.rate_bpp == pytest.approx(8 * a.file_bytes / (200 * 171))
    assert a.metrics == b.metrics


def test_what_a_codec_does_wrong_is_reported_and_shown_as_a_gap(pictures, monkeypatch):
    class Broken(Jpeg):
        def encode(self, pixels, quality, threads):
            if quality == 50:
                raise OSError("no such encoder")
            return super().encode(pixels, quality, threads)

    monkeypatch.setitem(CODECS, "broken", Broken("broken", True, True))
    rows = [r for name in ("a", "b") for r in measure_image("broken", pictures / f"{name}.png", [30, 50, 70], 1, 1)]
    assert [r.error for r in rows] == [None, "OSError: no such encoder", None] * 2
    results = collect(rows, {}, ["broken"], {})
    assert results["codecs"][0]["results"]["quality"] == [30, 70]
    assert "a.png quality 50: OSError: no such encoder" in results["codecs"][0]["failed"]


def test_a_run_writes_everything(run):
    out, _ = run
    results = json.loads((out / "results.json").read_text())
    assert [c["name"] for c in results["codecs"]] == ["lmc", "jpeg", "webp"] and results["images"] == ["a.png", "b.png"]
    assert all(c["peak_megabytes"] > 0 and c["failed"] == [] for c in results["codecs"])
    rows = {row["name"]: row for row in results["bd_rate"]["jpeg"]}
    assert set(rows) == {"lmc", "webp", "theirs (published)"} and set(rows["webp"]["per_image"]["psnr-rgb"]) == {
        "a.png",
        "b.png",
    }
    assert rows["webp"]["bd_rate"]["psnr-rgb"]["percent"] < 0
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
    from compressai.utils.plot.__main__ import parse_json_file

    out, _ = run
    for path in (out / "results.json", out / "curves" / "webp.json"):
        for metric in ("psnr", "ms-ssim"):
            parsed = parse_json_file(str(path), metric)
            assert len(parsed["xs"]) == len(parsed["ys"]) == 8 and max(parsed["ys"]) < 60


def test_the_page_needs_nothing_else(run):
    out, _ = run
    page = (out / "report.html").read_text()
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page) and "@import" not in page and "fetch(" not in page
    scenes = json.loads(re.search(r'id="scenes">(.*?)</script>', page, re.S).group(1))
    assert [[c["codec"] for c in scene] for scene in scenes] == [["original", "lmc", "jpeg", "webp"]]
    assert all(abs(c["rate"] - 0.5) < 0.1 for c in scenes[0][1:])
    assert "results.anchor" not in page and page.count("<svg") == 6


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


def test_rows_of_other_settings_or_pixels_are_not_taken_for_these(tmp_path):
    store = RowStore(tmp_path / "rows.jsonl")
    row = Row("c", "c | 1", "a.png", "00", 10, 10, 5, file_bytes=10)
    store.add(row)
    store.add(Row("c", "c | 2", "a.png", "00", 10, 10, 5, file_bytes=11))
    store.add(Row("c", "c | 1", "a.png", "01", 10, 10, 5, file_bytes=12))
    store.add(Row("c", "c | 1", "a.png", "00", 10, 10, 5, file_bytes=13))
    assert sorted(r.file_bytes for r in store) == [11, 12, 13]
    pixels = np.zeros((2, 3, 3), np.uint8)
    assert digest_of(pixels) != digest_of(pixels.reshape(3, 2, 3))


def test_wrong_usage_is_told(pictures, tmp_path):
    base = ["rd", "--images", str(pictures), "--out", str(tmp_path)]
    for extra, message in (
        (["--codecs", "jpeg,nonsense"], "unknown codecs ['nonsense']"),
        (["--codecs", "jpeg", "--anchor", "vtm"], "--anchor"),
        (["--codecs", "jpeg", "--rates", "x"], "could not convert"),
    ):
        result = CliRunner().invoke(main, [*base, *extra])
        assert result.exit_code == 2 and message in result.output, result.output
    assert known_codecs("webp, jpeg,webp") == ["webp", "jpeg"] and known_codecs("all") == list(CODECS)


def test_list_names_all_codecs():
    output = CliRunner().invoke(main, ["list"]).output
    assert all(re.search(rf"^{name} ", output, re.M) for name in CODECS)


def test_memory_is_that_of_the_codec(pictures):
    megabytes = codec_megabytes("jpeg", pictures / "a.png", 1)
    assert megabytes is not None and 0 <= megabytes < 50


def test_equal_rates_are_met(pictures):
    pixels = read_pixels(pictures / "b.png")
    for name in ("jpeg", "webp", "lmc"):
        data = encode_at_rate(CODECS[name], pixels, 0.7, 1)
        assert 8 * len(data) / pixels[..., 0].size == pytest.approx(0.7, rel=0.06)


def test_the_crop_to_look_at_is_where_detail_is():
    pixels = np.full((640, 640, 3), 128, np.uint8)
    pixels[320:, 320:] = np.random.default_rng(0).integers(0, 256, (320, 320, 3))
    assert busiest(pixels) == (320, 320)
    assert busiest(pixels[:5, :9]) == (0, 0)


def test_the_readme_shows_the_committed_results():
    text = (ROOT / "README.md").read_text()
    results = json.loads(commands.COMMITTED.read_text())
    assert with_results(text, results) == text, "run: python -m benchmarks readme"
    results["codecs"][0]["results"]["bpp"][0] += 1
    assert with_results(text, results) != text
    with pytest.raises(ValueError, match="marks"):
        with_results(text.replace(END, ""), results)
    assert text.count(BEGIN) == 1


def test_the_committed_results_are_those_of_the_shipped_weights():
    from codec.runtime import shipped

    results = json.loads(commands.COMMITTED.read_text())
    assert shipped().model_id.hex() in results["description"] and len(results["images"]) == 24
