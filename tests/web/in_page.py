"""The decoder in a page, called from here."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

DECODE = """async ([name, bytes, options]) => {
  const { signal: stopAfter, ...rest } = options;
  const controller = new AbortController();
  if (stopAfter !== undefined) setTimeout(() => controller.abort(), stopAfter);
  try {
    const source = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    const image = await lmc[name](source, { ...rest, signal: controller.signal });
    if (name === "inspect") return image;
    const { width, height, data } = image;
    let text = "";
    for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
    return { width, height, data: btoa(text) };
  } catch (error) {
    return { error: error.name, message: error.message };
  }
}"""


def call(tab: Any, name: str, source: bytes, **options: Any) -> dict[str, Any]:
    """What a function of the library gives in the page."""
    found: dict[str, Any] = tab.evaluate(DECODE, [name, base64.b64encode(source).decode(), options])
    return found


def decode(tab: Any, source: bytes, **options: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Red, green, blue and alpha, uint8 (h, w, 4)."""
    found = call(tab, "decode", source, **options)
    assert "error" not in found, found
    values = np.frombuffer(base64.b64decode(found["data"]), np.uint8)
    return values.reshape(found["height"], found["width"], 4)


def as_browsers_have_it(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Pixels of Python's decoder as red, green, blue and alpha of 8 bits."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    values = np.rint(pixels / 257 if pixels.dtype == np.uint16 else pixels).astype(np.int64)
    colours = values[:, :, :1].repeat(3, axis=2) if values.shape[2] < 3 else values[:, :, :3]
    opaque = np.full((*values.shape[:2], 1), 255)
    return np.concatenate([colours, values[:, :, 3:] if values.shape[2] == 4 else opaque], axis=2)
