/** Zip archives and the arrays of NumPy in them: models come as the one, their tables as the other. */

import { ModelError } from "./errors.js";
import { crc32 } from "./fields.js";

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;
/** Most bytes that a member may say it expands to. */
const MAX_MEMBER = 2 ** 28;

const TYPES = {
  "<f4": Float32Array, "<u4": Uint32Array, "<i4": Int32Array, "|i1": Int8Array, "|u1": Uint8Array, "<i8": BigInt64Array,
};

/**
 * An array as NumPy stored it.
 *
 * @typedef {{data: any, shape: number[]}} NumpyArray
 */

/**
 * Expand a stream of so many bytes.
 *
 * @param {Uint8Array} bytes
 * @param {"deflate" | "deflate-raw"} format with or without a zlib header
 * @param {number} most
 * @returns {Promise<Uint8Array>}
 * @throws {RangeError} it is longer
 * @throws {TypeError} it is damaged
 */
export async function inflate(bytes, format, most) {
  const reader = new Blob([/** @type {BlobPart} */ (bytes)]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  const parts = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > most) {
      await reader.cancel();
      throw new RangeError(`expands to more than ${most} bytes`);
    }
    parts.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Members of an archive, by name.
 *
 * @param {Uint8Array} bytes of the archive
 * @param {string} what it is, for errors
 * @returns {Promise<Map<string, Uint8Array>>}
 * @throws {ModelError} it is damaged
 */
export async function unzip(bytes, what) {
  try {
    return await members(bytes);
  } catch (error) {
    throw new ModelError(`${what}: cannot be read: ${error.message}`);
  }
}

async function members(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  if (end < 0) throw new RangeError("it is not a zip archive");
  const found = new Map();
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (view.getUint32(at, true) !== ENTRY) throw new RangeError("its directory is damaged");
    const [method, checksum] = [view.getUint16(at + 10, true), view.getUint32(at + 16, true)];
    const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
    const [nameLength, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const local = view.getUint32(at + 42, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const begin = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const data = bytes.subarray(begin, begin + packed);
    if (size > MAX_MEMBER) throw new RangeError(`${name} has ${size} bytes`);
    if (method !== STORED && method !== DEFLATED) throw new RangeError(`${name} is compressed by method ${method}`);
    const whole = method === STORED ? data : await inflate(data, "deflate-raw", size);
    if (whole.length !== size || crc32(whole) !== checksum) throw new RangeError(`${name} is damaged`);
    found.set(name, whole);
    at += 46 + nameLength + extra + comment;
  }
  return found;
}

/**
 * Read a file of type `.npy`, version 1.0.
 *
 * @param {Uint8Array} bytes
 * @param {string} name for errors
 * @returns {NumpyArray}
 * @throws {ModelError} it is damaged, or of another kind
 */
export function npy(bytes, name) {
  const length = bytes[8] | (bytes[9] << 8);
  const header = new TextDecoder("latin1").decode(bytes.subarray(10, 10 + length));
  const fields = /^\{'descr': '(.{3})', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \}\s*$/.exec(header);
  const Type = fields && TYPES[fields[1]];
  if (!Type || bytes[0] !== 0x93 || bytes[6] !== 1) throw new ModelError(`${name}: not an array that can be read`);
  const shape = fields[2].split(",").filter((part) => part.trim()).map(Number);
  const data = new Type(bytes.slice(10 + length).buffer);
  if (data.length !== shape.reduce((a, b) => a * b, 1)) throw new ModelError(`${name}: found ${data.length} numbers`);
  return { data, shape };
}
