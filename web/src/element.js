/** The element `<lmc-image src alt>`: a preview first, then the image. */

import { decodeToPng, inspect } from "./index.js";
import { MEDIA_TYPE } from "./media_type.js";

/** Images of fewer pixels come so soon that a preview would only flash up. */
const PREVIEW_PIXELS = 200_000;
const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { display: inline-block; overflow: hidden; max-width: 100% }
  :host([hidden]) { display: none }
  img { display: block; width: 100%; height: auto }
  img:not([src]) { display: none }
  img[src] ~ slot, img[src] ~ span, .waiting ~ span { display: none }
`);

/**
 * An image. It is decoded once it is about to be seen, or at once with `loading="eager"`. It sends `preview`, `load` and
 * `error` events; the last has the reason as `detail`. What stands inside the element is shown until then, and where
 * there is no script. If nothing stands there, the text of `alt` is shown after an error.
 */
export class LmcImage extends HTMLElement {
  static observedAttributes = ["src", "alt"];

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    this._size = new CSSStyleSheet();
    root.adoptedStyleSheets.push(this._size);
    this._image = document.createElement("img");
    this._image.part.add("image");
    this._image.className = "waiting";
    this._text = document.createElement("span");
    root.append(this._image, document.createElement("slot"), this._text);
    this._stop = null;
    this._seen = null;
    this._wanted = false;
  }

  get src() {
    return this.getAttribute("src") ?? "";
  }

  set src(value) {
    this.setAttribute("src", value);
  }

  get alt() {
    return this.getAttribute("alt") ?? "";
  }

  set alt(value) {
    this.setAttribute("alt", value);
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
    if (name === "alt") {
      this._image.alt = this.alt;
      this._text.textContent = this.alt;
    } else if (this._wanted) {
      this._load();
    }
  }

  async _load() {
    this._stop?.abort();
    const stop = new AbortController();
    this._stop = stop;
    const { signal } = stop;
    this._image.className = "waiting";
    if (!this.src) {
      this._show(null);
      return;
    }
    try {
      const response = await fetch(this.src, { signal, headers: { Accept: MEDIA_TYPE } });
      if (!response.ok) throw new Error(`${this.src}: ${response.status} ${response.statusText}`);
      const file = await response.blob();
      const { width, height } = await inspect(file, { signal });
      if (signal.aborted) return;
      this._show(null);
      // The room that it will take, before there is anything to see.
      this._size.replaceSync(`:host { width: ${width}px; aspect-ratio: ${width} / ${height} }`);
      if (width * height > PREVIEW_PIXELS) {
        this._show(await decodeToPng(file, { signal, scale: 8 }));
        this.dispatchEvent(new Event("preview"));
      }
      this._show(await decodeToPng(file, { signal }));
      this.dispatchEvent(new Event("load"));
    } catch (error) {
      if (signal.aborted) return;
      this._show(null);
      this._image.className = "";
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
