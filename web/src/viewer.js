/** The viewer page: open or drop files, zoom, compare with an original, decode a region, save as PNG. */

import { decodeToPng, init, inspect } from "./index.js";
import { MEDIA_TYPE } from "./media_type.js";
import { View } from "./view.js";

/** Larger images are shown as a preview, and decoded where they are looked at. */
const LARGE_PIXELS = 24e6;
/** Milliseconds without a movement after which the part in view is decoded. */
const SETTLED = 350;
/** Pixels that an arrow key moves the image by. */
const STEP = 60;

const at = (id) => document.getElementById(id);
const paper = at("paper");

/** @type {{name: string, load: () => Promise<Blob>}[]} */
let files = [];
let current = -1;
let shown = { file: null, facts: null, png: null };
let stop = new AbortController();
let regionStop = new AbortController();
let settling = 0;

const view = new View(at("stage"), paper, { onChange: viewChanged, onMark: showRegion });

/** Say something in the line at the bottom. */
function say(text, isWrong = false) {
  at("status").textContent = text;
  at("status").classList.toggle("wrong", isWrong);
}

function setImage(id, blob) {
  const image = at(id);
  if (image.src) URL.revokeObjectURL(image.src);
  if (blob) image.src = URL.createObjectURL(blob);
  else image.removeAttribute("src");
  image.hidden = !blob;
}

function showFacts(facts, times = {}) {
  const bytes = (count) => `${count.toLocaleString("en")} bytes`;
  const bits = (8 * facts.fileBytes) / (facts.width * facts.height);
  const rows = {
    Size: `${facts.width} × ${facts.height}`,
    File: bytes(facts.fileBytes),
    "Bits per pixel": bits.toFixed(3),
    Components: `${facts.components === 1 ? "gray" : "RGB"}${facts.hasAlpha ? " and alpha" : ""}, ${facts.depth} bits`,
    "Exact blocks": facts.hasExactBlocks ? "yes" : "no",
    Model: facts.modelId,
    "Quality index": facts.qualityIndex,
    "ICC profile": bytes(facts.metadataBytes.icc),
    EXIF: bytes(facts.metadataBytes.exif),
    XMP: bytes(facts.metadataBytes.xmp),
    ...times,
  };
  at("facts").firstElementChild.replaceChildren(
    ...Object.entries(rows).map(([name, value]) => {
      const row = document.createElement("tr");
      for (const [tag, text] of [["th", name], ["td", value]]) {
        row.append(Object.assign(document.createElement(tag), { textContent: text }));
      }
      return row;
    }),
  );
}

