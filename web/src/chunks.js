/** The chunks of a file as they are needed: symbols, and pixels that are exact. */

import { CELL, HYPER_STRIDE } from "./container.js";
import { maxExactBytes, splitChunk } from "./exact.js";
import { decodeVp8l } from "./pictures.js";
import { decodeSymbols, maxSymbolBytes } from "./symbols.js";

/** Chunks of a file, the last few of them kept. */
export class Chunks {
  /**
   * @param {import("./container.js").Container} container
   * @param {import("./tables.js").Tables} tables of its model
   */
  constructor(container, tables) {
    this._container = container;
    this._tables = tables;
    this._parts = new Map();
    this._symbols = new Map();
    this._pictures = new Map();
  }

  /** @param {number} i */
  async _partsOf(i) {
    return kept(this._parts, i, Infinity, async () => {
      const { rows, columns } = this._container.chunk(i);
      const exactBytes = this._container.hasExactBlocks ? maxExactBytes(rows, columns) : 0;
      const payload = this._container.chunkPayload(i, maxSymbolBytes(this._tables, rows, columns) + exactBytes);
      if (!this._container.hasExactBlocks) return { symbols: payload, exact: null, picture: null };
      return splitChunk(payload, rows, columns);
    });
  }

  /**
   * Symbols of an area of cells.
   *
   * @param {{top: number, bottom: number, left: number, right: number}} area in cells
   * @param {number} keep chunks for the next call
   * @returns {Promise<import("./symbols.js").Symbols>}
   */
  async symbols({ top, bottom, left, right }, keep) {
    const [rows, columns] = [bottom - top, right - left];
    const z = new Int32Array(this._tables.hyperLatents * rows * columns);
    const y = new Int32Array(HYPER_STRIDE ** 2 * this._tables.latents * rows * columns);
    for (const i of this._within(top, bottom, left, right, 1)) {
      const chunk = this._container.chunk(i);
      const found = await kept(this._symbols, i, keep, () => this._decode(i));
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
      return { z: empty(this._tables.hyperLatents), y: empty(HYPER_STRIDE ** 2 * this._tables.latents) };
    }
    return decodeSymbols(this._tables, this._container.qualityIndex, rows, columns, symbols, exact);
  }

  /**
   * Put what is exact in place.
   *
   * @param {Uint8ClampedArray} target red, green, blue and alpha of a part of the image
   * @param {{top: number, bottom: number, left: number, right: number}} box of that part, in pixels; its upper left
   *   corner is at multiples of the scale
   * @param {number} scale pixels a side of which the mean is taken
   */
  async paste(target, box, scale) {
    if (!this._container.hasExactBlocks) return;
    const width = Math.ceil((box.right - box.left) / scale);
    for (const i of this._within(box.top, box.bottom, box.left, box.right, CELL)) {
      const { exact, picture } = await this._partsOf(i);
      if (!exact) continue;
      const chunk = this._container.chunk(i);
      const [top, left] = [CELL * chunk.top, CELL * chunk.left];
      const bottom = Math.min(top + CELL * chunk.rows, this._container.height);
      const right = Math.min(left + CELL * chunk.columns, this._container.width);
      const pixels = await kept(this._pictures, i, 4, () => this._picture(picture, right - left, bottom - top));
      const across = HYPER_STRIDE * chunk.columns;
      const isGray = this._container.components === 1;
      for (let y = Math.max(top, box.top); y < Math.min(bottom, box.bottom); y += scale) {
        for (let x = Math.max(left, box.left); x < Math.min(right, box.right); x += scale) {
          if (!exact[((y - top) >> 4) * across + ((x - left) >> 4)]) continue;
          const at = 4 * (Math.floor((y - box.top) / scale) * width + Math.floor((x - box.left) / scale));
          for (let c = 0; c < 3; c++) {
            const component = isGray ? 0 : c;
            target[at + c] = mean(pixels, right - left, bottom - top, x - left, y - top, component, scale);
          }
        }
      }
    }
  }

  /** Pixels of a chunk's picture; of 16 bits the nearest of 8. */
  async _picture(stream, width, height) {
    if (this._container.depth === 8) return decodeVp8l(stream, width, height);
    const both = await decodeVp8l(stream, width, 2 * height);
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

/** What is held under a key, or else made; of what is held the newest stay. */
async function kept(store, key, most, make) {
  let found = store.get(key);
  store.delete(key);
  found ??= await make();
  store.set(key, found);
  while (store.size > most) store.delete(store.keys().next().value);
  return found;
}
