/** A model ready to run: its tables, and its networks in ONNX Runtime. */

import { ModelError } from "./errors.js";
import { Tables } from "./tables.js";
import { unzip } from "./zip.js";


/**
 * How far networks reach, in positions of y, and the pixels a side behind one pixel of the preview.
 *
 * @typedef {{halos: {context: number, synthesis: number, preview: number}, previewFactor: number}} Geometry
 */

/** A model ready to run. */
export class Model {
  /**
   * Read a model from its archive.
   *
   * @param {Uint8Array} archive as `codec export --web` wrote it
   * @param {string} modelId that it must have
   * @param {any} ort ONNX Runtime
   * @param {string[]} providers of ONNX Runtime, the first that works is taken
   * @returns {Promise<Model>}
   */
  static async read(archive, modelId, ort, providers) {
    const files = await unzip(archive, `model ${modelId}`);
    const missing = ["manifest.json", "tables.npz"].filter((name) => !files.has(name));
    if (missing.length) throw new ModelError(`model ${modelId}: has no ${missing.join(", ")}`);
    const manifest = JSON.parse(new TextDecoder().decode(files.get("manifest.json")));
    if (manifest.model_id !== modelId) {
      throw new ModelError(`model ${modelId}: the archive holds the model ${manifest.model_id}`);
    }
    const tables = await Tables.read(files.get("tables.npz"));
    return new Model(manifest, tables, files, ort, providers);
  }

  constructor({ model_id: id, geometry, weights }, tables, files, ort, providers) {
    this.id = id;
    this.tables = tables;
    /** @type {Geometry} */
    this.geometry = { halos: geometry.halos, previewFactor: geometry.preview_factor };
    this._files = files;
    this._weights = [{ path: weights, data: files.get(weights) }];
    this._ort = ort;
    this._providers = providers;
    this._sessions = new Map();
    this._level = -1;
    this._gains = null;
    this._turn = Promise.resolve();
  }

  /** The graph, ready to run; built when it is first needed. */
  _session(name) {
    if (!this._sessions.has(name)) {
      const graph = this._files.get(`${name}.onnx`);
      if (!graph) throw new ModelError(`model ${this.id}: has no ${name}.onnx`);
      const session = this._ort.InferenceSession.create(graph, {
        executionProviders: this._providers,
        externalData: this._weights,
        graphOptimizationLevel: "all",
        logSeverityLevel: 3,
      });
      session.catch(() => this._sessions.delete(name)); // the next image may be luckier
      this._sessions.set(name, session);
    }
    return this._sessions.get(name);
  }

  async _run(name, feeds) {
    // One at a time: a session on WebGPU does not take a second run before the first is done.
    const before = this._turn;
    let done;
    this._turn = new Promise((resolve) => (done = resolve));
    try {
      await before;
      const session = await this._session(name);
      const used = Object.fromEntries(session.inputNames.map((input) => [input, feeds[input]]));
      const outputs = await session.run(used);
      const output = outputs[session.outputNames[0]];
      const data = await output.getData();
      const dims = output.dims;
      output.dispose();
      return { data, dims };
    } catch (error) {
      if (error instanceof ModelError) throw error;
      throw new ModelError(`model ${this.id}: ${name} cannot be run: ${error.message}`);
    } finally {
      done();
    }
  }

  _tensor(data, dims) {
    return new this._ort.Tensor("float32", data instanceof Float32Array ? data : new Float32Array(data), dims);
  }

  _gainsOf(qualityIndex) {
    if (this._level !== qualityIndex) {
      this._level = qualityIndex;
      this._gains = this.tables.gains(qualityIndex);
    }
    return this._tensor(this._gains, [1, this._gains.length]);
  }

  /**
   * The latent of symbols.
   *
   * @param {Int32Array} z (channels of z, rows, columns)
   * @param {Int32Array} y (channels of y, 4 rows, 4 columns)
   * @param {number} rows
   * @param {number} columns
   * @param {number} qualityIndex
   * @returns {Promise<{data: Float32Array, dims: number[]}>} (1, channels of y, 4 rows, 4 columns)
   */
  reconstruct(z, y, rows, columns, qualityIndex) {
    return this._run("reconstruction", {
      z_hat: this._tensor(z, [1, this.tables.hyperLatents, rows, columns]),
      symbols: this._tensor(y, [1, this.tables.latents, 4 * rows, 4 * columns]),
      gains: this._gainsOf(qualityIndex),
    });
  }

  /**
   * The pixels of a latent.
   *
   * @param {Float32Array} latent (channels of y, rows, columns)
   * @param {number} rows
   * @param {number} columns
   * @param {number} qualityIndex
   * @returns {Promise<{data: Float32Array, dims: number[]}>} (1, 3, 16 rows, 16 columns), about in [0, 1]
   */
  synthesise(latent, rows, columns, qualityIndex) {
    const y_hat = this._tensor(latent, [1, this.tables.latents, rows, columns]);
    return this._run("synthesis", { y_hat, gains: this._gainsOf(qualityIndex) });
  }

  /**
   * The pixels of a latent at an eighth of the size.
   *
   * @param {Float32Array} latent (channels of y, rows, columns)
   * @param {number} rows
   * @param {number} columns
   * @param {number} qualityIndex
   * @returns {Promise<{data: Float32Array, dims: number[]}>} (1, 3, 2 rows, 2 columns)
   */
  preview(latent, rows, columns, qualityIndex) {
    const y_hat = this._tensor(latent, [1, this.tables.latents, rows, columns]);
    return this._run("preview", { y_hat, gains: this._gainsOf(qualityIndex) });
  }
}
