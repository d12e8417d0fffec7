/**
 * The asymmetric numeral system of `FORMAT.md`, section 6.
 *
 * Its state of 64 bits is held in two words, as numbers beyond 2^53 are not exact. Every product below is of at most 40
 * bits, so all of them are.
 */

import { CorruptError } from "./errors.js";

const PRECISION = 24;
const TOTAL = 2 ** PRECISION;
const SLOT_BITS = 8;
const WORD = 2 ** 32;

/** A table of counts, with an index by their upper bits of where to look a symbol up. */
export class CountTable {
  /** @param {Uint32Array} counts at least 1 each, with the sum 2^24 */
  constructor(counts) {
    this.counts = counts;
    this.left = new Uint32Array(counts.length + 1);
    for (let s = 0; s < counts.length; s++) this.left[s + 1] = this.left[s] + counts[s];
    if (this.left[counts.length] !== TOTAL) throw new CorruptError(`table: expected counts with the sum ${TOTAL}`);
    this.first = new Uint16Array(2 ** SLOT_BITS);
    for (let slot = 0, s = 0; slot < this.first.length; slot++) {
      while (this.left[s + 1] <= slot * 2 ** (PRECISION - SLOT_BITS)) s++;
      this.first[slot] = s;
    }
  }
}

/** A stack of symbols; the last that was put on it is read first. */
export class AnsDecoder {
  /** @param {Uint8Array} payload */
  constructor(payload) {
    if (payload.length && payload[payload.length - 1] === 0) throw new CorruptError("chunk: ends with a zero byte");
    const padded = new Uint8Array(4 * Math.ceil(payload.length / 4));
    padded.set(payload);
    const view = new DataView(padded.buffer);
    this._words = new Uint32Array(padded.length / 4).map((_, i) => view.getUint32(4 * i, true));
    this._count = this._words.length;
    this._high = 0;
    this._low = this._count ? this._words[--this._count] : 0;
    this._refill();
  }

  /** Pop a word if the state has room for it. */
  _refill() {
    if (this._high === 0 && this._count) {
      this._high = this._low;
      this._low = this._words[--this._count];
    }
  }

  /** @returns {boolean} whether nothing is left */
  get isEmpty() {
    return this._count === 0 && this._low === 0 && this._high === 0;
  }

  /** Take a symbol off, whose share of the 2^24 begins at `left` and is `count` wide. */
  _advance(at, left, count) {
    const quotientLow = ((this._high << 8) | (this._low >>> PRECISION)) >>> 0;
    const upper = (quotientLow >>> 16) * count;
    const carried = Math.floor(upper / 65536);
    const sum = (quotientLow & 0xffff) * count + (upper - carried * 65536) * 65536 + (at - left);
    this._high = (this._high >>> PRECISION) * count + carried + Math.floor(sum / WORD);
    this._low = sum >>> 0;
    this._refill();
  }

  /**
   * Read a symbol.
   *
   * @param {CountTable} table
   * @returns {number}
   */
  read(table) {
    const at = this._low & (TOTAL - 1);
    const { left, counts } = table;
    let s = table.first[at >>> (PRECISION - SLOT_BITS)];
    while (left[s + 1] <= at) s++;
    this._advance(at, left[s], counts[s]);
    return s;
  }

  /**
   * Read one of so many values that are equally likely.
   *
   * @param {number} bits of the number of values, at most 16
   * @returns {number}
   */
  readUniform(bits) {
    const at = this._low & (TOTAL - 1);
    const count = 2 ** (PRECISION - bits);
    const value = at >>> (PRECISION - bits);
    this._advance(at, value * count, count);
    return value;
  }
}
