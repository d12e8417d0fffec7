/** Lines of text in the picture of a chunk, which stand in a picture of their own, on their side. `FORMAT.md`, section 9. */

import { CorruptError } from "./errors.js";
import { FieldReader } from "./fields.js";
import { inflate } from "./zip.js";

const BLOCK = 16;
const MAX_SIDE = 2 ** 14 - 1;
const FIELDS = 4;
/** Most bytes of a number. */
const MAX_FIELD = 2;

/**
 * A rectangle of a picture.
 *
 * @typedef {{top: number, left: number, height: number, width: number}} Line
 */

/**
 * Most lines of a picture: one for each block of 16 x 16 pixels, and 4,096.
 *
 * @param {number} height of the picture
 * @param {number} width of the picture
 */
export function maxLines(height, width) {
  return Math.min(Math.ceil(height / BLOCK) * Math.ceil(width / BLOCK), 2 ** 12);
}

/**
 * The lines of a picture.
 *
 * @param {Uint8Array} stream
 * @param {number} count from 1 to what maxLines gives
 * @param {number} height of the picture
 * @param {number} width of the picture
 * @returns {Promise<Line[]>}
 */
export async function unpackLines(stream, count, height, width) {
  let bytes;
  try {
    bytes = await inflate(stream, "deflate", FIELDS * MAX_FIELD * count);
  } catch (error) {
    throw new CorruptError(`lines: cannot be expanded (${error.message})`);
  }
  const reader = new FieldReader(bytes, 0, "lines");
  const numbers = () => Array.from({ length: count }, () => reader.varint("number", 2 ** (7 * MAX_FIELD) - 1));
  const [tops, lefts] = [summed(numbers()), summed(numbers())];
  const [heights, widths] = [numbers(), numbers()];
  if (reader.at !== bytes.length) throw new CorruptError(`lines: ${bytes.length - reader.at} bytes too many`);
  const lines = tops.map((top, i) => ({ top, left: lefts[i], height: heights[i], width: widths[i] }));
  for (const line of lines) {
    const isInside = line.top >= 0 && line.top + line.height <= height && line.left >= 0 && line.left + line.width <= width;
    if (!isInside || line.height < 1 || line.width < 1) {
      throw new CorruptError(`lines: some leave the picture of ${width} x ${height} pixels, or are empty`);
    }
  }
  const { highest, columns } = extent(lines);
  if (highest * columns > height * width) {
    throw new CorruptError(`lines: together they have more pixels than the picture of ${width} x ${height}`);
  }
  return lines;
}

/**
 * Size of the picture of turned lines.
 *
 * @param {Line[]} lines at least one
 */
export function turnedSize(lines) {
  const { highest, columns } = extent(lines);
  const inRow = Math.ceil(columns / MAX_SIDE);
  return { height: Math.ceil(columns / inRow), width: inRow * highest };
}

/**
 * Put turned lines in place.
 *
 * @param {Uint8ClampedArray} turned red, green, blue and alpha of their picture
 * @param {Line[]} lines
 * @param {Uint8ClampedArray} picture likewise, in which they stand
 * @param {number} width of that picture
 */
export function turnBack(turned, lines, picture, width) {
  const { highest } = extent(lines);
  let column = 0;
  for (const line of lines) {
    for (let x = 0; x < line.width; x++, column++) {
      for (let y = 0; y < line.height; y++) {
        const from = 4 * (column * highest + y);
        const to = 4 * ((line.top + y) * width + line.left + x);
        for (let c = 0; c < 3; c++) picture[to + c] = turned[from + c];
      }
    }
  }
}

/** @param {Line[]} lines */
function extent(lines) {
  let [highest, columns] = [0, 0];
  for (const line of lines) {
    highest = Math.max(highest, line.height);
    columns += line.width;
  }
  return { highest, columns };
}

/** Running sums of differences of either sign, which stand as numbers from 0 on. */
function summed(numbers) {
  let sum = 0;
  return numbers.map((number) => (sum += number % 2 ? -(number + 1) / 2 : number / 2));
}
