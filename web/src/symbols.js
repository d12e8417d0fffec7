/** From the payload of a chunk to its symbols. `FORMAT.md`, section 6. */

import { AnsDecoder } from "./ans.js";
import { HYPER_STRIDE } from "./container.js";
import { CorruptError } from "./errors.js";

const Z_BOUND = 2 ** 20;
const Y_BOUND = 2 ** 28;
const CLASS_BITS = 5;
const HALF = 16;

/**
 * Symbols of a chunk.
 *
 * @typedef {{z: Int32Array, y: Int32Array}} Symbols (channels of z, rows, columns) and (channels of y, 4 rows, 4
 *   columns)
 */

/**
 * Upper bound on the bytes of a chunk's symbols.
 *
 * @param {import("./tables.js").Tables} tables
 * @param {number} rows of cells
 * @param {number} columns of cells
 */
export function maxSymbolBytes(tables, rows, columns) {
  return 8 * (tables.hyperLatents + HYPER_STRIDE ** 2 * tables.latents) * rows * columns + 8;
}

/**
 * Read the symbols of a chunk.
 *
 * @param {import("./tables.js").Tables} tables of the model
 * @param {number} qualityIndex
 * @param {number} rows of cells
 * @param {number} columns of cells
 * @param {Uint8Array} payload
 * @param {Uint8Array | null} exact (4 rows, 4 columns), 1 for blocks that have no symbols; null if all have
 * @returns {Symbols}
 * @throws {CorruptError} it is not a payload that an encoder makes
 */
export function decodeSymbols(tables, qualityIndex, rows, columns, payload, exact = null) {
  const decoder = new AnsDecoder(payload);
  const z = new Int32Array(tables.hyperLatents * rows * columns);
  const y = new Int32Array(HYPER_STRIDE ** 2 * tables.latents * rows * columns);
  const context = tables.zContext;
  const [earlier, later] = halves(rows, columns, exact, context !== null);

  const channels = new Uint16Array(tables.hyperLatents * earlier.length);
  for (let c = 0; c < tables.hyperLatents; c++) channels.fill(c, c * earlier.length, (c + 1) * earlier.length);
  const limits = new Int32Array(tables.hyperLatents).fill(tables.zLimit);
  const first = readStage(decoder, channels, tables.zTables(qualityIndex), limits, "z", 2 * Z_BOUND);
  place(z, first, null, earlier, rows * columns, "z", Z_BOUND);

  if (later.length) {
    const { table, mean } = context.predict(z, rows, columns, tables.bank(qualityIndex), later);
    const ends = new Int32Array(context.tables.length).fill(context.limit);
    const rest = readStage(decoder, table, context.tables, ends, "z", 2 * Z_BOUND);
    place(z, rest, mean, later, rows * columns, "z", Z_BOUND);
  }

  const scales = tables.scaleIndex(z, rows, columns, qualityIndex);
  const size = HYPER_STRIDE ** 2 * rows * columns;
  const coded = codedBlocks(exact, size);
  const index = coded.length === size ? scales : gathered(scales, coded, size);
  const values = readStage(decoder, index, tables.yTables, tables.yLimits, "y", 2 * Y_BOUND);
  place(y, values, null, coded, size, "y", Y_BOUND);

  if (!decoder.isEmpty) throw new CorruptError("chunk: bits left over after the last symbol");
  return { z, y };
}

/** Cells that are read first, and those that are read given them, as places in the chunk. */
function halves(rows, columns, exact, hasContext) {
  const earlier = [];
  const later = [];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      if (exact && isExactCell(exact, columns, i, j)) continue;
      (hasContext && (i + j) % 2 ? later : earlier).push(i * columns + j);
    }
  }
  return [Int32Array.from(earlier), Int32Array.from(later)];
}

function isExactCell(exact, columns, i, j) {
  for (let u = 0; u < HYPER_STRIDE; u++) {
    for (let v = 0; v < HYPER_STRIDE; v++) {
      if (!exact[(HYPER_STRIDE * i + u) * HYPER_STRIDE * columns + HYPER_STRIDE * j + v]) return false;
    }
  }
  return true;
}

function codedBlocks(exact, size) {
  const places = [];
  for (let at = 0; at < size; at++) if (!exact?.[at]) places.push(at);
  return Int32Array.from(places);
}

/** Of maps (channels, size), the values at some places, (channels, places). */
function gathered(maps, places, size) {
  const channels = maps.length / size;
  const out = new Uint8Array(channels * places.length);
  for (let c = 0, at = 0; c < channels; c++) for (const position of places) out[at++] = maps[c * size + position];
  return out;
}

/** Put values (channels, places), each with its offset, where they belong in maps (channels, size). */
function place(maps, values, offsets, places, size, name, bound) {
  const channels = maps.length / size;
  for (let c = 0, at = 0; c < channels; c++) {
    for (let p = 0; p < places.length; p++, at++) {
      const value = values[at] + (offsets ? offsets[at] : 0);
      if (value > bound || value < -bound) throw new CorruptError(`${name}: magnitude above ${bound}`);
      maps[c * size + places[p]] = value;
    }
  }
}

/**
 * Read values, those of one table after those of another, then what was escaped.
 *
 * @param {AnsDecoder} decoder
 * @param {Uint8Array | Uint16Array} index number of the table of each value
 * @param {import("./ans.js").CountTable[]} tables
 * @param {Int32Array} limits of the tables
 * @param {string} name for errors
 * @param {number} bound of escaped magnitudes
 * @returns {Int32Array}
 */
function readStage(decoder, index, tables, limits, name, bound) {
  const order = sortedByTable(index, tables.length);
  const values = new Int32Array(index.length);
  const escaped = [];
  for (const at of order) {
    const table = index[at];
    const slot = decoder.read(tables[table]);
    values[at] = slot - limits[table];
    if (slot > 2 * limits[table]) escaped.push(at);
  }
  if (escaped.length) {
    escaped.sort((a, b) => a - b);
    readEscapes(decoder, escaped, (at) => limits[index[at]], values, name, bound);
  }
  return values;
}

/** Places by table, those of one table in raster order. */
function sortedByTable(index, tables) {
  const next = new Uint32Array(tables + 1);
  for (let at = 0; at < index.length; at++) next[index[at] + 1]++;
  for (let table = 0; table < tables; table++) next[table + 1] += next[table];
  const order = new Uint32Array(index.length);
  for (let at = 0; at < index.length; at++) order[next[index[at]]++] = at;
  return order;
}

function readEscapes(decoder, places, limitOf, values, name, bound) {
  const classes = places.map(() => decoder.readUniform(CLASS_BITS));
  const folded = classes.map((bits) => 2 ** bits);
  for (let bits = 1; bits < 2 ** CLASS_BITS; bits++) {
    const some = classes.flatMap((found, i) => (found === bits ? [i] : []));
    for (const i of some) folded[i] += decoder.readUniform(Math.min(bits, HALF));
    if (bits > HALF) for (const i of some) folded[i] += decoder.readUniform(bits - HALF) * 2 ** HALF;
  }
  places.forEach((at, i) => {
    const magnitude = Math.floor((folded[i] + 1) / 2) + limitOf(at);
    if (magnitude > bound) throw new CorruptError(`${name}: magnitude above ${bound}`);
    values[at] = folded[i] % 2 ? magnitude : -magnitude;
  });
}
