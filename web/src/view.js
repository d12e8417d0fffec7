/** A sheet that is zoomed and moved within a window, by wheel, pointers and buttons. */

const LARGEST_ZOOM = 32;
/** From this zoom on pixels are shown as squares. */
const NEAR = 3;

/** The sheet and its window. */
export class View {
  /**
   * @param {HTMLElement} stage the window
   * @param {HTMLElement} paper the sheet, within the window
   * @param {object} told
   * @param {() => void} told.onChange called when zoom or place change
   * @param {(area: {x: number, y: number, width: number, height: number}) => void} told.onMark called with a part of
   *   the sheet that was marked with Shift held
   */
  constructor(stage, paper, { onChange, onMark }) {
    this._stage = stage;
    this._paper = paper;
    this._onChange = onChange;
    this._onMark = onMark;
    this._mark = stage.querySelector("#mark");
    this._size = [1, 1];
    this._at = [0, 0];
    this._pointers = new Map();
    /** @type {number} pixels of the window to a pixel of the image */
    this.zoom = 1;
    stage.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this._down(event));
    stage.addEventListener("pointermove", (event) => this._move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => this._up(event));
    new ResizeObserver(() => this._draw()).observe(stage);
  }

  /** Show a sheet of so many pixels, all of it. */
  show(width, height) {
    this._size = [width, height];
    this._paper.hidden = false;
    Object.assign(this._paper.style, { width: `${width}px`, height: `${height}px` });
    this.fit();
  }

  /** Make all of it visible. */
  fit() {
    const [wide, high] = this._window();
    this.zoom = Math.min(1, wide / this._size[0], high / this._size[1]);
    this._at = [(wide - this.zoom * this._size[0]) / 2, (high - this.zoom * this._size[1]) / 2];
    this._draw();
  }

  /** Zoom to a given size around the middle of the window. */
  zoomTo(zoom) {
    this.zoomBy(zoom / this.zoom);
  }

  /** Zoom by a factor around a point of the window, or its middle. */
  zoomBy(factor, point = this._window().map((side) => side / 2)) {
    const before = this.zoom;
    this.zoom = Math.min(LARGEST_ZOOM, Math.max(0.01, before * factor));
    this._at = this._at.map((place, axis) => point[axis] - ((point[axis] - place) * this.zoom) / before);
    this._draw();
  }

  /** Move the sheet by so many pixels of the window. */
  moveBy(x, y) {
    this._at = [this._at[0] + x, this._at[1] + y];
    this._draw();
  }

  /** The part of the sheet that is in the window, in whole pixels. */
  visible() {
    return this._part([0, 0], this._window());
  }

  _window() {
    return [this._stage.clientWidth, this._stage.clientHeight];
  }

  /** The part of the sheet between two points of the window. */
  _part(one, other) {
    const onPaper = (point) => point.map((value, axis) => (value - this._at[axis]) / this.zoom);
    const [a, b] = [onPaper(one), onPaper(other)];
    const [x, y] = [0, 1].map((axis) => Math.max(0, Math.floor(Math.min(a[axis], b[axis]))));
    const [right, bottom] = [0, 1].map((axis) => Math.min(this._size[axis], Math.ceil(Math.max(a[axis], b[axis]))));
    return { x, y, width: right - x, height: bottom - y };
  }

  _draw() {
    const [x, y] = this._at;
    this._paper.style.transform = `translate(${x}px, ${y}px) scale(${this.zoom})`;
    this._paper.classList.toggle("near", this.zoom >= NEAR);
    this._onChange();
  }

  _point(event) {
    const { left, top } = this._stage.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  _wheel(event) {
    event.preventDefault();
    this.zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), this._point(event));
  }

  _down(event) {
    this._stage.setPointerCapture(event.pointerId);
    const point = this._point(event);
    this._pointers.set(event.pointerId, point);
    this._marking = event.shiftKey && this._pointers.size === 1 ? point : null;
  }

  _move(event) {
    const before = this._pointers.get(event.pointerId);
    if (!before) return;
    const point = this._point(event);
    this._pointers.set(event.pointerId, point);
    if (this._marking) {
      const [left, top] = [0, 1].map((axis) => Math.min(point[axis], this._marking[axis]));
      const [width, height] = [0, 1].map((axis) => Math.abs(point[axis] - this._marking[axis]));
      this._mark.hidden = false;
      Object.assign(this._mark.style, {
        left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px`,
      });
      return;
    }
    const others = [...this._pointers].filter(([id]) => id !== event.pointerId).map(([, other]) => other);
    if (others.length) {
      const distance = (from) => Math.hypot(from[0] - others[0][0], from[1] - others[0][1]) || 1;
      this.zoomBy(distance(point) / distance(before), others[0]);
    } else {
      this._at = this._at.map((place, axis) => place + point[axis] - before[axis]);
      this._draw();
    }
  }

  _up(event) {
    const marked = this._marking;
    this._pointers.delete(event.pointerId);
    this._marking = null;
    this._mark.hidden = true;
    if (!marked || event.type === "pointercancel") return;
    const area = this._part(marked, this._point(event));
    if (area.width > 0 && area.height > 0) this._onMark(area);
  }
}