async function show(index) {
  stop.abort();
  stop = new AbortController();
  const { signal } = stop;
  current = index;
  shown = { file: null, facts: null, png: null };
  regionStop.abort();
  clearTimeout(settling);
  at("facts").firstElementChild.replaceChildren();
  for (const id of ["image", "region", "original"]) setImage(id, null);
  at("compare").hidden = true;
  at("save").disabled = true;
  at("turn").hidden = files.length < 2;
  at("place").textContent = `${index + 1} of ${files.length}`;
  at("name").textContent = files[index].name;
  document.title = `${files[index].name} – LMC viewer`;
  at("hint").hidden = true;
  const progress = at("progress");
  progress.removeAttribute("value");
  progress.hidden = false;
  say("Loading the decoder …");
  try {
    const file = await files[index].load();
    const facts = await inspect(file, { signal });
    const { width, height } = facts;
    shown = { file, facts, png: null };
    showFacts(facts);
    view.show(width, height);
    const began = performance.now();
    const isLarge = width * height > LARGE_PIXELS;
    const onPart = (share) => (progress.value = share);
    say("Decoding a preview …");
    setImage("image", await decodeToPng(file, { signal, scale: 8, onProgress: onPart }));
    const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(2)} s`;
    const times = { "Preview after": seconds(began) };
    if (isLarge) {
      say("A preview. Zoom in, and the part in view is decoded; Save as PNG decodes all of it.");
      viewChanged();
    } else {
      say("Decoding …");
      const full = performance.now();
      shown.png = await decodeToPng(file, { signal, onProgress: onPart });
      setImage("image", shown.png);
      times.Decoded = `in ${seconds(full)}`;
      say("Drop the original here to compare. Shift and drag to decode a region alone.");
    }
    showFacts(facts, times);
    at("save").disabled = false;
  } catch (error) {
    if (signal.aborted) return;
    if (at("image").hidden) paper.hidden = true;
    say(`${files[index].name}: ${error.message}`, true);
  } finally {
    if (!signal.aborted) progress.hidden = true;
  }
}

/** Decode a part of the image, and put it over the rest. */
async function showRegion(area) {
  regionStop.abort();
  regionStop = new AbortController();
  const { signal } = regionStop;
  const { file } = shown;
  if (!file) return;
  try {
    const began = performance.now();
    const png = await decodeToPng(file, { signal, region: area });
    if (file !== shown.file) return;
    setImage("region", png);
    const { width, height } = shown.facts;
    Object.assign(at("region").style, {
      left: `${(100 * area.x) / width}%`, top: `${(100 * area.y) / height}%`,
      width: `${(100 * area.width) / width}%`, height: `${(100 * area.height) / height}%`,
    });
    say(`Region ${area.x}, ${area.y}, ${area.width} × ${area.height}: ${Math.round(performance.now() - began)} ms`);
  } catch (error) {
    if (!signal.aborted) say(error.message, true);
  }
}

function viewChanged() {
  at("zoom").textContent = `${Math.round(100 * view.zoom)}%`;
  clearTimeout(settling);
  const { facts, png } = shown;
  if (!facts || png || facts.width * facts.height <= LARGE_PIXELS || view.zoom < 0.25) return;
  settling = setTimeout(() => {
    const area = view.visible();
    if (area.width > 0 && area.height > 0) showRegion(area);
  }, SETTLED);
}

function compareWith(blob) {
  setImage("original", blob);
  at("compare").hidden = false;
  split();
}

function split() {
  at("original").style.clipPath = `inset(0 0 0 ${100 - at("split").value}%)`;
}

/** Files of ours are shown; another image is what the one that is shown is compared with. */
async function take(list) {
  const found = [...list];
  const starts = await Promise.all(found.map(async (file) => new Uint8Array(await file.slice(0, 4).arrayBuffer())));
  const isOurs = (start, name) => String(start) === "137,76,77,67" || /\.lmc$/i.test(name);
  const ours = found.filter(({ name }, i) => isOurs(starts[i], name));
  const others = found.filter((file) => !ours.includes(file));
  if (ours.length) {
    files = ours.map((file) => ({ name: file.name, load: async () => file }));
    show(0).then(() => {
      if (ours.length === 1 && others.length && shown.file) compareWith(others[0]);
    });
  } else if (others.length && shown.file) {
    compareWith(others[0]);
  } else if (others.length) {
    say(`${others[0].name}: open an .lmc file first; another image is compared with it`, true);
  }
}

async function save() {
  const { file, facts } = shown;
  const { name } = files[current];
  const progress = at("progress");
  at("save").disabled = true;
  progress.hidden = false;
  say("Writing PNG …");
  try {
    const png = await decodeToPng(file, { compress: true, onProgress: (share) => (progress.value = share) });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(png);
    link.download = name.replace(/\.lmc$/i, "") + ".png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    say(`${link.download}: ${facts.width} × ${facts.height}, ${png.size.toLocaleString("en")} bytes`);
  } catch (error) {
    say(error.message, true);
  } finally {
    progress.hidden = true;
    at("save").disabled = !shown.file;
  }
}

function turn(step) {
  if (files.length > 1) show((current + step + files.length) % files.length);
}

const KEYS = {
  "+": () => view.zoomBy(1.25), "=": () => view.zoomBy(1.25), "-": () => view.zoomBy(0.8), 0: () => view.fit(),
  ArrowLeft: () => view.moveBy(STEP, 0), ArrowRight: () => view.moveBy(-STEP, 0), ArrowUp: () => view.moveBy(0, STEP),
  ArrowDown: () => view.moveBy(0, -STEP), 1: () => view.zoomTo(1), PageUp: () => turn(-1), PageDown: () => turn(1),
};

at("open").addEventListener("change", (event) => {
  take([...event.target.files]);
  event.target.value = ""; // so that the same file can be chosen again
});
at("original").addEventListener("error", () => {
  setImage("original", null);
  at("compare").hidden = true;
  say("The original cannot be read as an image.", true);
});
at("original").addEventListener("load", () => {
  const { naturalWidth: width, naturalHeight: height } = at("original");
  const { facts } = shown;
  if (facts && (width !== facts.width || height !== facts.height)) {
    say(`The original is ${width} × ${height}, the file ${facts.width} × ${facts.height}: it is stretched.`, true);
  }
});
at("in").addEventListener("click", KEYS["+"]);
at("out").addEventListener("click", KEYS["-"]);
at("fit").addEventListener("click", KEYS[0]);
at("full").addEventListener("click", KEYS[1]);
at("previous").addEventListener("click", KEYS.PageUp);
at("next").addEventListener("click", KEYS.PageDown);
at("save").addEventListener("click", save);
at("split").addEventListener("input", split);
at("about").addEventListener("click", () => {
  at("facts").hidden = !at("facts").hidden;
  at("about").setAttribute("aria-expanded", String(!at("facts").hidden));
  view.fit();
});
addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.ctrlKey || event.metaKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  at("stage").classList.add("dropping");
});
addEventListener("dragleave", () => at("stage").classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  at("stage").classList.remove("dropping");
  take([...event.dataTransfer.files]);
});

/** Files that the page's address names, each as `file=URL`; only of the same origin. */
function named() {
  return new URLSearchParams(location.search).getAll("file").map((path) => {
    let url;
    let name = path;
    try {
      url = new URL(path, location.href);
      name = decodeURIComponent(url.pathname.split("/").pop());
    } catch {
      // What is wrong shows when it is loaded.
    }
    const isOurs = /^https?:$/.test(url?.protocol) && url.origin === location.origin;
    const load = async () => {
      if (!isOurs) throw new Error("not an address of this site");
      const response = await fetch(url, { headers: { Accept: MEDIA_TYPE } });
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      return response.blob();
    };
    return { name, load };
  });
}

if (globalThis.lmcSettings) init(globalThis.lmcSettings);
// The server that `codec view --until-closed` starts can tell by this stream whether it is still needed.
if (new URLSearchParams(location.search).has("alive")) new EventSource("alive");
files = named();
if (files.length) show(0);
