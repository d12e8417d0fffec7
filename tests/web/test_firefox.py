"""The decoder and the service worker in Firefox, which is driven by its own protocol."""

from __future__ import annotations

import base64
import json
import shutil
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.bitstream.test_vectors import NAMES, PICTURES
from tests.web.in_page import as_browsers_have_it

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PAGE = """<!doctype html><script type=module>
import { decode } from "./src/index.js";
import { register } from "./src/register.js";
const text = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
const found = {};
for (const name of NAMES) {
  const file = await (await fetch(`pictures/${name}.lmc`)).arrayBuffer();
  const { width, height, data } = await decode(file);
  found[name] = [width, height, btoa(text(data))];
}
await register();
const png = await fetch("pictures/gray.lmc");
found.type = png.headers.get("Content-Type");
document.title = JSON.stringify(found);
</script>"""
SECONDS = 180
pytestmark = [pytest.mark.slow, pytest.mark.skipif(FIREFOX is None, reason="Firefox is not installed")]


def test_firefox_decodes_the_same_and_runs_the_service_worker(address: str, web_root: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its driver uses what Python will drop
        driver = pytest.importorskip("marionette_driver.marionette", reason="marionette_driver is not installed")
        (web_root / "firefox.html").write_text(PAGE.replace("NAMES", json.dumps(NAMES)))
        firefox = driver.Marionette(bin=FIREFOX, headless=True, gecko_log=str(web_root / "firefox.log"))
        try:
            firefox.start_session()
            firefox.navigate(f"{address}/firefox.html")
            ends = time.monotonic() + SECONDS
            while not firefox.title.startswith("{") and time.monotonic() < ends:
                time.sleep(0.5)
            found = json.loads(firefox.title)
        finally:
            firefox.quit()
    assert found.pop("type") == "image/png" and sorted(found) == NAMES
    for name, (width, height, pixels) in found.items():
        values = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4).astype(int)
        with np.load(PICTURES / f"{name}.npz") as stored:
            assert np.abs(values - as_browsers_have_it(stored["pixels"])).max() <= 1, name
