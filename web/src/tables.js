/** The integer tables of a model, and its gains. `FORMAT.md`, sections 5 and 7. */

import { CountTable } from "./ans.js";
import { HYPER_STRIDE } from "./container.js";
import { CorruptError, ModelError } from "./errors.js";
import { npy, unzip } from "./zip.js";

const POSITIONS = HYPER_STRIDE ** 2;
const PHASES = 8;

/** What {@link Tables.read} made of `tables.npz`. */
export class Tables {
  /**
   * Read the tables of a model.
   *
   * @param {Uint8Array} bytes of `tables.npz`
   * @returns {Promise<Tables>}
   * @throws {ModelError} they are damaged
   */
  static async read(bytes) {
    const arrays = {};
    for (const [name, data] of await unzip(bytes, "tables.npz")) {
      arrays[name.replace(/\.npy$/, "")] = npy(data, `tables.npz: ${name}`);
    }
    try {
      return new Tables(arrays);
    } catch (error) {
      if (error instanceof CorruptError || error instanceof TypeError) {
        throw new ModelError(`tables.npz: ${error.message}`);
      }
      throw error;
    }
  }

  /** @param {Record<string, import("./zip.js").NumpyArray>} arrays */
  constructor(arrays) {
    const { z_counts: zCounts, y_limits: yLimits, y_counts: yCounts, weight, bias, gain_knots: knots } = arrays;
    /** @type {number} channels of z */
    this.hyperLatents = zCounts.shape[1];
    /** @type {number} channels of y */
    this.latents = bias.shape[1];
    /** @type {number} levels of quality */
    this.levels = bias.shape[0];
    this._banks = zCounts.shape[0];
    this._zSize = zCounts.shape[2];
    this._zCounts = zCounts.data;
    this._bias = bias.data;
    this._positionBias = arrays.position_bias?.data ?? null;
    this._shift = Number(arrays.shift.data[0]);
    this._knots = knots;
    this._exponentials = Number(arrays.gain_exponentials.data[0]);
    /** Limits of the tables of y. @type {Int32Array} */
    this.yLimits = yLimits.data;
    this.yTables = [];
    let at = 0;
    for (const limit of this.yLimits) {
      this.yTables.push(new CountTable(yCounts.data.subarray(at, at + 2 * limit + 2)));
      at += 2 * limit + 2;
    }
    if (at !== yCounts.data.length || weight.shape[0] !== POSITIONS * this.latents) {
      throw new ModelError("tables.npz: its tables do not belong together");
    }
    // By channel of z, so that what is 0, which is most of it, is passed over.
    this._columns = transposed(weight.data, ...weight.shape);
    this.zContext = arrays.z_context_weight ? new ZContext(arrays) : null;
  }

  /** @returns {number} largest magnitude of z without escape */
  get zLimit() {
    return this._zSize / 2 - 1;
  }

  /**
   * Which bank of the tables of z a level of quality uses.
   *
   * @param {number} qualityIndex
   */
  bank(qualityIndex) {
    return Math.floor((qualityIndex * this._banks) / this.levels);
  }

  /**
   * Tables of z without context, one a channel.
   *
   * @param {number} qualityIndex
   * @returns {CountTable[]}
   */
  zTables(qualityIndex) {
    const first = this.bank(qualityIndex) * this.hyperLatents;
    return Array.from({ length: this.hyperLatents }, (_, c) => {
      const at = (first + c) * this._zSize;
      return new CountTable(this._zCounts.subarray(at, at + this._zSize));
    });
  }

  /**
   * Which table codes each symbol of y.
   *
   * @param {Int32Array} z (channels of z, rows, columns)
   * @param {number} rows of cells
   * @param {number} columns of cells
   * @param {number} qualityIndex
   * @returns {Uint8Array} (channels of y, 4 rows, 4 columns)
   */
  scaleIndex(z, rows, columns, qualityIndex) {
    const count = POSITIONS * this.latents;
    const bias = Float64Array.from(
      { length: count },
      (_, k) => this._bias[qualityIndex * this.latents + Math.floor(k / POSITIONS)] + (this._positionBias?.[k] ?? 0),
    );
    // Whole numbers below 2^53 in any case, and below 2^31 in any image that is not made up.
    let largest = 0;
    for (const value of z) largest = Math.max(largest, Math.abs(value));
    const isSmall = 128 * this.hyperLatents * largest + bias.reduce((a, b) => Math.max(a, Math.abs(b)), 0) < 2 ** 31;
    const sums = isSmall ? new Int32Array(count) : new Float64Array(count);
    const index = new Uint8Array(count * rows * columns);
    const cell = new Uint8Array(count);
    const last = this.yLimits.length - 1;
    const across = HYPER_STRIDE * columns;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        sums.set(bias);
        addProducts(sums, this._columns, z, i * columns + j, rows * columns);
        if (isSmall) clippedShift(sums, this._shift, last, cell);
        else clippedFloor(sums, 2 ** -this._shift, last, cell);
        for (let k = 0, at = HYPER_STRIDE * i * across + HYPER_STRIDE * j; k < count; at += (rows - 1) * HYPER_STRIDE * across) {
          for (let u = 0; u < HYPER_STRIDE; u++, at += across) {
            for (let v = 0; v < HYPER_STRIDE; v++, k++) index[at + v] = cell[k];
          }
        }
      }
    }
    return index;
  }

  /**
   * The gains that the networks take, of a level of quality.
   *
   * @param {number} qualityIndex
   * @returns {Float32Array}
   */
  gains(qualityIndex) {
    const [count, size] = this._knots.shape;
    const at = (qualityIndex / Math.max(1, this.levels - 1)) * (count - 1);
    const low = Math.min(Math.floor(at), count - 2);
    const [before, after] = [Math.fround(low + 1 - at), Math.fround(at - low)];
    const gains = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      const [a, b] = [this._knots.data[low * size + i], this._knots.data[(low + 1) * size + i]];
      const value = Math.fround(Math.fround(a * before) + Math.fround(b * after));
      gains[i] = i < this._exponentials ? Math.exp(value) : value;
    }
    return gains;
  }
}

