"""The viewer as files: those of a folder that any web server can hand out, and one page that needs no server."""

from __future__ import annotations

import base64
import gzip
import json
import lzma
from functools import cache
from pathlib import Path

from bitstream.errors import CodecError
from codec.web.bundle import bundle

_PACKAGED = Path(__file__).with_name("static")
_CHECKOUT = Path(__file__).parents[2] / "web"
_PACKED_SUFFIX = ".xz"
RUNTIME = "vendor/ort-wasm-simd-threaded.wasm"
MODELS = "models"
ENTRY, WORKER, SERVICE_WORKER = "src/viewer.js", "src/worker.js", "service-worker.js"
_PARTS = ("index.html", "viewer.css", "service-worker.js", "src", "vendor", "example")


def static_files() -> dict[str, Path]:
    """Files of the viewer by their place in its folder; one that is kept compressed ends in ``.xz``.

    Raises:
        CodecError: they were not installed.
    """
    root = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    found = {
        path.relative_to(root).as_posix(): path
        for part in _PARTS
        for path in ([root / part] if (root / part).is_file() else sorted((root / part).rglob("*")))
        if path.is_file()
    }
    if ENTRY not in found:
        raise CodecError(f"the viewer is not installed: {root} has no {ENTRY}")
    return found


@cache
def static_file(name: str) -> bytes | None:
    """A file of the viewer by its place in its folder, expanded; None if there is none."""
    files = static_files()
    if name in files:
        return files[name].read_bytes()
    packed = files.get(name + _PACKED_SUFFIX)
    return None if packed is None else lzma.decompress(packed.read_bytes())


def bundled(entry: str) -> str:
    """A module of the viewer, and all that it imports, as one plain script."""
    return bundle(entry, _text)


def site(models: dict[str, bytes]) -> dict[str, bytes]:
    """All files of a folder that shows ``.lmc`` files.

    Args:
        models: archives by model id, of :func:`codec.web.archive.pack_model`.

    Returns:
        dict[str, bytes]: contents by place in the folder.
    """
    names = [name.removesuffix(_PACKED_SUFFIX) for name in static_files()]
    files = {name: static_file(name) or b"" for name in names}
    files[SERVICE_WORKER] = bundled(SERVICE_WORKER).encode()  # Firefox runs none that is a module
    return {**files, **{f"{MODELS}/{model_id}.zip": archive for model_id, archive in models.items()}}


def single_page(models: dict[str, bytes]) -> bytes:
    """The viewer as one page that holds all it needs, and works when it is opened from a disk.

    Args:
        models: archives by model id.

    Returns:
        bytes: HTML.
    """
    page = _text("index.html")
    page = page.replace('<link rel="stylesheet" href="viewer.css">', f"<style>{_text('viewer.css')}</style>")
    data = {
        "viewer": bundled(ENTRY),
        "worker": bundled(WORKER),
        "runtime": _packed(static_file(RUNTIME) or b""),
        "models": {model_id: _packed(archive) for model_id, archive in models.items()},
    }
    embedded = json.dumps(data).replace("<", "\\u003c")  # so that no text in it ends the element
    loader = f'<script type="application/json" id="parts">{embedded}</script>\n<script>{_LOADER}</script>'
    return page.replace(f'<script type="module" src="{ENTRY}"></script>', loader).encode()


def _text(name: str) -> str:
    return (static_file(name) or b"").decode()


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


_LOADER = """
(async () => {
  const { viewer, worker, runtime, models } = JSON.parse(document.getElementById("parts").textContent);
  const expanded = async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).blob();
  };
  const modelUrl = {};
  for (const [id, text] of Object.entries(models)) modelUrl[id] = await expanded(text);
  globalThis.lmcSettings = {
    workerUrl: URL.createObjectURL(new Blob([worker], { type: "text/javascript" })),
    workerType: "classic",
    wasmUrl: await expanded(runtime),
    modelUrl,
  };
  document.body.append(Object.assign(document.createElement("script"), { textContent: viewer }));
})();
"""
