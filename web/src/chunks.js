/** The chunks of a file as they are needed: symbols, and pixels that are exact. */

import { CELL, HYPER_STRIDE } from "./container.js";
import { maxExactBytes, splitChunk } from "./exact.js";
import { turnBack, turnedSize } from "./lines.js";
import { decodeVp8l } from "./pictures.js";
import { decodeSymbols, maxSymbolBytes } from "./symbols.js";

/** Most bytes of symbols, and of exact pixels, that are kept. */
const KEPT_BYTES = 2 ** 26;
/** Most bytes of symbols for each cell of a chunk that is read for its exact blocks alone. */
const MAX_SYMBOL_BYTES = 2 ** 16;

/** Chunks of a file; what was decoded last is kept. */
export class Chunks {
  /** @param {import("./container.js").Container} container */
  constructor(container) {
    this._container = container;
    /** Of the file's model, once symbols are wanted. @type {import("./tables.js").Tables | null} */
    this.tables = null;
    this._parts = new Map();
    this._symbols = new Store(KEPT_BYTES);
    this._pictures = new Store(KEPT_BYTES);
  }

  /** @param {number} i */
  async _partsOf(i) {
    if (!this._parts.has(i)) this._parts.set(i, await this._split(i));
    return this._parts.get(i);
  }

  async _split(i) {
    const { rows, columns } = this._container.chunk(i);
    const symbols = this.tables ? maxSymbolBytes(this.tables, rows, columns) : MAX_SYMBOL_BYTES * rows * columns;
    const exact = this._container.hasExactBlocks ? maxExactBytes(rows, columns) : 0;
    const payload = this._container.chunkPayload(i, symbols + exact);
    if (!this._container.hasExactBlocks) return { symbols: payload, exact: null, picture: null };
    const { height, width } = this._box(i);
    return splitChunk(payload, height, width, this._container.depth);
  }

  /**
   * Symbols of an area of cells.
   *
   * @param {{top: number, bottom: number, left: number, right: number}} area in cells
   * @returns {Promise<import("./symbols.js").Symbols>}
   */
  async symbols({ top, bottom, left, right }) {
    const [rows, columns] = [bottom - top, right - left];
    const z = new Int32Array(this.tables.hyperLatents * rows * columns);
    const y = new Int32Array(HYPER_STRIDE ** 2 * this.tables.latents * rows * columns);
    for (const i of this._within(top, bottom, left, right, 1)) {
      const chunk = this._container.chunk(i);
      const found = await this._symbols.get(i, () => this._decode(i));
      const from = [Math.max(top, chunk.top), Math.max(left, chunk.left)];
      const to = [Math.min(bottom, chunk.top + chunk.rows), Math.min(right, chunk.left + chunk.columns)];
      for (const [whole, part, unit] of [[z, found.z, 1], [y, found.y, HYPER_STRIDE]]) {
        const wide = unit * (to[1] - from[1]);
        const channels = whole.length / (unit ** 2 * rows * columns);
        for (let c = 0; c < channels; c++) {
          for (let row = unit * from[0]; row < unit * to[0]; row++) {
            const source = (c * unit * chunk.rows + row - unit * chunk.top) * unit * chunk.columns;
            const begin = source + unit * (from[1] - chunk.left);
            const target = (c * unit * rows + row - unit * top) * unit * columns + unit * (from[1] - left);
            whole.set(part.subarray(begin, begin + wide), target);
          }
        }
      }
    }
    return { z, y };
  }

  async _decode(i) {
    const { rows, columns } = this._container.chunk(i);
    const { symbols, exact, picture } = await this._partsOf(i);
    if (picture && !exact.includes(0)) {
      const empty = (count) => new Int32Array(count * rows * columns);
      return { z: empty(this.tables.hyperLatents), y: empty(HYPER_STRIDE ** 2 * this.tables.latents) };
    }
    const { z, y } = decodeSymbols(this.tables, this._container.qualityIndex, rows, columns, symbols, exact);
    return { z: narrowed(z), y: narrowed(y) };
  }

  /**
   * Put what is exact in place.
   *
   * @param {Uint8ClampedArray} target red, green, blue and alpha of a part of the image
   * @param {{top: number, bottom: number, left: number, right: number}} box of that part, in pixels; its upper left
   *   corner is at multiples of the scale
   * @param {number} scale pixels a side of which the mean is taken
   * @param {() => Promise<void>} [pause] called before each chunk; throws to stop
   */
  async paste(target, box, scale, pause) {
    if (!this._container.hasExactBlocks) return;
    const width = Math.ceil((box.right - box.left) / scale);
    for (const i of this._within(box.top, box.bottom, box.left, box.right, CELL)) {
      const { exact, picture } = await this._partsOf(i);
      if (!exact) continue;
      await pause?.();
      const { top, left, height, width: wide } = this._box(i);
      const [bottom, right] = [top + height, left + wide];
      const pixels = await this._pictures.get(i, () => this._picture(picture, wide, height));
      const across = HYPER_STRIDE * this._container.chunk(i).columns;
      const isGray = this._container.components === 1;
      for (let y = Math.max(top, box.top); y < Math.min(bottom, box.bottom); y += scale) {
        for (let x = Math.max(left, box.left); x < Math.min(right, box.right); x += scale) {
          if (!exact[((y - top) >> 4) * across + ((x - left) >> 4)]) continue;
          const at = 4 * (Math.floor((y - box.top) / scale) * width + Math.floor((x - box.left) / scale));
          for (let c = 0; c < 3; c++) {
            const component = isGray ? 0 : c;
            target[at + c] = mean(pixels, wide, height, x - left, y - top, component, scale);
          }
        }
      }
    }
  }

