/** The element `<lmc-image src alt>`: a preview first, then the image. */

import { decodeToPng, inspect } from "./index.js";
import { MEDIA_TYPE } from "./media_type.js";

/** Images of fewer pixels come so soon that a preview would only flash up. */
const PREVIEW_PIXELS = 200_000;

/**
 * An image. It is decoded once it is about to be seen, or at once with `loading="eager"`. It sends `preview`, `load` and
 * `error` events; the last has the reason as `detail`. What stands inside the element is shown until then, and where
 * there is no script.
 */
export class LmcImage extends HTMLElement {
  static observedAttributes = ["src", "alt"];

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const style = document.createElement("style");
    style.textContent = `:host { display: inline-block; overflow: hidden } img { display: block; width: 100%; height: auto }
      img:not([src]) { display: none } img[src] + slot { display: none }`;
    this._image = document.createElement("img");
    this._image.part = "image";
    root.append(style, this._image, document.createElement("slot"));
    this._stop = null;
    this._seen = null;
    this._wanted = false;
  }

  connectedCallback() {
    if (this.getAttribute("loading") === "eager") {
      this._wanted = true;
      this._load();
      return;
    }
    this._seen = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        this._seen.disconnect();
        this._seen = null;
        this._wanted = true;
        this._load();
      },
      { rootMargin: "300px" },
    );
    this._seen.observe(this);
  }

  disconnectedCallback() {
    this._seen?.disconnect();
    this._seen = null;
    this._wanted = false;
    this._stop?.abort();
    this._show(null);
  }

  attributeChangedCallback(name) {
    if (name === "alt") this._image.alt = this.getAttribute("alt") ?? "";
    else if (this._wanted) this._load();
  }

  async _load() {
    this._stop?.abort();
    const stop = new AbortController();
    this._stop = stop;
    const { signal } = stop;
    const src = this.getAttribute("src");
    if (!src) return;
    try {
      const response = await fetch(src, { signal, headers: { Accept: MEDIA_TYPE } });
      if (!response.ok) throw new Error(`${src}: ${response.status} ${response.statusText}`);
      const file = await response.blob();
      const { width, height } = await inspect(file, { signal });
      // The room that it will take, before there is anything to see.
      this._image.width = width;
      this._image.height = height;
      this.style.setProperty("aspect-ratio", `${width} / ${height}`);
      if (!this.style.width && !this.hasAttribute("width")) this.style.maxWidth = `${width}px`;
      if (width * height > PREVIEW_PIXELS) {
        this._show(await decodeToPng(file, { signal, scale: 8 }));
        this.dispatchEvent(new Event("preview"));
      }
      this._show(await decodeToPng(file, { signal }));
      this.dispatchEvent(new Event("load"));
    } catch (error) {
      if (signal.aborted) return;
      this.dispatchEvent(new CustomEvent("error", { detail: error }));
    }
  }

  /** @param {Blob | null} file */
  _show(file) {
    if (this._image.src) URL.revokeObjectURL(this._image.src);
    if (file) this._image.src = URL.createObjectURL(file);
    else this._image.removeAttribute("src");
  }
}

if (!customElements.get("lmc-image")) customElements.define("lmc-image", LmcImage);
