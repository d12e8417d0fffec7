/**
 * Decode `.lmc` images in the browser.
 *
 * The work is done by a worker, which is started with the first image.
 */

import { fromPlain } from "./errors.js";

export * from "./errors.js";

/** @typedef {import("./engine.js").Settings & {workerUrl?: string | URL, workerType?: WorkerType}} Options */

/** @type {Options} */
let settings = {};
let worker = null;
let next = 0;
const waiting = new Map();

/**
 * Say where things are, before the first image is decoded. Without, they are expected beside this module:
 * `vendor/ort-wasm-simd-threaded.wasm` and `models/ID.zip`.
 *
 * @param {Options} [options]
 */
export function init(options = {}) {
  const absolute = (url) => new URL(url, globalThis.location.href).href;
  settings = { ...options };
  const resolved = (value) => (value instanceof URL || typeof value === "string" ? absolute(value) : value);
  for (const name of ["wasmUrl", "workerUrl", "ortUrl"]) if (options[name]) settings[name] = resolved(options[name]);
  const { modelUrl } = options;
  if (modelUrl instanceof URL || typeof modelUrl === "string") {
    settings.modelUrl = absolute(String(modelUrl).replace(/\/?$/, "/")); // of a folder
  } else if (modelUrl) {
    settings.modelUrl = Object.fromEntries(Object.entries(modelUrl).map(([id, value]) => [id, resolved(value)]));
  }
  worker?.terminate();
  worker = null;
  for (const { reject } of waiting.values()) reject(new DOMException("init was called anew", "AbortError"));
  waiting.clear();
}

function started() {
  if (worker) return worker;
  const made = settings.workerUrl
    ? new Worker(settings.workerUrl, { type: settings.workerType ?? "module" })
    : new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  made.addEventListener("message", ({ data }) => {
    const request = waiting.get(data.id);
    if (!request) return;
    if ("progress" in data) {
      request.onProgress?.(data.progress);
      return;
    }
    waiting.delete(data.id);
    if (data.error) request.reject(fromPlain(data.error));
    else request.resolve(data.result);
  });
  made.addEventListener("error", (event) => {
    event.preventDefault();
    made.terminate();
    if (worker !== made) return;
    const failed = [...waiting.values()];
    waiting.clear();
    worker = null; // the next image gets another
    for (const { reject } of failed) reject(new Error(`the decoding worker failed: ${event.message ?? "not loaded"}`));
  });
  const { workerUrl, workerType, ...rest } = settings;
  made.postMessage({ kind: "init", settings: rest });
  worker = made;
  return made;
}

async function bytesOf(source) {
  // What comes from another frame is of other classes, though of the same kind.
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  if (kind === "Blob" || kind === "File") return new Uint8Array(await source.arrayBuffer());
  if (kind === "ArrayBuffer") return new Uint8Array(source.slice(0));
  if (kind === "Uint8Array") return new Uint8Array(source);
  throw new TypeError("source: expected an ArrayBuffer, a Uint8Array or a Blob");
}

/**
 * @param {"decode" | "png" | "inspect"} kind
 * @param {ArrayBuffer | Uint8Array | Blob} source
 * @param {{signal?: AbortSignal, onProgress?: (share: number) => void, [wish: string]: any}} [options]
 * @returns {Promise<any>}
 */
async function ask(kind, source, { signal, onProgress, ...wish } = {}) {
  signal?.throwIfAborted();
  const bytes = await bytesOf(source);
  signal?.throwIfAborted();
  const id = next++;
  const thread = started();
  return new Promise((resolve, reject) => {
    const stop = () => {
      thread.postMessage({ kind: "stop", id });
      waiting.delete(id);
      reject(signal.reason);
    };
    const settle = (then) => (value) => {
      signal?.removeEventListener("abort", stop);
      then(value);
    };
    waiting.set(id, { resolve: settle(resolve), reject: settle(reject), onProgress });
    signal?.addEventListener("abort", stop, { once: true });
    try {
      thread.postMessage({ kind, id, bytes, wish }, [bytes.buffer]);
    } catch (error) {
      waiting.delete(id);
      settle(reject)(error); // a wish that cannot be sent
    }
  });
}

/**
 * Decode an image, a region of it, or a fraction of its size.
 *
 * @param {ArrayBuffer | Uint8Array | Blob} source a whole file
 * @param {object} [options]
 * @param {AbortSignal} [options.signal] to stop
 * @param {1 | 2 | 4 | 8 | 16} [options.scale] pixels a side that one pixel of the result stands for
 * @param {{x: number, y: number, width: number, height: number}} [options.region] of the image, at scale 1
 * @param {(share: number) => void} [options.onProgress] called with the share that is done
 * @returns {Promise<ImageData>} not premultiplied; 16 bits are rounded to 8, and colours are as the file's ICC profile
 *   says
 */
export async function decode(source, options) {
  const { data, width, height } = await ask("decode", source, options);
  return new ImageData(data, width, height);
}

/**
 * Decode an image at an eighth of its size, in a fraction of the time.
 *
 * @param {ArrayBuffer | Uint8Array | Blob} source a whole file
 * @param {{signal?: AbortSignal, scale?: 8 | 16}} [options]
 * @returns {Promise<ImageData>}
 */
export function preview(source, options) {
  return decode(source, { scale: 8, ...options });
}

/**
 * Decode to a PNG file, which an `<img>` shows in the colours of the file's ICC profile.
 *
 * @param {ArrayBuffer | Uint8Array | Blob} source a whole file
 * @param {Parameters<typeof decode>[1] & {compress?: boolean}} [options] as of {@link decode}, and whether the file is
 *   to be small rather than made fast
 * @returns {Promise<Blob>}
 */
export function decodeToPng(source, options) {
  return ask("png", source, options);
}

/**
 * What a file says of its image. No network runs, and no model is loaded.
 *
 * @param {ArrayBuffer | Uint8Array | Blob} source a whole file
 * @param {{signal?: AbortSignal}} [options]
 */
export function inspect(source, options) {
  return ask("inspect", source, options);
}
