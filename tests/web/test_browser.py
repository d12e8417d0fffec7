"""The decoder in a real browser: pixels, regions, errors, plain images, the element, and the viewer."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

import codec
from codec.engine.manifest import read_manifest
from codec.web.archive import pack_model
from codec.web.server import Viewer
from codec.web.site import single_page, static_file
from tests.bitstream.test_vectors import NAMES, PICTURES
from tests.common import MODEL

pytestmark = pytest.mark.slow
DECODE = """async ([name, bytes, options]) => {
  const { signal: stopAfter, ...rest } = options;
  const controller = new AbortController();
  if (stopAfter !== undefined) setTimeout(() => controller.abort(), stopAfter);
  try {
    const source = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    const image = await lmc[name](source, { ...rest, signal: controller.signal });
    if (name === "inspect") return image;
    const { width, height, data } = image;
    let text = "";
    for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
    return { width, height, data: btoa(text) };
  } catch (error) {
    return { error: error.name, message: error.message };
  }
}"""


def call(tab: Any, name: str, source: bytes, **options: Any) -> dict[str, Any]:
    """What a function of the library gives in the page."""
    found: dict[str, Any] = tab.evaluate(DECODE, [name, base64.b64encode(source).decode(), options])
    return found


def decode(tab: Any, source: bytes, **options: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Red, green, blue and alpha, uint8 (h, w, 4)."""
    found = call(tab, "decode", source, **options)
    assert "error" not in found, found
    values = np.frombuffer(base64.b64decode(found["data"]), np.uint8)
    return values.reshape(found["height"], found["width"], 4)


