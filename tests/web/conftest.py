"""A browser, and the decoder's files on a server of its own."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from skimage import data

import codec
from codec.engine.manifest import read_manifest
from codec.engine.registry import MODELS, TUNES, id_by_tune
from codec.web.archive import pack_model
from codec.web.site import site
from tests.common import MODEL, VECTORS

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Handler(SimpleHTTPRequestHandler):
    """What any web server does, and one that says nothing of it."""

    extensions_map: ClassVar[dict[str, str]] = {
        **SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript", ".js": "text/javascript",
        ".wasm": "application/wasm", ".lmc": "image/x-lmc",
    }  # fmt: skip

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def web_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``codec export --web`` writes it, with the vectors beside it and an empty page."""
    root = tmp_path_factory.mktemp("web")
    archives = {id_by_tune(tune).hex(): pack_model(MODELS / tune) for tune in TUNES}
    archives[read_manifest(MODEL).model_id.hex()] = pack_model(MODEL)
    for name, contents in site(archives).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(contents)
    shutil.copytree(VECTORS / "pictures", root / "pictures")
    (root / "empty.html").write_text("<!doctype html><title>empty</title>")
    return root


@pytest.fixture(scope="session")
def address(web_root: Path) -> Iterator[str]:
    """Of a server of that folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(web_root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def tab(browser: Any, address: str) -> Iterator[Any]:
    """A tab that fails if a page's script does, or if a request leaves its origin."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(120_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    context.on("request", lambda request: errors.append(request.url) if is_foreign(request.url, address) else None)
    yield page
    context.close()
    assert not errors, errors


def is_foreign(url: str, address: str) -> bool:
    """Whether a request leaves this machine's server, or the page itself."""
    return not url.startswith((address, "blob:", "data:", "file:", "http://127.0.0.1:"))


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A file of the model that ships, with one region of flat graphics."""
    pixels = data.astronaut()[:300, :420].copy()
    pixels[:96, :128] = (200, 30, 40)
    pixels[20:60:4, 16:100] = 255
    return codec.compress(pixels, 40)


@pytest.fixture
def page(tab: Any, address: str) -> Any:
    """A tab with the library."""
    tab.goto(f"{address}/empty.html")
    tab.evaluate("async () => { window.lmc = await import('/src/index.js'); }")
    return tab
