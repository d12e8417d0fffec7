/** Header, boxes and chunk table of a file. `FORMAT.md`, sections 2, 3, 4 and 8. */

import {
  BadMagicError, ChecksumError, CorruptError, LimitError, TruncatedError, UnsupportedVersionError,
} from "./errors.js";
import { FieldReader, crc32 } from "./fields.js";

/** Pixels a side of a cell, one position of z. */
export const CELL = 64;
/** Positions of y a side of a cell. */
export const HYPER_STRIDE = 4;
/** Pixels a side of a block, one position of y. */
export const BLOCK = CELL / HYPER_STRIDE;
/** Most pixels of an image, unless the caller says otherwise. */
export const MAX_PIXELS = 2 ** 27;

const MAGIC = [0x89, 0x4c, 0x4d, 0x43, 0x0d, 0x0a, 0x1a, 0x0a];
const VERSION = 1;
const MAX_SIDE = 65_535;
const MAX_HEADER = 2 ** 24;
const MAX_PART = 2 ** 31;
const MAX_METADATA = 2 ** 26;
const SLACK = 2 ** 16;

/**
 * Types of boxes.
 *
 * @type {Readonly<Record<"ALPHA" | "FORM" | "EXACT" | "ICC" | "EXIF" | "XMP", number>>}
 */
export const BoxType = Object.freeze({ ALPHA: 1, FORM: 2, EXACT: 3, ICC: 4, EXIF: 6, XMP: 8 });
/** @type {Set<number>} */
const KNOWN = new Set(Object.values(BoxType));

/**
 * Where a payload lies in a file.
 *
 * @typedef {{at: number, length: number, checksum: number}} Part
 */

