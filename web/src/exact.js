/** Blocks whose pixels a chunk holds exactly. `FORMAT.md`, section 9. */

import { CELL, HYPER_STRIDE } from "./container.js";
import { CorruptError } from "./errors.js";
import { FieldReader } from "./fields.js";
import { maxLines, unpackLines } from "./lines.js";
import { inflate } from "./zip.js";

const NONE = 0;
const SOME = 1;
const ALL = 2;
/** Beside the coverage: lines of text stand apart. */
const LINES = 4;
const MAX_MASK = 2 ** 12;
const MAX_LINES_BYTES = 2 ** 16;
const MAX_PART = 2 ** 31;

/**
 * The exact pixels of a chunk: the VP8L bitstream of their picture without its lines of text, those lines, and the VP8L
 * bitstream of their own picture, empty if there are none.
 *
 * @typedef {{rest: Uint8Array, lines: import("./lines.js").Line[], turned: Uint8Array}} ExactPicture
 */

/**
 * What the payload of a chunk holds: its symbols; 1 for each exact block, (4 rows, 4 columns), or null if there are
 * none; and their picture, or null.
 *
 * @typedef {{symbols: Uint8Array, exact: Uint8Array | null, picture: ExactPicture | null}} ChunkParts
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
 * @param {number} height of the chunk in pixels, within the image
 * @param {number} width likewise
 * @param {number} depth bits of a component
 * @returns {Promise<ChunkParts>}
 */
export async function splitChunk(payload, height, width, depth) {
  const reader = new FieldReader(payload, 0, "exact blocks");
  const [flags] = reader.bytes(1);
  const coverage = flags & ~LINES;
  if (flags === NONE) return { symbols: payload.subarray(1), exact: null, picture: null };
  if (coverage !== SOME && coverage !== ALL) throw new CorruptError(`exact blocks: coverage ${flags}`);
  const count = HYPER_STRIDE ** 2 * Math.ceil(height / CELL) * Math.ceil(width / CELL);
  const exact =
    coverage === ALL ? new Uint8Array(count).fill(1) : await bits(reader.bytes(reader.varint("mask", MAX_MASK)), count);
  if (coverage === SOME && !(exact.includes(0) && exact.includes(1))) {
    throw new CorruptError("exact blocks: none or all, though some were said to be");
  }
  const part = (name, most) => reader.bytes(reader.varint(name, most));
  /** @type {import("./lines.js").Line[]} */
  let lines = [];
  /** @type {Uint8Array} */
  let turned = new Uint8Array(0);
  if (flags & LINES) {
    const rows = (height * depth) / 8;
    const count = reader.varint("lines", maxLines(rows, width), 1);
    lines = await unpackLines(part("rectangles", MAX_LINES_BYTES), count, rows, width);
    turned = part("turned lines", MAX_PART);
  }
  const picture = { rest: part("picture", MAX_PART), lines, turned };
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
