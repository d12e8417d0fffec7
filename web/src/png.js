/** PNG files of decoded pixels, with their colour profile: what an `<img>` takes and shows in the right colours. */

import { crc32 } from "./fields.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const RGBA = 6;
/** Most bytes of a stored block of deflate. */
const STORED_BLOCK = 65_535;
/** Sums of so many bytes stay below 2^32. */
const ADLER_RUN = 3_800;

/**
 * Write pixels as a PNG file.
 *
 * @param {Uint8ClampedArray} data red, green, blue and alpha
 * @param {number} width
 * @param {number} height
 * @param {object} [options]
 * @param {Uint8Array | null} [options.icc] an ICC profile as a zlib stream
 * @param {boolean} [options.compress] small rather than fast
 * @returns {Promise<Blob>}
 */
export async function encodePng(data, width, height, { icc = null, compress = false } = {}) {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, RGBA, 0, 0, 0], 8);
  const rows = compress ? subtracted(data, width, height) : unfiltered(data, width, height);
  const body = compress ? [await deflated(rows)] : stored(rows);
  const profile = icc ? chunk("iCCP", new TextEncoder().encode("ICC\0\0"), icc) : [];
  const parts = [Uint8Array.from(SIGNATURE), ...chunk("IHDR", header), ...profile, ...chunk("IDAT", ...body), ...chunk("IEND")];
  return new Blob(/** @type {BlobPart[]} */ (parts), { type: "image/png" });
}

/** A chunk of a PNG file, in parts: its contents are not copied. */
function chunk(type, ...contents) {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  const name = new TextEncoder().encode(type);
  const checksum = [name, ...contents].reduce((sum, part) => crc32(part, sum), 0);
  return [word(length), name, ...contents, word(checksum)];
}

/** Four bytes, most significant first. */
function word(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** Rows as they are, each behind the number of its filter. */
function unfiltered(data, width, height) {
  const wide = 4 * width;
  const rows = new Uint8Array((wide + 1) * height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * wide, (y + 1) * wide), y * (wide + 1) + 1);
  return rows;
}

/** Rows as differences from pixel to pixel. */
function subtracted(data, width, height) {
  const wide = 4 * width;
  const rows = new Uint8Array((wide + 1) * height);
  for (let y = 0, at = 0; y < height; y++) {
    rows[at++] = 1;
    for (let x = y * wide; x < (y + 1) * wide; x++) rows[at++] = data[x] - (x >= y * wide + 4 ? data[x - 4] : 0);
  }
  return rows;
}

async function deflated(bytes) {
  const stream = new Blob([/** @type {BlobPart} */ (bytes)]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A zlib stream that stores bytes as they are, in parts: as fast as reading them. */
function stored(bytes) {
  const parts = [Uint8Array.of(0x78, 0x01)];
  for (let at = 0; at < bytes.length; at += STORED_BLOCK) {
    const part = bytes.subarray(at, at + STORED_BLOCK);
    const { length } = part;
    const isLast = at + length === bytes.length ? 1 : 0;
    parts.push(Uint8Array.of(isLast, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255), part);
  }
  parts.push(word(adler32(bytes)));
  return parts;
}

function adler32(bytes) {
  let [a, b] = [1, 0];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(at + ADLER_RUN, bytes.length);
    for (; at < end; at++) {
      a += bytes[at];
      b += a;
    }
    a %= 65_521;
    b %= 65_521;
  }
  return b * 65_536 + a;
}
