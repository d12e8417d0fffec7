"""Draw the pictures of these pages from photographs that scikit-image ships: ``python docs/make_pictures.py``.

Pages are photographed by a headless Chromium, if there is one.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
from PIL import Image
from skimage import data

import codec
from benchmarks.manifold.shifts import text as page_of_text

HERE = Path(__file__).parent / "pictures"
NAMES = (
    "astronaut", "brick", "chelsea", "coffee", "coins", "grass", "gravel", "hubble_deep_field",
    "immunohistochemistry", "retina", "rocket",
)  # fmt: skip
SIDE = 160


def photo(name: str) -> Image.Image:
    """A photograph that scikit-image ships."""
    return Image.fromarray(np.ascontiguousarray(getattr(data, name)())).convert("RGB")


def crops() -> Iterator[tuple[str, Image.Image]]:
    """Nine parts of each photograph, and their names."""
    for name in NAMES:
        picture = photo(name)
        for i in range(9):
            left, top = (picture.width - SIDE) * (i % 3) // 2, (picture.height - SIDE) * (i // 3) // 2
            yield f"{name}-{i}", picture.crop((left, top, left + SIDE, top + SIDE))


def run(*arguments: object) -> None:
    """One of our commands."""
    subprocess.run(["codec", *map(str, arguments)], check=True)


def photograph(page: Path, name: str, size: str) -> None:
    """A page as a browser shows it."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print(f"no Chromium here: {name} is left as it is")
        return
    shot = page.with_suffix(".png")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={size}", f"--screenshot={shot}"]
    subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True)
    with Image.open(shot) as image:
        image.convert("RGB").save(HERE / name, quality=85)


def photograph_web(folder: Path) -> None:
    """The viewer, and the example of what pages can do, in a folder that a server hands out."""
    from playwright.sync_api import sync_playwright

    site = folder / "site"
    run("export", "--web", site)
    (site / "cat.lmc").write_bytes(codec.compress(photo("chelsea")))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 560})
        page.goto(f"{address}/index.html?file=cat.lmc")
        page.wait_for_selector("#save:not([disabled])")
        page.click("#about")
        shots = [page.screenshot()]
        page.goto(f"{address}/example/index.html")
        page.wait_for_function("document.querySelector('#plain img')?.complete")
        page.wait_for_function(
            "document.querySelector('lmc-image').shadowRoot.querySelector('img').naturalWidth === 512"
        )
        shots.append(page.screenshot())
    server.shutdown()
    for name, shot in zip(("viewer.jpg", "web.jpg"), shots, strict=True):
        Image.open(io.BytesIO(shot)).convert("RGB").save(HERE / name, quality=85)


def draw_textures(folder: Path) -> None:
    """Parts of three photographs of textures, and below each what is drawn from it."""
    columns = []
    for name in ("grass", "gravel", "brick"):
        textures = folder / "textures" / name
        textures.mkdir(parents=True)
        photo(name).convert("L").save(textures / "photo.png")
        run("sample", folder / f"{name}.png", "--like", textures, "--size", "352x264", "-q", 80, "--seed", 7)
        with Image.open(folder / f"{name}.png") as drawn:
            columns.append(np.vstack([photo(name).convert("L").crop((80, 124, 432, 388)), drawn]))
    Image.fromarray(np.hstack(columns)).save(HERE / "textures.jpg", quality=85)


def main() -> None:
    """Draw all of them."""
    HERE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        coded = folder / "coded"
        coded.mkdir()
        for name, picture in crops():
            (coded / f"{name}.lmc").write_bytes(codec.compress(picture))
        run("search", "index", coded, "--index", folder / "pictures.index")
        query = folder / "query.jpg"
        photo("coffee").crop((60, 40, 360, 300)).save(query, quality=50)
        run("search", "query", query, "--index", folder / "pictures.index", "-k", 10, "--html", folder / "search.html")
        photograph(folder / "search.html", "search.jpg", "1100,760")
        run("map", coded, "--out", folder / "map.html", "--method", "tsne")
        photograph(folder / "map.html", "map.jpg", "1100,760")

        photo("chelsea").save(folder / "cat.png")
        photo("coffee").save(folder / "coffee.png")
        scene = photo("chelsea")
        scene.rotate(6, Image.Resampling.BICUBIC).crop((70, 50, 381, 257)).save(folder / "one.png")
        scene.rotate(-6, Image.Resampling.BICUBIC).crop((70, 50, 341, 230)).save(folder / "other.png")
        ways = (("coffee", "cat", "morph"), ("one", "other", "morph"), ("coffee", "cat", "linear"),
                ("coffee", "cat", "geodesic"))  # fmt: skip
        rows = []
        for number, (one, other, path) in enumerate(ways):
            out = folder / f"way-{number}.png"
            run("interpolate", folder / f"{one}.png", folder / f"{other}.png", "--size", "288x192", "--steps", 7,
                "--path", path, "--out", out)  # fmt: skip
            with Image.open(out) as row:
                rows.append(np.asarray(row))
        Image.fromarray(np.vstack(rows)).resize((1008, 384)).save(HERE / "interpolate.jpg", quality=88)

        run("compress", folder / "cat.png", folder / "cat.lmc")
        run("sample", folder / "sample.png", "--size", "320x213", "--seed", 3)
        shown = [Image.open(folder / "sample.png")]
        for strength in (0.02, 0.2, 1):
            out = folder / f"near-{strength}.png"
            run("sample", out, "--near", folder / "cat.lmc", "--strength", strength)
            shown.append(Image.open(out).resize((320, 213)))
        Image.fromarray(np.hstack([np.asarray(p) for p in shown])).save(HERE / "sample.jpg", quality=88)

        draw_textures(folder)

        run("anomaly", "fit", coded, "--model", folder / "normal")
        pixels = np.asarray(photo("astronaut").resize((384, 384))).copy()
        pixels[256:, :128] = np.random.default_rng(0).integers(0, 256, (128, 128, 3))
        Image.fromarray(pixels).save(folder / "patched.png")
        text = page_of_text(Image.new("RGB", (384, 191)), np.random.default_rng(4))
        text.save(folder / "page.png")
        run("anomaly", "score", folder / "patched.png", folder / "page.png", "--model", folder / "normal",
            "--heat-maps", folder / "maps")  # fmt: skip
        shown = [Image.fromarray(pixels), Image.open(folder / "maps" / "patched.png.png").resize((384, 384))]
        shown += [text, Image.open(folder / "maps" / "page.png.png").resize(text.size)]
        canvas = Image.new("RGB", (1152, 384), "white")
        for picture, at in zip(shown, ((0, 0), (384, 0), (768, 0), (768, 193)), strict=True):
            canvas.paste(picture, at)
        canvas.save(HERE / "anomaly.jpg", quality=88)

        photograph_web(folder)


if __name__ == "__main__":
    main()
