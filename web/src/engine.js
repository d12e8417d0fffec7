/** Decoding in one thread: ONNX Runtime, the models that have been loaded, and files. */

import * as bundledOrt from "../vendor/ort.wasm.bundle.min.mjs";
import { BoxType, Container } from "./container.js";
import { decodePixels, describe } from "./decoder.js";
import { ModelError } from "./errors.js";
import { Model } from "./model.js";
import { encodePng } from "./png.js";

/**
 * Where things are, and how they run.
 *
 * @typedef {object} Settings
 * @property {string | Blob} [wasmUrl] of ONNX Runtime's WebAssembly file, or the file itself
 * @property {string | Record<string, string | Blob>} [modelUrl] of the folder with the models' archives, or of each
 *   archive by its model's id, or the archives themselves
 * @property {number} [threads] of the networks; more than 1 only where the page is isolated across origins
 * @property {number} [maxPixels] larger images are refused
 * @property {"wasm" | "webgpu"} [backend]
 * @property {string} [ortUrl] of another build of ONNX Runtime, which `webgpu` needs
 */

const WASM_MAGIC = [0x00, 0x61, 0x73, 0x6d];

/** Loads models and decodes files. */
export class Engine {
  /** @param {Settings} settings */
  constructor({ wasmUrl, modelUrl, threads, maxPixels, backend = "wasm", ortUrl } = {}) {
    this._wasmUrl = wasmUrl ?? new URL("../vendor/ort-wasm-simd-threaded.wasm", import.meta.url).href;
    this._modelUrl = modelUrl ?? new URL("../models/", import.meta.url).href;
    this._threads = threads ?? (globalThis.crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency) : 1);
    this._maxPixels = maxPixels;
    this._providers = backend === "webgpu" ? ["webgpu", "wasm"] : ["wasm"];
    this._ortUrl = ortUrl;
    /** @type {Map<string, Promise<Model>>} */
    this._models = new Map();
    this._ort = null;
  }

  /** ONNX Runtime, set up once. */
  _runtime() {
    this._ort ??= (async () => {
      // A service worker may not import while it runs, so the usual build is part of it from the start.
      const ort = this._ortUrl ? await import(this._ortUrl) : bundledOrt;
      const binary = await fetched(this._wasmUrl);
      // What is not WebAssembly would spoil ONNX Runtime for good.
      if (WASM_MAGIC.some((byte, i) => binary[i] !== byte)) {
        throw new ModelError(`${this._wasmUrl}: not a WebAssembly file`);
      }
      ort.env.wasm.wasmBinary = binary;
      ort.env.wasm.numThreads = this._threads;
      ort.env.logLevel = "error";
      return ort;
    })().catch((error) => {
      this._ort = null; // the next file may be luckier
      throw error;
    });
    return this._ort;
  }

  /**
   * A model, loaded when it is first needed.
   *
   * @param {string} id
   * @returns {Promise<Model>}
   */
  model(id) {
    if (!this._models.has(id)) {
      const loading = (async () => {
        const places = this._modelUrl;
        const url = typeof places === "string" ? new URL(`${id}.zip`, places).href : places[id];
        if (!url) throw new ModelError(`model ${id}: is not among those that are here`);
        const [archive, ort] = await Promise.all([fetched(url), this._runtime()]);
        return Model.read(archive, id, ort, this._providers);
      })();
      loading.catch(() => this._models.delete(id));
      this._models.set(id, loading);
    }
    return this._models.get(id);
  }

  /**
   * Decode a file.
   *
   * @param {Uint8Array} bytes
   * @param {import("./decoder.js").Wish} [wish]
   */
  async decode(bytes, wish) {
    const container = new Container(bytes, this._maxPixels);
    return decodePixels(container, () => this.model(container.modelId), wish);
  }

  /**
   * Decode a file to a PNG file, which keeps its colour profile.
   *
   * @param {Uint8Array} bytes
   * @param {import("./decoder.js").Wish & {compress?: boolean}} [wish]
   * @returns {Promise<Blob>}
   */
  async png(bytes, { compress, ...wish } = {}) {
    const container = new Container(bytes, this._maxPixels);
    const { data, width, height } = await decodePixels(container, () => this.model(container.modelId), wish);
    // A gray image comes as red, green and blue, which its profile does not describe.
    const icc = container.components === 3 ? container.box(BoxType.ICC) : null;
    return encodePng(data, width, height, { icc, compress });
  }

  /**
   * What a file says of its image; no network runs.
   *
   * @param {Uint8Array} bytes
   */
  inspect(bytes) {
    return describe(new Container(bytes, this._maxPixels));
  }
}

/** Bytes at a URL, or of a blob. */
async function fetched(url) {
  if (url instanceof Blob) return new Uint8Array(await url.arrayBuffer());
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new ModelError(`${url}: cannot be loaded (${error.message})`);
  }
  if (!response.ok) throw new ModelError(`${url}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
