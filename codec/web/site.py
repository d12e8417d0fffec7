"""The viewer as files: those of a folder that any web server can hand out, and one page that needs no server."""

from __future__ import annotations

import base64
import gzip
import json
import lzma
import re
from functools import cache
from pathlib import Path

from bitstream.errors import CodecError

_PACKAGED = Path(__file__).with_name("static")
_CHECKOUT = Path(__file__).parents[2] / "web"
_PACKED_SUFFIX = ".xz"
RUNTIME = "vendor/ort-wasm-simd-threaded.wasm"
MODELS = "models"
ENTRY, WORKER = "src/viewer.js", "src/worker.js"
_PARTS = ("index.html", "viewer.css", "service-worker.js", "src", "vendor")
_IMPORT = re.compile(r"""((?:\bfrom|\bimport)\s*)"(\.{1,2}/[^"]+)";""")


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


def site(models: dict[str, bytes]) -> dict[str, bytes]:
    """All files of a folder that shows ``.lmc`` files.

    Args:
        models: archives by model id, of :func:`codec.web.archive.pack_model`.

    Returns:
        dict[str, bytes]: contents by place in the folder.
    """
    names = [name.removesuffix(_PACKED_SUFFIX) for name in static_files()]
    files = {name: static_file(name) or b"" for name in names}
    return {**files, **{f"{MODELS}/{model_id}.zip": archive for model_id, archive in models.items()}}


def single_page(models: dict[str, bytes]) -> bytes:
    """The viewer as one page that holds all it needs, and works when it is opened from a disk.

    Args:
        models: archives by model id.

    Returns:
        bytes: HTML.
    """
    scripts = {name: _text(name) for name in static_files() if name.endswith((".js", ".mjs"))}
    page = _text("index.html")
    page = page.replace('<link rel="stylesheet" href="viewer.css">', f"<style>{_text('viewer.css')}</style>")
    data = {
        "scripts": [[name, scripts[name], _imports(name, scripts[name])] for name in _in_order(scripts)],
        "entry": ENTRY,
        "worker": WORKER,
        "boot": _BOOT,
        "workerBoot": _WORKER_BOOT,
        "runtime": _packed(static_file(RUNTIME) or b""),
        "models": {model_id: _packed(archive) for model_id, archive in models.items()},
    }
    embedded = json.dumps(data).replace("<", "\\u003c")  # so that no text in it ends the element
    loader = f'<script type="application/json" id="parts">{embedded}</script>\n<script>{_BOOT}{_LOADER}</script>'
    return page.replace(f'<script type="module" src="{ENTRY}"></script>', loader).encode()


def _text(name: str) -> str:
    return (static_file(name) or b"").decode()


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def _imports(name: str, script: str) -> dict[str, str]:
    """Modules that a script imports: how it names each, and its place."""
    folder = Path(name).parent
    return {said: _normal(folder / said) for _, said in _IMPORT.findall(script)}


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _in_order(scripts: dict[str, str]) -> list[str]:
    """The modules that the page and its worker need, each behind those that it imports."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            for needed in _imports(name, scripts[name]).values():
                visit(needed)
            order.append(name)

    visit(ENTRY)
    visit(WORKER)
    return order


_BOOT = """
const imported = async (parts, entry) => {
  const made = {};
  for (const [name, source, imports] of parts) {
    let text = source;
    for (const [said, place] of Object.entries(imports)) text = text.replaceAll(`"${said}"`, `"${made[place]}"`);
    made[name] = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  }
  return import(made[entry]);
};
"""
_WORKER_BOOT = """
// What a page makes, its worker may not import if both came from a disk: it makes its own.
const early = [];
const keep = (event) => { event.stopImmediatePropagation(); early.push(event.data); };
addEventListener("message", keep);
imported(scripts, worker).then(() => {
  removeEventListener("message", keep);
  for (const data of early) dispatchEvent(new MessageEvent("message", { data }));
});
"""
_LOADER = """
(async () => {
  const { scripts, entry, worker, runtime, models, boot, workerBoot } = JSON.parse(
    document.getElementById("parts").textContent);
  const expanded = async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).blob();
  };
  const source = `const scripts = ${JSON.stringify(scripts)}, worker = "${worker}";` + boot + workerBoot;
  const modelUrl = {};
  for (const [id, text] of Object.entries(models)) modelUrl[id] = await expanded(text);
  globalThis.lmcSettings = {
    workerUrl: URL.createObjectURL(new Blob([source], { type: "text/javascript" })),
    workerType: "classic", // from a disk, a worker that is a module is not loaded
    wasmUrl: await expanded(runtime),
    modelUrl,
  };
  await imported(scripts, entry);
})();
"""
