/** From a file to pixels: all of them, a region, or a fraction of the size, in bounded memory. */

import { Chunks } from "./chunks.js";
import { BLOCK, BoxType, HYPER_STRIDE } from "./container.js";
import { CorruptError } from "./errors.js";
import { decodeAlpha } from "./pictures.js";
import { RowBuffer, tiles } from "./tiling.js";

/** Most cells of a side of a tile. Larger tiles would compute less twice, but need more memory. */
const TILE_CELLS = 16;
/** Most bytes of the latent of a row of tiles: wide images are cut into flatter ones. */
const ROW_BYTES = 2 ** 26;
/** Pixels a side that one pixel of the result may stand for. */
export const SCALES = Object.freeze([1, 2, 4, 8, 16]);

/**
 * A part of an image in pixels.
 *
 * @typedef {{top: number, bottom: number, left: number, right: number}} Area
 */

/**
 * What to decode.
 *
 * @typedef {object} Wish
 * @property {number} [scale] one of {@link SCALES}
 * @property {{x: number, y: number, width: number, height: number}} [region] of the whole image; only at scale 1
 * @property {(done: number) => void} [onProgress] called after each tile, with the share that is done
 * @property {() => Promise<void>} [pause] called before each tile; throws to stop
 */

/**
 * Decode an image.
 *
 * @param {import("./container.js").Container} container
 * @param {() => Promise<import("./model.js").Model>} load gives the model that it names; not called if no network runs
 * @param {Wish} [wish]
 * @returns {Promise<{data: Uint8ClampedArray, width: number, height: number}>} red, green, blue and alpha
 */
export async function decodePixels(container, load, { scale = 1, region, onProgress, pause } = {}) {
  if (!SCALES.includes(scale)) throw new RangeError(`scale: found ${scale}, expected one of ${SCALES.join(", ")}`);
  const box = areaOf(container, region, scale);
  const width = Math.ceil((box.right - box.left) / scale);
  const height = Math.ceil((box.bottom - box.top) / scale);
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  const chunks = new Chunks(container);
  if (!(await chunks.isExact(box))) {
    const model = await load();
    const { levels } = model.tables;
    if (container.qualityIndex >= levels) {
      throw new CorruptError(`quality_index: found ${container.qualityIndex}, the model has ${levels}`);
    }
    chunks.tables = model.tables;
    await synthesise(container, model, chunks, { data, width, box, scale, onProgress, pause });
  }
  await chunks.paste(data, box, scale, pause);
  await addAlpha(container, data, box, scale);
  onProgress?.(1);
  return { data, width, height };
}

/** @returns {Area} */
function areaOf({ width, height }, region, scale) {
  if (!region) return { top: 0, bottom: height, left: 0, right: width };
  const { x, y, width: wide, height: high } = region;
  if (scale !== 1) throw new RangeError(`scale: found ${scale}, expected 1 for a region`);
  const whole = [x, y, wide, high].every(Number.isInteger);
  if (!whole || x < 0 || y < 0 || wide < 1 || high < 1 || x + wide > width || y + high > height) {
    throw new RangeError(`region ${x}, ${y}, ${wide}, ${high}: not within ${width} x ${height} pixels`);
  }
  return { top: y, bottom: y + high, left: x, right: x + wide };
}

/** Run the networks, tile after tile. */
async function synthesise(container, model, chunks, { data, width, box, scale, onProgress, pause }) {
  const { halos, previewFactor } = model.geometry;
  const isPreview = scale >= previewFactor;
  const ratio = isPreview ? previewFactor : 1;
  const halo = isPreview ? halos.preview : halos.synthesis;
  const area = {
    top: Math.floor(box.top / BLOCK), bottom: Math.ceil(box.bottom / BLOCK),
    left: Math.floor(box.left / BLOCK), right: Math.ceil(box.right / BLOCK),
  };
  const latents = latentRows(container, model, chunks, area, halo, pause);
  const [rows, columns] = [HYPER_STRIDE * container.rows, HYPER_STRIDE * container.columns];
  const most = HYPER_STRIDE * TILE_CELLS;
  const tall = Math.min(most, Math.max(HYPER_STRIDE, Math.floor(ROW_BYTES / latents.rowBytes)));
  const total = (area.bottom - area.top) * (area.right - area.left);
  let done = 0;
  for (const v of tiles(area.top, area.bottom, rows, halo, tall)) {
    for (const h of tiles(area.left, area.right, columns, halo, most)) {
      await pause?.();
      const pixels = clipped(box, BLOCK * v.begin, BLOCK * v.end, BLOCK * h.begin, BLOCK * h.end);
      if (!(await chunks.isExact(pixels))) {
        const first = latents.left;
        const part = await latents.rows.get(v.low, v.high, h.low - first, h.high - first);
        const size = [v.high - v.low, h.high - h.low, container.qualityIndex];
        const found = await (isPreview ? model.preview(part, ...size) : model.synthesise(part, ...size));
        place(data, width, box, scale, ratio, pixels, found, BLOCK * v.low, BLOCK * h.low, container.components === 1);
      }
      done += (v.end - v.begin) * (h.end - h.begin);
      onProgress?.(done / total);
    }
    latents.rows.forget(v.end - halo);
  }
}