/** A file whose header and boxes have been read and checked. */
export class Container {
  /**
   * @param {Uint8Array} data all of the file
   * @param {number} [maxPixels] larger images are refused
   */
  constructor(data, maxPixels = MAX_PIXELS) {
    this.data = data;
    const end = this._checkedHeader();
    const reader = new FieldReader(data.subarray(0, end - 4), this._headerAt, "header");
    this.width = reader.varint("width", MAX_SIDE, 1);
    this.height = reader.varint("height", MAX_SIDE, 1);
    this.modelId = [...reader.bytes(4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    this.qualityIndex = reader.varint("quality_index", 65_535);
    this.chunkLog2 = reader.varint("chunk_log2", 5);
    if (this.width * this.height > maxPixels) {
      throw new LimitError(`image: ${this.width} x ${this.height} pixels, limit ${maxPixels}`);
    }
    const boxCount = reader.varint("boxes", 64);
    if (this.chunkCount * 5 > reader.data.length - reader.at) {
      throw new TruncatedError(`chunk table: ${reader.data.length - reader.at} bytes for ${this.chunkCount} chunks`);
    }
    let at = end;
    /** @returns {Part} */
    const part = (name) => {
      const found = { at, length: reader.varint(`${name} length`, MAX_PART), checksum: reader.u32() };
      at += found.length;
      return found;
    };
    /** @type {Map<number, Part>} */
    const boxes = new Map();
    for (let i = 0; i < boxCount; i++) {
      const type = reader.varint("box type", 65_535);
      if (boxes.has(type)) throw new CorruptError(`boxes: two of type ${type}`);
      if (type % 2 && !KNOWN.has(type)) {
        throw new UnsupportedVersionError(`box type: ${type} is not known and must be understood`);
      }
      boxes.set(type, part("box"));
    }
    /** @type {Part[]} */
    this.chunks = [];
    for (let i = 0; i < this.chunkCount; i++) this.chunks.push(part("chunk"));
    if (reader.at !== reader.data.length) {
      throw new CorruptError(`header: ${reader.data.length - reader.at} bytes left over`);
    }
    if (data.length < at) throw new TruncatedError(`file: ends at byte ${data.length}, expected ${at}`);
    if (data.length > at) throw new CorruptError(`file: ${data.length - at} bytes after its end`);
    this._boxes = boxes;
    for (const [type, { length }] of boxes) {
      if (KNOWN.has(type) && length > this._largestBox(type)) throw new CorruptError(`box ${type}: ${length} bytes`);
      this._payload(boxes.get(type), `box ${type}`);
    }
    this._readForm();
    this._readExact();
  }

  /** @returns {number} where the payloads begin */
  _checkedHeader() {
    const { data } = this;
    const start = data.subarray(0, MAGIC.length);
    if (!start.every((byte, i) => byte === MAGIC[i])) throw new BadMagicError("not an .lmc file");
    if (start.length < MAGIC.length) throw new TruncatedError(`magic: ends at byte ${data.length}`);
    const reader = new FieldReader(data, MAGIC.length, "header");
    const [version] = reader.bytes(1);
    if (version !== VERSION) throw new UnsupportedVersionError(`version: found ${version}, expected ${VERSION}`);
    const length = reader.varint("header length", MAX_HEADER);
    this._headerAt = reader.at;
    reader.bytes(length);
    const found = crc32(data.subarray(0, reader.at));
    if (found !== reader.u32()) throw new ChecksumError("header checksum: bytes were changed");
    return reader.at;
  }

  _readForm() {
    const form = this.box(BoxType.FORM);
    this.components = 3;
    this.depth = 8;
    if (!form) return;
    if (form.length !== 2) throw new CorruptError(`form: found ${form.length} bytes, expected 2`);
    [this.components, this.depth] = form;
    if (![1, 3].includes(this.components) || ![8, 16].includes(this.depth)) {
      throw new CorruptError(`form: ${this.components} components of ${this.depth} bits`);
    }
  }

  _readExact() {
    const exact = this.box(BoxType.EXACT);
    this.hasExactBlocks = exact !== null;
    if (!exact) return;
    if (exact.length !== 1) throw new CorruptError(`exact: found ${exact.length} bytes, expected 1`);
    if (exact[0] !== 1) throw new UnsupportedVersionError(`exact: coder ${exact[0]} is not known`);
  }

  _largestBox(type) {
    const most = { [BoxType.FORM]: 2, [BoxType.EXACT]: 1, [BoxType.ALPHA]: 4 * this.width * this.height };
    return (most[type] ?? 2 * MAX_METADATA) + SLACK;
  }

  /**
   * @param {Part} part
   * @param {string} what
   */
  _payload({ at, length, checksum }, what) {
    const bytes = this.data.subarray(at, at + length);
    if (crc32(bytes) !== checksum) throw new ChecksumError(`${what} checksum: bytes were changed`);
    return bytes;
  }

  /**
   * Payload of a box.
   *
   * @param {number} type of {@link BoxType}
   * @returns {Uint8Array | null} null if there is none
   */
  box(type) {
    const part = this._boxes.get(type);
    return part ? this.data.subarray(part.at, part.at + part.length) : null;
  }

  /** @returns {number} rows of cells */
  get rows() {
    return Math.ceil(this.height / CELL);
  }

  /** @returns {number} columns of cells */
  get columns() {
    return Math.ceil(this.width / CELL);
  }

  /** @returns {number} columns of chunks */
  get chunksAcross() {
    return Math.ceil(this.columns / 2 ** this.chunkLog2);
  }

  /** @returns {number} number of chunks */
  get chunkCount() {
    return Math.ceil(this.rows / 2 ** this.chunkLog2) * this.chunksAcross;
  }

  /**
   * Where a chunk lies in the image, in cells.
   *
   * @param {number} i its place in the file
   * @returns {{top: number, left: number, rows: number, columns: number}}
   */
  chunk(i) {
    const side = 2 ** this.chunkLog2;
    const top = side * Math.floor(i / this.chunksAcross);
    const left = side * (i % this.chunksAcross);
    return { top, left, rows: Math.min(side, this.rows - top), columns: Math.min(side, this.columns - left) };
  }

  /**
   * Payload of a chunk, checked.
   *
   * @param {number} i its place in the file
   * @param {number} most bytes that it may have
   * @returns {Uint8Array}
   */
  chunkPayload(i, most) {
    const part = this.chunks[i];
    if (part.length > most) throw new CorruptError(`chunk ${i}: found ${part.length} bytes, expected at most ${most}`);
    return this._payload(part, `chunk ${i}`);
  }
}
