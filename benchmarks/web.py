"""The decoder of browsers beside the native one, and what a page has to load: ``python -m benchmarks web IMAGE``."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

import codec
from benchmarks.graphics.pictures import BROWSERS
from benchmarks.images import read_pixels
from benchmarks.speed import resized
from bitstream.errors import CodecError
from codec.engine.registry import DEFAULT_TUNE, SHIPPED, id_by_tune
from codec.web.archive import pack_model
from codec.web.server import Viewer
from codec.web.site import RUNTIME, WORKER, bundled, static_file

_LOAD = """async (threads) => {
  window.lmc = await import("./src/index.js");
  lmc.init({ threads });
  window.file = await (await fetch("files/0/image.lmc")).arrayBuffer();
}"""
_DECODE = """async (scale) => {
  const began = performance.now();
  await lmc.decode(file, { scale });
  return (performance.now() - began) / 1000;
}"""


def transfer() -> dict[str, int]:
    """Bytes of each part that a page loads before its first image, compressed as web servers do at their best."""
    import brotli

    parts = {
        "JavaScript": bundled(WORKER).encode(),
        "ONNX Runtime (WebAssembly)": static_file(RUNTIME) or b"",
        "model": pack_model(SHIPPED, slim=True),
    }
    return {name: len(brotli.compress(data, quality=11)) for name, data in parts.items()}


@contextmanager
def _page(path: Path) -> Iterator[Any]:
    """A page of the viewer in Chromium, which may use several threads, with a file beside it."""
    from shutil import which

    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(which, BROWSERS)), None)
    if program is None:
        raise CodecError(f"web: needs Chromium, but found none of {', '.join(BROWSERS)}")
    with Viewer([path]) as server, sync_playwright() as driver:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.goto(server.url.partition("?")[0])
        yield page
        browser.close()
        server.shutdown()


def _tab_megabytes() -> float:
    """Peak memory of the browser's largest tab so far; 0 where no ``/proc`` tells."""
    peaks = [0.0]
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError, StopIteration):
            if b"--type=renderer" in status.with_name("cmdline").read_bytes():
                line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
                peaks.append(int(line.split()[1]) / 1024)
    return max(peaks)


def _native(path: Path, threads: int, scale: int) -> float:
    began = time.perf_counter()
    with codec.open(path, threads=threads) as file:
        file.preview(scale)
    return time.perf_counter() - began


def _median(run: Callable[[], float], runs: int) -> float:
    run()  # loads everything
    return statistics.median(run() for _ in range(runs))


@click.command()
@click.argument("image", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--megapixels", default="0.4,12", show_default=True, help="Sizes, separated by commas.")
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Timed runs of each.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Beside one.")
def main(image: Path, megapixels: str, runs: int, threads: int) -> None:
    """Decode IMAGE, made larger or smaller, in Chromium and natively, at quality 50."""
    parts = transfer()
    for name, count in parts.items():
        click.echo(f"{count / 1e6:6.2f} MB  {name}")
    click.echo(f"{sum(parts.values()) / 1e6:6.2f} MB  in all (brotli), model {id_by_tune(DEFAULT_TUNE).hex()}\n")
    click.echo(
        f"{'MP':>5s}{'threads':>9s}{'browser':>10s}{'native':>9s}{'ratio':>7s}{'preview':>9s}{'of all':>8s}{'tab':>9s}"
    )
    for size in map(float, megapixels.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "image.lmc"
            path.write_bytes(codec.compress(resized(read_pixels(image), size), 50))
            for number in sorted({1, threads}):
                with _page(path) as page:
                    page.evaluate(_LOAD, number)
                    full = _median(lambda page=page: page.evaluate(_DECODE, 1), runs)  # type: ignore[misc]
                    peak = _tab_megabytes()
                    preview = _median(lambda page=page: page.evaluate(_DECODE, 8), runs)  # type: ignore[misc]
                native = _median(lambda path=path, number=number: _native(path, number, 1), runs)  # type: ignore[misc]
                click.echo(
                    f"{size:5g}{number:9d}{full:8.2f} s{native:7.2f} s{full / native:7.1f}{preview:7.2f} s"
                    f"{preview / full:8.2f}{peak:6.0f} MB"
                )
