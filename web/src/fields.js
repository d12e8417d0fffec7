/** Bounded fields of a file, one after the other, and its checksum. `FORMAT.md`, section 1. */

import { CorruptError, TruncatedError } from "./errors.js";

const CRC_TABLE = new Int32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/**
 * CRC-32 as in PNG and zlib.
 *
 * @param {Uint8Array} bytes
 * @param {number} [before] checksum of what stands before them
 * @returns {number} of 32 bits, not negative
 */
export function crc32(bytes, before = 0) {
  let value = ~before;
  for (let i = 0; i < bytes.length; i++) value = CRC_TABLE[(value ^ bytes[i]) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

/** Reads fields one after the other. */
export class FieldReader {
  /**
   * @param {Uint8Array} data that they are in
   * @param {number} at where the first begins
   * @param {string} what they are part of, for errors
   */
  constructor(data, at, what) {
    this.data = data;
    this.at = at;
    this.what = what;
  }

  /**
   * The next bytes, as a view.
   *
   * @param {number} count
   * @returns {Uint8Array}
   */
  bytes(count) {
    if (this.at + count > this.data.length) {
      throw new TruncatedError(`${this.what}: ends at byte ${this.data.length}, expected ${this.at + count}`);
    }
    this.at += count;
    return this.data.subarray(this.at - count, this.at);
  }

  /** @returns {number} the next four bytes, least significant first */
  u32() {
    const [a, b, c, d] = this.bytes(4);
    return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
  }

  /**
   * The next integer in groups of seven bits.
   *
   * @param {string} name for errors
   * @param {number} most that it may be
   * @param {number} [least]
   * @returns {number}
   */
  varint(name, most, least = 0) {
    let value = 0;
    for (let group = 0; group < 5; group++) {
      const byte = this.bytes(1)[0];
      value += (byte & 0x7f) * 2 ** (7 * group);
      if (byte < 0x80) {
        if (byte === 0 && group) throw new CorruptError(`${name}: not in its shortest form`);
        if (value < least || value > most) {
          throw new CorruptError(`${name}: found ${value}, expected ${least} to ${most}`);
        }
        return value;
      }
    }
    throw new CorruptError(`${name}: longer than 5 bytes`);
  }
}
