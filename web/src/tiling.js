/** Networks over images of any size: tiles with a halo as wide as what an output depends on. */

/**
 * A tile along one axis: `[begin, end)` is kept of what `[low, high)` gives.
 *
 * @typedef {{begin: number, end: number, low: number, high: number}} Tile
 */

/**
 * Cut `[begin, end)` of an axis into tiles of about equal length.
 *
 * @param {number} begin
 * @param {number} end
 * @param {number} length of the whole axis, where halos end
 * @param {number} halo
 * @param {number} most length of a tile
 * @param {number} [unit] lengths are multiples of it, but for the last
 * @returns {Tile[]}
 */
export function tiles(begin, end, length, halo, most, unit = 1) {
  const parts = Math.ceil((end - begin) / most);
  const side = Math.ceil((end - begin) / parts / unit) * unit;
  const found = [];
  for (let at = begin; at < end; at += side) {
    const to = Math.min(at + side, end);
    found.push({ begin: at, end: to, low: Math.max(0, at - halo), high: Math.min(length, to + halo) });
  }
  return found;
}

/** A map whose rows are computed once, from top to bottom, and forgotten again from the top. */
export class RowBuffer {
  /**
   * @param {number} channels
   * @param {number} width values of a row
   * @param {number} first row it begins with
   * @param {(begin: number, end: number) => Promise<Float32Array>} compute gives rows, (channels, end - begin, width)
   */
  constructor(channels, width, first, compute) {
    this._channels = channels;
    this._width = width;
    this._compute = compute;
    /** @type {{begin: number, end: number, rows: Float32Array}[]} */
    this._parts = [];
    this._high = first;
  }

  /**
   * Rows and columns of the map.
   *
   * @param {number} low
   * @param {number} high
   * @param {number} left
   * @param {number} right
   * @returns {Promise<Float32Array>} (channels, high - low, right - left)
   */
  async get(low, high, left, right) {
    if (high > this._high) {
      this._parts.push({ begin: this._high, end: high, rows: await this._compute(this._high, high) });
      this._high = high;
    }
    const wide = right - left;
    const out = new Float32Array(this._channels * (high - low) * wide);
    for (const { begin, end, rows } of this._parts) {
      for (let row = Math.max(low, begin); row < Math.min(high, end); row++) {
        for (let c = 0; c < this._channels; c++) {
          const source = (c * (end - begin) + row - begin) * this._width + left;
          out.set(rows.subarray(source, source + wide), (c * (high - low) + row - low) * wide);
        }
      }
    }
    return out;
  }

  /**
   * Let go of parts that end above a row; what nobody asked for above it is never computed.
   *
   * @param {number} row
   */
  forget(row) {
    this._parts = this._parts.filter(({ end }) => end > row);
    this._high = Math.max(this._high, row);
  }
}
