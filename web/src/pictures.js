/** The still pictures inside a file, which the browser decodes: VP8L of exact blocks, PNG of transparency. */

import { CorruptError } from "./errors.js";

const VP8L_SIGNATURE = 0x2f;

/**
 * Pixels of a VP8L bitstream.
 *
 * @param {Uint8Array} stream
 * @param {number} width that it must have
 * @param {number} height that it must have
 * @returns {Promise<Uint8ClampedArray>} red, green, blue and 255 of each pixel
 */
export async function decodeVp8l(stream, width, height) {
  const fields = stream.length < 5 ? -1 : new DataView(stream.buffer, stream.byteOffset).getUint32(1, true);
  const found = [(fields & 0x3fff) + 1, ((fields >>> 14) & 0x3fff) + 1, fields >>> 28];
  if (stream[0] !== VP8L_SIGNATURE || found[0] !== width || found[1] !== height || found[2] !== 0) {
    throw new CorruptError(`picture: not a VP8L bitstream of ${width} x ${height} opaque pixels`);
  }
  const padded = stream.length + (stream.length % 2);
  const file = new Uint8Array(20 + padded);
  const view = new DataView(file.buffer);
  file.set(new TextEncoder().encode("RIFF____WEBPVP8L"));
  view.setUint32(4, 12 + padded, true);
  view.setUint32(16, stream.length, true);
  file.set(stream, 20);
  return pixelsOf(file, "image/webp", width, height, "picture");
}

/**
 * Transparency from a PNG image of one gray component.
 *
 * @param {Uint8Array} png
 * @param {number} width that it must have
 * @param {number} height that it must have
 * @param {number} depth bits that it must have
 * @returns {Promise<Uint8ClampedArray>} of each pixel
 */
export async function decodeAlpha(png, width, height, depth) {
  checkPng(png, width, height, depth);
  const pixels = await pixelsOf(png, "image/png", width, height, "alpha");
  return Uint8ClampedArray.from({ length: width * height }, (_, i) => pixels[4 * i]);
}

/** Refuse a PNG image of another form, or with anything after it or in it that changes what is seen. */
function checkPng(png, width, height, depth) {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const form = png.length < 33 ? [] : [view.getUint32(16), view.getUint32(20), png[24], png[25], png[28]];
  if ([width, height, depth, 0, 0].some((value, i) => form[i] !== value)) {
    throw new CorruptError(`alpha: not a PNG image of ${width} x ${height} pixels, gray, ${depth} bits, not interlaced`);
  }
  let at = 8;
  for (;;) {
    if (at + 12 > png.length) throw new CorruptError("alpha: the PNG image has no end");
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (type === "tRNS" || type === "acTL") throw new CorruptError(`alpha: the PNG image has a chunk ${type}`);
    at += 12 + view.getUint32(at);
    if (type === "IEND") break;
  }
  if (at !== png.length) throw new CorruptError("alpha: bytes after the PNG image");
}

let isTrusted = false;

/** Say once if this browser changes pixels that are read back, which some do so that people cannot be told apart. */
function tryReadback() {
  if (isTrusted) return;
  isTrusted = true;
  const context = new OffscreenCanvas(16, 16).getContext("2d", { willReadFrequently: true });
  const pattern = new ImageData(Uint8ClampedArray.from({ length: 1024 }, (_, i) => (i % 4 === 3 ? 255 : i)), 16, 16);
  context.putImageData(pattern, 0, 0);
  if (context.getImageData(0, 0, 16, 16).data.some((value, i) => value !== pattern.data[i])) {
    console.warn("lmc: this browser changes pixels that are read back; exact ones will not be exact");
  }
}

async function pixelsOf(file, type, width, height, what) {
  tryReadback();
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([file], { type }), {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
  } catch (error) {
    throw new CorruptError(`${what}: cannot be read (${error.message})`);
  }
  if (bitmap.width !== width || bitmap.height !== height) {
    throw new CorruptError(`${what}: found ${bitmap.width} x ${bitmap.height}, expected ${width} x ${height}`);
  }
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height).data;
}