  /** Where a chunk stands in the image, in pixels. */
  _box(i) {
    const chunk = this._container.chunk(i);
    const [top, left] = [CELL * chunk.top, CELL * chunk.left];
    const height = Math.min(CELL * chunk.rows, this._container.height - top);
    return { top, left, height, width: Math.min(CELL * chunk.columns, this._container.width - left) };
  }

  /** Pixels of a chunk's picture; of 16 bits the nearest of 8. */
  async _picture({ rest, lines, turned }, width, height) {
    const both = await decodeVp8l(rest, width, (height * this._container.depth) / 8);
    if (lines.length) {
      const size = turnedSize(lines);
      turnBack(await decodeVp8l(turned, size.width, size.height), lines, both, width);
    }
    if (this._container.depth === 8) return both;
    const pixels = both.slice(0, both.length / 2);
    for (let at = 0; at < pixels.length; at++) {
      const upper = both[at];
      pixels[at] = Math.round((256 * upper + ((both[pixels.length + at] + upper) & 255)) / 257);
    }
    return pixels;
  }

  /**
   * Whether no network has to run for a part of the image.
   *
   * @param {{top: number, bottom: number, left: number, right: number}} box in pixels
   */
  async isExact(box) {
    if (!this._container.hasExactBlocks) return false;
    for (const i of this._within(box.top, box.bottom, box.left, box.right, CELL)) {
      const { exact } = await this._partsOf(i);
      if (!exact) return false;
      const { top, left, rows, columns } = this._container.chunk(i);
      const clip = (pixel, first, count) => Math.min(Math.max(pixel / 16 - 4 * first, 0), 4 * count);
      const [r0, c0] = [Math.floor(clip(box.top, top, rows)), Math.floor(clip(box.left, left, columns))];
      const [r1, c1] = [Math.ceil(clip(box.bottom, top, rows)), Math.ceil(clip(box.right, left, columns))];
      for (let r = r0; r < r1; r++) for (let c = c0; c < c1; c++) if (!exact[r * 4 * columns + c]) return false;
    }
    return true;
  }

  /** Chunks that reach into a part, in units of so many to a cell. */
  _within(top, bottom, left, right, unit) {
    const side = unit * 2 ** this._container.chunkLog2;
    const found = [];
    for (let row = Math.floor(top / side); row < Math.ceil(bottom / side); row++) {
      for (let column = Math.floor(left / side); column < Math.ceil(right / side); column++) {
        found.push(row * this._container.chunksAcross + column);
      }
    }
    return found;
  }
}

/** Mean of a square of pixels; beyond the edges the last row and column are repeated. */
function mean(pixels, width, height, x, y, component, scale) {
  if (scale === 1) return pixels[4 * (y * width + x) + component];
  let sum = 0;
  for (let v = 0; v < scale; v++) {
    const row = Math.min(y + v, height - 1) * width;
    for (let h = 0; h < scale; h++) sum += pixels[4 * (row + Math.min(x + h, width - 1)) + component];
  }
  return sum / scale ** 2;
}

/** Whole numbers in as few bytes each as hold them. */
function narrowed(values) {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
  return most < 2 ** 7 ? new Int8Array(values) : most < 2 ** 15 ? new Int16Array(values) : values;
}

/** What was made last, up to so many bytes; the newest is kept in any case. */
class Store {
  constructor(most) {
    this._most = most;
    this._held = new Map();
    this._bytes = 0;
  }

  /** What is held under a key, or else made. */
  async get(key, make) {
    let found = this._held.get(key);
    if (found) {
      this._held.delete(key); // and put behind all others below
    } else {
      found = await make();
      this._bytes += sizeOf(found);
    }
    this._held.set(key, found);
    for (const [oldest, value] of this._held) {
      if (this._bytes <= this._most || oldest === key) break;
      this._held.delete(oldest);
      this._bytes -= sizeOf(value);
    }
    return found;
  }
}

function sizeOf(value) {
  return ArrayBuffer.isView(value) ? value.byteLength : value.z.byteLength + value.y.byteLength;
}