def as_browsers_have_it(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Pixels of Python's decoder as red, green, blue and alpha of 8 bits."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    values = np.rint(pixels / 257 if pixels.dtype == np.uint16 else pixels).astype(np.int64)
    colours = values[:, :, :1].repeat(3, axis=2) if values.shape[2] < 3 else values[:, :, :3]
    opaque = np.full((*values.shape[:2], 1), 255)
    return np.concatenate([colours, values[:, :, 3:] if values.shape[2] == 4 else opaque], axis=2)


@pytest.fixture
def page(tab: Any, address: str) -> Any:
    """A tab with the library."""
    tab.goto(f"{address}/empty.html")
    tab.evaluate("async () => { window.lmc = await import('/src/index.js'); }")
    return tab


@pytest.fixture(scope="module")
def photo() -> bytes:
    """A file of the model that ships, with one region of flat graphics."""
    pixels = data.astronaut()[:300, :420].copy()
    pixels[:96, :128] = (200, 30, 40)
    pixels[20:60:4, 16:100] = 255
    return codec.compress(pixels, 40)


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


def test_decoding_can_be_stopped(page):
    source = codec.compress(np.tile(data.astronaut(), (2, 2, 1)), 30)
    assert call(page, "decode", source, signal=0)["error"] == "AbortError"
    assert decode(page, source, scale=8).shape == (128, 128, 4)


def test_plain_images_backgrounds_and_fetch_work_with_the_service_worker(tab, address, web_root, photo):
    folder = web_root / "pictures"
    profile = Image.open(io.BytesIO(png_with_profile())).info["icc_profile"]
    coded = codec.compress(Image.open(io.BytesIO(png_with_profile())), 70)
    (folder / "photo.lmc").write_bytes(photo)
    (folder / "profile.lmc").write_bytes(coded)
    (folder / "damaged.lmc").write_bytes(photo[:-5])
    (web_root / "plain.html").write_text(
        "<!doctype html><script type=module>import {register} from './src/register.js';"
        "await register(); document.body.innerHTML = '<img id=one src=pictures/photo.lmc alt=photo>"
        '<div style="width:90px;height:90px;background:url(pictures/gray.lmc)"></div>\'</script><body>'
    )
    tab.goto(f"{address}/plain.html")
    tab.wait_for_function("document.querySelector('#one')?.complete", timeout=120_000)
    assert tab.evaluate("document.querySelector('#one').naturalWidth") == 420
    fetched = tab.evaluate(
        """async () => {
          const read = async (path, headers = {}) => {
            const response = await fetch(path, { headers });
            const bytes = new Uint8Array(await response.arrayBuffer());
            return [response.status, response.headers.get('Content-Type'), Array.from(bytes)];
          };
          return [await read('pictures/photo.lmc'), await read('pictures/profile.lmc'),
                  await read('pictures/photo.lmc', { Accept: 'image/x-lmc' }), await read('pictures/damaged.lmc')];
        }"""
    )
    (plain, with_profile, itself, damaged) = fetched
    assert plain[:2] == [200, "image/png"]
    decoded = np.asarray(Image.open(io.BytesIO(bytes(plain[2]))))
    with codec.open(photo) as file:
        assert np.abs(decoded[:, :, :3].astype(int) - file.array()).max() <= 1
    assert Image.open(io.BytesIO(bytes(with_profile[2]))).info["icc_profile"] == profile
    assert itself[0] == 200 and bytes(itself[2]) == photo
    assert damaged[:2] == [422, "text/plain"] and b"TruncatedError" in bytes(damaged[2])


def png_with_profile() -> bytes:
    """A picture with a colour profile."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()[:64, :80]).save(buffer, "PNG", icc_profile=profile)
    return buffer.getvalue()


def test_the_element_shows_a_preview_then_the_image(tab, address, web_root, photo):
    big = codec.compress(data.astronaut(), 30)
    (web_root / "pictures" / "big.lmc").write_bytes(big)
    (web_root / "pictures" / "bad.lmc").write_bytes(big[:-1])
    (web_root / "element.html").write_text(
        "<!doctype html><script type=module src=src/element.js></script><script>window.told = [];"
        "for (const name of ['preview', 'load', 'error']) document.addEventListener(name, "
        "(event) => event.target.id && told.push([event.target.id, name, event.detail?.name ?? '']), true)</script>"
        "<lmc-image id=big src=pictures/big.lmc alt='An astronaut'><i>a fallback</i></lmc-image>"
        "<lmc-image id=bad src=pictures/bad.lmc alt=nothing><i>a fallback</i></lmc-image>"
        "<div style=height:9000px></div><lmc-image id=far src=pictures/big.lmc alt=far></lmc-image>"
    )
    tab.goto(f"{address}/element.html")
    tab.wait_for_function("told.filter(([, name]) => name !== 'preview').length >= 2", timeout=120_000)
    told = tab.evaluate("told")
    assert [name for who, name, _ in told if who == "big"] == ["preview", "load"]
    assert ["bad", "error", "TruncatedError"] in told
    assert not [one for one in told if one[0] == "far"]  # it is not about to be seen
    inner = "document.querySelector('#big').shadowRoot.querySelector('img')"
    assert tab.evaluate(f"[{inner}.naturalWidth, {inner}.alt]") == [512, "An astronaut"]
    assert tab.evaluate("document.querySelector('#bad').shadowRoot.querySelector('img').hasAttribute('src')") is False
    assert tab.get_by_role("img", name="An astronaut").count() == 1
    assert tab.get_by_text("a fallback").first.is_visible() is False and tab.get_by_text("a fallback").last.is_visible()
    tab.evaluate("scrollTo(0, 9000)")
    tab.wait_for_function("told.some(([who, name]) => who === 'far' && name === 'load')")


def test_the_example_shows_its_image_both_ways(tab, address):
    tab.goto(f"{address}/example/index.html")
    tab.wait_for_function("document.querySelector('#plain img')?.naturalWidth === 512")
    tab.wait_for_function("document.querySelector('lmc-image').shadowRoot.querySelector('img').naturalWidth === 512")


@pytest.fixture
def server(photo: bytes, tmp_path: Path) -> Iterator[Viewer]:
    """The viewer with two files, one of a name that is awkward in addresses."""
    paths = [tmp_path / "a 50% & b#1?.lmc", tmp_path / "second.lmc"]
    paths[0].write_bytes(photo)
    paths[1].write_bytes((PICTURES / "alpha.lmc").read_bytes())
    with Viewer(paths, [MODEL]) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def test_the_viewer_shows_files_compares_and_saves(tab, server, tmp_path):
    tab.goto(server.url)
    tab.wait_for_selector("#save:not([disabled])")
    assert tab.inner_text("#name") == "a 50% & b#1?.lmc" and tab.inner_text("#place") == "1 of 2"
    tab.click("#about")
    assert "420 × 300" in tab.inner_text("#facts") and "Exact blocks\tyes" in tab.inner_text("#facts")
    with tab.expect_download() as saved:
        tab.click("#save")
    assert saved.value.suggested_filename.endswith("b#1_.png") or saved.value.suggested_filename.endswith(".png")
    saved.value.save_as(tmp_path / "saved.png")
    with codec.open(server.files[0]) as file, Image.open(tmp_path / "saved.png") as image:
        assert np.abs(np.asarray(image)[:, :, :3].astype(int) - file.array()).max() <= 1
    Image.fromarray(data.astronaut()[:300, :420]).save(tmp_path / "original.png")
    tab.set_input_files("#open", tmp_path / "original.png")
    assert tab.is_visible("#compare") and tab.is_visible("#original")
    tab.keyboard.press("1")
    assert tab.inner_text("#zoom") == "100%"
    tab.keyboard.press("+")
    assert tab.inner_text("#zoom") == "125%"
    box = tab.locator("#stage").bounding_box()
    tab.keyboard.down("Shift")
    tab.mouse.move(box["x"] + box["width"] / 2 - 30, box["y"] + box["height"] / 2 - 30)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] / 2 + 30, box["y"] + box["height"] / 2 + 30)
    tab.mouse.up()
    tab.keyboard.up("Shift")
    tab.wait_for_function("document.querySelector('#status').textContent.startsWith('Region')")
    tab.click("#next")
    tab.wait_for_function("document.querySelector('#name').textContent === 'second.lmc'")
    tab.wait_for_selector("#save:not([disabled])")
    assert not tab.is_visible("#compare")


def test_the_viewer_says_what_is_wrong_with_a_file(tab, server):
    server.files[0].write_bytes(b"not one of ours")
    tab.goto(server.url)
    tab.wait_for_selector("#status.wrong")
    assert "not an .lmc file" in tab.inner_text("#status")


def test_the_server_shows_nothing_to_others(server):
    def status(path: str, **headers: str) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    secret = f"/{server.secret}"
    assert status(f"{secret}/files/0/x.lmc") == status(f"{secret}/index.html") == 200
    assert status("/index.html") == status("/files/0/x.lmc") == status("//files/0/x.lmc") == 404
    assert status(f"{secret}/index.html", Host="evil.example:80") == 404
    for path in (
        "files/2/x",
        "files/-1/x",
        "files/x",
        "../../etc/passwd",
        "src/../../site.py",
        "models/00000000.zip",
        "",
    ):
        assert status(f"{secret}/{path}") == 404, path
    server.files[0].unlink()
    assert status(f"{secret}/files/0/x.lmc") == 500


def test_one_page_alone_works_from_a_disk(tab, photo, tmp_path):
    archives = {codec.inspect(photo).model_id: pack_model(codec.engine.registry.SHIPPED)}
    (tmp_path / "viewer.html").write_bytes(single_page(archives))
    (tmp_path / "photo.lmc").write_bytes(photo)
    tab.goto((tmp_path / "viewer.html").as_uri())
    tab.wait_for_function("globalThis.lmcSettings !== undefined")
    tab.wait_for_timeout(1000)
    tab.set_input_files("#open", tmp_path / "photo.lmc")
    tab.wait_for_selector("#save:not([disabled])")
    assert tab.evaluate("document.querySelector('#image').naturalWidth") == 420
    (tmp_path / "foreign.lmc").write_bytes((PICTURES / "gray.lmc").read_bytes())
    tab.set_input_files("#open", tmp_path / "foreign.lmc")
    tab.wait_for_selector("#status.wrong")
    assert read_manifest(MODEL).model_id.hex() in tab.inner_text("#status")


def test_the_runtime_is_the_one_that_its_readme_names():
    table = (static_file("vendor/README.md") or b"").decode()
    for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"):
        digest = hashlib.sha256(static_file(f"vendor/{name}") or b"").hexdigest()
        assert f"| `{name}` | `{digest}` |" in table


def test_the_archive_of_a_model_is_the_same_each_time_and_slim_if_asked_for():
    pytest.importorskip("onnx")
    whole, slim = pack_model(MODEL), pack_model(MODEL, slim=True)
    assert pack_model(MODEL, slim=True) == slim and len(slim) < len(whole)


@pytest.mark.heavy
def test_twelve_megapixels_do_not_end_the_tab(page):
    pixels = np.tile(data.astronaut(), (6, 8, 1))[:3000, :4000]
    source = codec.compress(pixels, 40)
    found = decode(page, source, region={"x": 0, "y": 0, "width": 4000, "height": 3000})
    with codec.open(source) as file:
        expected = file.array()
    assert np.abs(found[:, :, :3].astype(int) - expected).max() <= 2
