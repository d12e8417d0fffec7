"""The viewer, its server, and what both are made of."""

from __future__ import annotations

import hashlib
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from skimage import data

import codec
from codec.engine.manifest import read_manifest
from codec.engine.registry import SHIPPED
from codec.web.archive import pack_model
from codec.web.server import Viewer
from codec.web.site import single_page, static_file
from tests.bitstream.test_vectors import PICTURES
from tests.common import MODEL

pytestmark = pytest.mark.slow


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
    assert saved.value.suggested_filename.startswith("a 50% & b#1")
    saved.value.save_as(tmp_path / "saved.png")
    with codec.open(server.files[0]) as file, Image.open(tmp_path / "saved.png") as image:
        assert np.abs(np.asarray(image)[:, :, :3].astype(int) - file.array()).max() <= 1
    Image.fromarray(data.astronaut()[:300, :420]).save(tmp_path / "original.png")
    tab.set_input_files("#open", tmp_path / "original.png")
    tab.wait_for_selector("#compare")
    tab.wait_for_selector("#original")
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


@pytest.mark.parametrize("named", ["http://[", "100%25.lmc", "data:image/x-lmc,x", "https://elsewhere.example/x.lmc"])
def test_the_viewer_says_which_addresses_it_does_not_take(tab, server, named):
    tab.goto(f"{server.url.partition('?')[0]}?file={quote(named)}")
    tab.wait_for_selector("#status.wrong")
    assert tab.inner_text("#status")


def test_the_address_that_a_browser_is_started_with_works_once(server):
    once = server.url_for_once()
    with urllib.request.urlopen(once) as response:
        assert response.url == server.url
    for address in (once, once + "x"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address)


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
    archives = {codec.inspect(photo).model_id: pack_model(SHIPPED)}
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


def test_the_archive_of_a_model_is_the_same_each_time_and_slim_if_asked_for():
    pytest.importorskip("onnx")
    whole, slim = pack_model(MODEL), pack_model(MODEL, slim=True)
    assert pack_model(MODEL, slim=True) == slim and len(slim) < len(whole)


def test_the_runtime_is_the_one_that_its_readme_names():
    table = (static_file("vendor/README.md") or b"").decode()
    for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"):
        digest = hashlib.sha256(static_file(f"vendor/{name}") or b"").hexdigest()
        assert f"| `{name}` | `{digest}` |" in table
