"""The decoder in a real browser: pixels, regions, scales, errors."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace

import numpy as np
import pytest
from skimage import data

import codec
from bitstream import parse, serialize
from bitstream.boxes import alpha_box
from codec.web.server import Viewer
from tests.bitstream.test_vectors import NAMES, PICTURES
from tests.common import MODEL, raw_png
from tests.web.in_page import as_browsers_have_it, call, decode

pytestmark = pytest.mark.slow


def test_every_pinned_file_has_the_same_pixels(page):
    for name in NAMES:
        found = decode(page, (PICTURES / f"{name}.lmc").read_bytes()).astype(int)
        with np.load(PICTURES / f"{name}.npz") as stored:
            expected = as_browsers_have_it(stored["pixels"])
        assert found.shape == expected.shape, name
        assert np.abs(found - expected).max() <= 1, name
        assert (found != expected).mean() < 1e-3, name


def test_pages_that_are_isolated_decode_in_several_threads(tab):
    with Viewer([PICTURES / "colour-high.lmc"], [MODEL]) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab.goto(server.url)
        assert tab.evaluate("crossOriginIsolated")
        tab.wait_for_selector("#save:not([disabled])")
        tab.evaluate("async () => { window.lmc = await import('./src/index.js'); lmc.init({ threads: 2 }); }")
        found = decode(tab, (PICTURES / "colour-high.lmc").read_bytes()).astype(int)
        server.shutdown()
    with np.load(PICTURES / "colour-high.npz") as stored:
        assert np.abs(found - as_browsers_have_it(stored["pixels"])).max() <= 1


def test_tiles_leave_no_seam_and_regions_are_parts_of_the_whole(page):
    pixels = np.concatenate([data.astronaut(), data.astronaut()[::-1]], axis=1)[:, :900]
    for source in (codec.compress(pixels, 60), codec.compress(pixels, lossless=True)):
        whole = decode(page, source).astype(int)
        with codec.open(source) as file:
            expected = file.array().astype(int)
        assert np.abs(whole[:, :, :3] - expected).max() <= 1
        part = decode(page, source, region={"x": 611, "y": 37, "width": 203, "height": 301}).astype(int)
        assert np.abs(part - whole[37:338, 611:814]).max() <= 1


@pytest.mark.parametrize("scale", [2, 4, 8, 16])
def test_a_fraction_of_the_size_is_pythons(page, photo, scale):
    found = decode(page, photo, scale=scale)
    with codec.open(photo) as file:
        expected = np.asarray(file.preview(scale)).astype(int)
    assert found.shape[:2] == expected.shape[:2]
    assert np.abs(found[:, :, :3].astype(int) - expected).max() <= 1


def test_what_a_file_says_of_itself(page, photo):
    facts = call(page, "inspect", photo)
    assert (facts["width"], facts["height"], facts["fileBytes"]) == (420, 300, len(photo))
    assert facts["hasExactBlocks"] and not facts["hasAlpha"] and facts["depth"] == 8
    assert facts["modelId"] == codec.inspect(photo).model_id


def test_files_that_cannot_be_read_say_why(page, photo):
    at = len(photo) - 200
    flipped = photo[:at] + bytes([photo[at] ^ 1]) + photo[at + 1 :]
    newer = photo[:8] + b"\2" + photo[9:]
    for source, error in (
        (b"", "TruncatedError"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "BadMagicError"),
        (photo[:-10], "TruncatedError"),
        (photo + b"\0", "CorruptError"),
        (flipped, "ChecksumError"),
        (photo[:12] + b"\xff" + photo[13:], "ChecksumError"),
        (newer, "UnsupportedVersionError"),
    ):
        assert call(page, "decode", source)["error"] == error, (error, source[:20])
    assert call(page, "decode", photo, scale=3)["error"] == "Error"
    assert call(page, "decode", photo, region={"x": 400, "y": 0, "width": 21, "height": 5})["error"] == "Error"
    page.evaluate("lmc.init({ maxPixels: 1000 })")
    assert call(page, "decode", photo)["error"] == "LimitError"
    page.evaluate("lmc.init({ modelUrl: '/nowhere/' })")
    assert call(page, "decode", photo)["error"] == "ModelError"
    page.evaluate("lmc.init()")
    assert decode(page, photo).shape == (300, 420, 4)  # none of this does harm


STOPPED = """async (source) => {
  const worker = new Worker("/src/worker.js", { type: "module" });
  const file = Uint8Array.from(atob(source), (letter) => letter.charCodeAt(0));
  const told = [];
  worker.postMessage({ kind: "init", settings: { threads: 1 } });
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => {
      told.push([data.id, "progress" in data ? "progress" : data.error?.code ?? "done"]);
      if (told.length === 1) worker.postMessage({ kind: "stop", id: 1 });
      if (data.id === 3 && !("progress" in data)) resolve(told);
    };
    for (const id of [1, 2, 3]) {
      worker.postMessage({ kind: "decode", id, bytes: file, wish: { scale: id === 3 ? 8 : 1 } });
    }
    worker.postMessage({ kind: "stop", id: 2 });
  });
}"""


def test_the_worker_hears_that_it_is_to_stop(page):
    """While it decodes the first, after its first tile, and before it begins with the second."""
    source = codec.compress(np.tile(data.astronaut(), (1, 6, 1)), 20)
    told = page.evaluate(STOPPED, base64.b64encode(source).decode())
    assert [1, "AbortError"] in told and [2, "AbortError"] in told and [3, "done"] in told
    assert [2, "progress"] not in told
    assert told.count([1, "progress"]) < 3  # the image is three tiles wide


def test_files_that_are_all_exact_need_no_model(page):
    pixels = data.astronaut()[:130, :200]
    page.evaluate("lmc.init({ modelUrl: '/nowhere/' })")
    assert (decode(page, codec.compress(pixels, lossless=True))[:, :, :3] == pixels).all()


def test_an_image_that_is_exact_but_for_its_end(page):
    pixels = np.full((2600, 128, 3), (20, 90, 160), np.uint8)
    pixels[2450:] = data.astronaut()[:150, 100:228]
    source = codec.compress(pixels, 40)
    assert codec.inspect(source).exact_share > 0.7
    with codec.open(source) as file:
        assert np.abs(decode(page, source)[:, :, :3].astype(int) - file.array()).max() <= 1


def test_archives_are_found_wherever_they_are_said_to_be(page, photo):
    model_id = codec.inspect(photo).model_id
    for where in ("'/models'", "new URL('/models/', location.href)", f"{{ '{model_id}': 'models/{model_id}.zip' }}"):
        page.evaluate(f"lmc.init({{ modelUrl: {where} }})")
        assert decode(page, photo, scale=16).shape == (19, 27, 4)
    page.evaluate("lmc.init({ modelUrl: {} })")
    assert call(page, "decode", photo)["error"] == "ModelError"


def test_what_waits_is_told_when_init_is_called_anew(page, photo):
    told = page.evaluate(
        """async (source) => {
          const file = Uint8Array.from(atob(source), (letter) => letter.charCodeAt(0));
          const waiting = lmc.decode(file).catch((error) => error.name);
          await new Promise((resolve) => setTimeout(resolve, 20));
          lmc.init();
          return waiting;
        }""",
        base64.b64encode(photo).decode(),
    )
    assert told == "AbortError"
    assert decode(page, photo, scale=8).shape == (38, 53, 4)


def with_alpha(png: bytes) -> bytes:
    """A file with this as its transparency."""
    container = parse((PICTURES / "colour-low.lmc").read_bytes())
    return serialize(replace(container, boxes=[alpha_box(None, png)]))


def test_transparency_is_checked(page):
    def png(bits: int = 8, colour: int = 0, clear: bytes = b"") -> bytes:
        rows = [bytes(210 * bits // 8 * (3 if colour == 2 else 1))] * 150
        return raw_png(210, 150, bits, colour, rows, clear)

    assert (decode(page, with_alpha(png()))[:, :, 3] == 0).all()
    for bad in (
        png(16),
        png(8, 2),
        png(clear=b"\0\0"),
        png() + b"x",
        png()[:-12],
        b"",
        raw_png(8, 8, 8, 0, [b"\0" * 8] * 8),
    ):
        assert call(page, "decode", with_alpha(bad))["error"] == "CorruptError", bad[:40]


def test_decoding_can_be_stopped(page):
    source = codec.compress(np.tile(data.astronaut(), (2, 2, 1)), 30)
    assert call(page, "decode", source, signal=0)["error"] == "AbortError"
    assert decode(page, source, scale=8).shape == (128, 128, 4)


@pytest.mark.heavy
def test_twelve_megapixels_do_not_end_the_tab(page):
    pixels = np.tile(data.astronaut(), (6, 8, 1))[:3000, :4000]
    source = codec.compress(pixels, 40)
    found = decode(page, source, region={"x": 0, "y": 0, "width": 4000, "height": 3000})
    with codec.open(source) as file:
        expected = file.array()
    assert np.abs(found[:, :, :3].astype(int) - expected).max() <= 2