function clipped(box, top, bottom, left, right) {
  return {
    top: Math.max(box.top, top), bottom: Math.min(box.bottom, bottom),
    left: Math.max(box.left, left), right: Math.min(box.right, right),
  };
}

/** The latent of an area of positions and its halo, row after row. */
function latentRows(container, model, chunks, area, halo, pause) {
  const unit = HYPER_STRIDE;
  const reach = Math.ceil(model.geometry.halos.context / unit);
  const left = Math.floor(Math.max(0, area.left - halo) / unit);
  const right = Math.min(container.columns, Math.ceil((area.right + halo) / unit));
  const first = Math.floor(Math.max(0, area.top - halo) / unit);
  const width = unit * (right - left);
  const channels = model.tables.latents;

  const compute = async (low, high) => {
    const begin = Math.floor(low / unit);
    const end = Math.min(container.rows, Math.ceil(high / unit));
    const out = new Float32Array(channels * (high - low) * width);
    for (const v of tiles(begin, end, container.rows, reach, TILE_CELLS)) {
      for (const h of tiles(left, right, container.columns, reach, TILE_CELLS)) {
        await pause?.();
        const cells = { top: v.low, bottom: v.high, left: h.low, right: h.high };
        const { z, y } = await chunks.symbols(cells);
        const [rows, columns] = [v.high - v.low, h.high - h.low];
        const { data } = await model.reconstruct(z, y, rows, columns, container.qualityIndex);
        const wide = unit * (h.end - h.begin);
        for (let row = Math.max(low, unit * v.begin); row < Math.min(high, unit * v.end); row++) {
          for (let c = 0; c < channels; c++) {
            const source = ((c * rows * unit + row - unit * v.low) * columns + h.begin - h.low) * unit;
            out.set(data.subarray(source, source + wide), (c * (high - low) + row - low) * width + unit * (h.begin - left));
          }
        }
      }
    }
    return out;
  };
  const rows = new RowBuffer(channels, width, unit * first, compute);
  return { left: unit * left, rowBytes: 4 * channels * width, rows };
}

/** Round the pixels of a tile, and put them where they belong. */
function place(target, width, box, scale, ratio, area, { data, dims }, top, left, isGray) {
  const [, , high, wide] = dims;
  const plane = high * wide;
  const step = scale / ratio;
  for (let y = area.top; y < area.bottom; y += scale) {
    let at = 4 * (((y - box.top) / scale) * width + (area.left - box.left) / scale);
    let source = ((y - top) / ratio) * wide + (area.left - left) / ratio;
    for (let x = area.left; x < area.right; x += scale, at += 4, source += step) {
      let red = average(data, source, wide, step);
      let green = average(data, plane + source, wide, step);
      let blue = average(data, 2 * plane + source, wide, step);
      if (isGray) red = green = blue = (red + green + blue) / 3;
      // Assignment rounds to the nearest, ties to even, clips, and makes 0 of what is not a number.
      target[at] = 255 * red;
      target[at + 1] = 255 * green;
      target[at + 2] = 255 * blue;
    }
  }
}

function average(data, at, wide, step) {
  if (step === 1) return data[at];
  let sum = 0;
  for (let v = 0; v < step; v++) for (let h = 0; h < step; h++) sum += data[at + v * wide + h];
  return sum / step ** 2;
}

/** Put the image's transparency into its pixels. */
async function addAlpha(container, data, box, scale) {
  const alpha = container.box(BoxType.ALPHA);
  if (!alpha) return;
  const width = Math.ceil((box.right - box.left) / scale);
  if (alpha[0] === 0 && alpha.length === 3) {
    const value = alpha[1] | (alpha[2] << 8);
    if (value >= 2 ** container.depth) throw new CorruptError(`alpha: found ${value}, expected ${container.depth} bits`);
    const level = container.depth === 16 ? Math.round(value / 257) : value;
    for (let at = 3; at < data.length; at += 4) data[at] = level;
    return;
  }
  if (alpha[0] !== 1) throw new CorruptError("alpha: unknown kind");
  const plane = await decodeAlpha(alpha.subarray(1), container.width, container.height, container.depth);
  for (let y = box.top; y < box.bottom; y += scale) {
    for (let x = box.left; x < box.right; x += scale) {
      let sum = 0;
      for (let v = 0; v < scale; v++) {
        const row = Math.min(y + v, container.height - 1) * container.width;
        for (let h = 0; h < scale; h++) sum += plane[row + Math.min(x + h, container.width - 1)];
      }
      data[4 * (((y - box.top) / scale) * width + (x - box.left) / scale) + 3] = sum / scale ** 2;
    }
  }
}

/**
 * What a file says of its image.
 *
 * @param {import("./container.js").Container} container
 */
export function describe(container) {
  const bytes = (type) => container.box(type)?.length ?? 0;
  return {
    width: container.width,
    height: container.height,
    components: container.components,
    depth: container.depth,
    hasAlpha: container.box(BoxType.ALPHA) !== null,
    hasExactBlocks: container.hasExactBlocks,
    modelId: container.modelId,
    qualityIndex: container.qualityIndex,
    fileBytes: container.data.length,
    metadataBytes: { icc: bytes(BoxType.ICC), exif: bytes(BoxType.EXIF), xmp: bytes(BoxType.XMP) },
  };
}