/** The context of z: integers that predict half of its cells from the other half. */
class ZContext {
  constructor(arrays) {
    const { z_context_weight: weight, z_context_counts: counts, z_context_scales: scales } = arrays;
    const size = counts.shape[2];
    this._channels = weight.shape[0];
    this._weight = weight.data;
    this._shift = Number(arrays.z_context_shift.data[0]);
    this._scales = scales.data;
    this.limit = size / 2 - 1;
    this.tables = Array.from(
      { length: counts.shape[0] * PHASES }, (_, i) => new CountTable(counts.data.subarray(i * size, (i + 1) * size)),
    );
  }

  /**
   * Tables and means of z in some cells.
   *
   * @param {Int32Array} z (channels, rows, columns), of which only cells of the first half are not 0
   * @param {number} rows
   * @param {number} columns
   * @param {number} bank
   * @param {Int32Array} cells to predict, as `row * columns + column`
   * @returns {{table: Uint16Array, mean: Int32Array}} (channels, cells) each
   */
  predict(z, rows, columns, bank, cells) {
    const channels = this._channels;
    const table = new Uint16Array(channels * cells.length);
    const mean = new Int32Array(channels * cells.length);
    const sums = new Float64Array(channels);
    const unit = 2 ** -this._shift;
    cells.forEach((cell, place) => {
      sums.fill(Math.floor(2 ** this._shift / 2));
      const [i, j] = [Math.floor(cell / columns), cell % columns];
      const within = [i > 0, j > 0, j < columns - 1, i < rows - 1];
      [-columns, -1, 1, columns].forEach((step, direction) => {
        if (!within[direction]) return;
        for (let n = 0; n < channels; n++) {
          const value = z[n * rows * columns + cell + step];
          if (value === 0) continue;
          for (let c = 0; c < channels; c++) sums[c] += this._weight[(c * 4 + direction) * channels + n] * value;
        }
      });
      for (let c = 0; c < channels; c++) {
        const eighths = Math.min(Math.max(Math.floor(sums[c] * unit), -(2 ** 23)), 2 ** 23);
        mean[c * cells.length + place] = eighths >> 3;
        table[c * cells.length + place] = PHASES * this._scales[bank * channels + c] + (eighths & 7);
      }
    });
    return { table, mean };
  }
}

/** Add the products of a matrix, column after column, with those values of a vector that are not 0, four at a time. */
function addProducts(sums, matrix, vector, first, step) {
  const size = sums.length;
  const columns = [];
  const values = [];
  for (let n = 0, at = first; at < vector.length; n++, at += step) {
    if (vector[at] === 0) continue;
    columns.push(matrix.subarray(n * size, (n + 1) * size));
    values.push(vector[at]);
  }
  while (columns.length % 4) {
    columns.push(columns[0]);
    values.push(0);
  }
  for (let n = 0; n < columns.length; n += 4) {
    const [a, b, c, d] = columns.slice(n, n + 4);
    const [p, q, r, s] = values.slice(n, n + 4);
    for (let k = 0; k < size; k++) sums[k] += a[k] * p + b[k] * q + c[k] * r + d[k] * s;
  }
}

/** Sums shifted down, and clipped to tables. */
function clippedShift(sums, shift, last, out) {
  for (let k = 0; k < sums.length; k++) {
    const table = sums[k] >> shift;
    out[k] = table < 0 ? 0 : table > last ? last : table;
  }
}

/** The same of sums that may not fit into 32 bits. */
function clippedFloor(sums, unit, last, out) {
  for (let k = 0; k < sums.length; k++) out[k] = Math.max(0, Math.min(Math.floor(sums[k] * unit), last));
}

function transposed(data, rows, columns) {
  const out = new Int8Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c];
  return out;
}
