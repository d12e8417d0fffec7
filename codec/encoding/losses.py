"""What a file that is not lossless cannot keep of an image, for people to read."""

from __future__ import annotations

from codec.images.source import Source

NARROW = 16 * 257
"""Span of values of 16 bits, below which errors of the codec, a fraction of 257 at best, are a plain part of it."""
_ROWS = 256


def narrow_range_note(source: Source) -> str | None:
    """A note on an image of 16 bits that uses little of their range, as those of telescopes and scanners do."""
    if source.form.depth != 16:
        return None
    low, high = 65_535, 0
    for top in range(0, source.height, _ROWS):
        part = source.crop(top, min(top + _ROWS, source.height), 0, source.width)
        low, high = min(low, int(part.min())), max(high, int(part.max()))
        if high - low >= NARROW:
            return None
    if low == high:
        return None
    return (
        f"values of 16 bits from {low} to {high} use little of their range, and lose detail in what the codec takes "
        "for nothing; lossless keeps them"
    )
