/** Blocks whose pixels a chunk holds exactly. `FORMAT.md`, section 9. */

import { CELL, HYPER_STRIDE } from "./container.js";
import { CorruptError } from "./errors.js";
import { FieldReader } from "./fields.js";
import { inflate } from "./zip.js";

const NONE = 0;
const SOME = 1;
const ALL = 2;
const MAX_MASK = 2 ** 12;
const MAX_PART = 2 ** 31;

/**
 * What the payload of a chunk holds: its symbols; 1 for each exact block, (4 rows, 4 columns), or null if there are
 * none; and a VP8L bitstream, or null.
 *
 * @typedef {{symbols: Uint8Array, exact: Uint8Array | null, picture: Uint8Array | null}} ChunkParts
 */

/**
 * Upper bound on what exact blocks add to a payload.
 *
 * @param {number} rows of cells
 * @param {number} columns of cells
 */
export function maxExactBytes(rows, columns) {
  return 9 * CELL ** 2 * rows * columns + 2 ** 16;
}

/**
 * Take a payload apart.
 *
 * @param {Uint8Array} payload
 * @param {number} rows of the chunk's cells
 * @param {number} columns of the chunk's cells
 * @returns {Promise<ChunkParts>}
 */
export async function splitChunk(payload, rows, columns) {
  const reader = new FieldReader(payload, 0, "exact blocks");
  const [coverage] = reader.bytes(1);
  if (coverage === NONE) return { symbols: payload.subarray(1), exact: null, picture: null };
  if (coverage !== SOME && coverage !== ALL) throw new CorruptError(`exact blocks: coverage ${coverage}`);
  const count = HYPER_STRIDE ** 2 * rows * columns;
  const exact =
    coverage === ALL ? new Uint8Array(count).fill(1) : await bits(reader.bytes(reader.varint("mask", MAX_MASK)), count);
  if (coverage === SOME && !(exact.includes(0) && exact.includes(1))) {
    throw new CorruptError("exact blocks: none or all, though some were said to be");
  }
  const picture = reader.bytes(reader.varint("picture", MAX_PART));
  const symbols = payload.subarray(reader.at);
  if (coverage === ALL && symbols.length) {
    throw new CorruptError(`exact blocks: ${symbols.length} bytes after the picture of a chunk that has no symbols`);
  }
  return { symbols, exact, picture };
}

async function bits(stream, count) {
  let bytes;
  try {
    bytes = await inflate(stream, "deflate", count / 8);
  } catch (error) {
    throw new CorruptError(`exact blocks: the mask cannot be expanded (${error.message})`);
  }
  if (bytes.length !== count / 8) throw new CorruptError(`exact blocks: the mask has ${bytes.length} bytes`);
  return Uint8Array.from({ length: count }, (_, i) => (bytes[i >> 3] >> (7 - (i & 7))) & 1);
}
