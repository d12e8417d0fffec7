"""The transparency of a file, decoded whole when it is first needed."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitstream import BoxType, CodecError, CorruptError, boxes
from bitstream.geometry import BLOCK
from codec.decoding.file_parts import FileParts
from codec.decoding.pixel_decoder import Box
from codec.images.arrays import means


class Transparency:
    """Transparency of a file's image. Threads may share it.

    Args:
        parts: of the file.
    """

    def __init__(self, parts: FileParts) -> None:
        self._parts = parts
        self._size = parts.header.width, parts.header.height
        self._plane: NDArray[Any] | int | None = None
        self._lock = threading.Lock()

    def whole(self) -> NDArray[Any] | int | None:
        """All of it, uint8 or uint16 (height, width) and read-only; one number if it is the same for all pixels; None
        if there is none.

        Raises:
            CodecError: it is damaged, and damage is not to be left out.
        """
        with self._lock:
            if self._plane is None:
                try:
                    self._plane = self._read()
                except CodecError as error:  # of the PNG image inside, too
                    self._parts.lose_box(BoxType.ALPHA, error)
            return self._plane

    def _read(self) -> NDArray[Any] | int | None:
        depth = self._parts.form.depth
        found = boxes.read_alpha(self._parts.boxes)
        if isinstance(found, int) and found >> depth:
            raise CorruptError(f"alpha: found {found}, expected {depth} bits")
        if not isinstance(found, bytes):
            return found
        from codec.images import alpha  # which takes Pillow

        plane = alpha.decode(found, *self._size, depth)
        plane.setflags(write=False)
        return plane

    def crop(self, box: Box) -> NDArray[Any] | None:
        """That of a part, uint8 or uint16 (height, width), read-only; None if there is none."""
        left, top, right, bottom = box
        plane = self.whole()
        if isinstance(plane, int):
            return np.broadcast_to(np.array(plane, f"u{self._parts.form.depth // 8}"), (bottom - top, right - left))
        return None if plane is None else plane[top:bottom, left:right]

    def scaled(self, scale: int) -> NDArray[Any] | None:
        """That of the image at a fraction of its size, each value the mean of ``scale`` x ``scale``; None if there is
        none."""
        width, height = (-(-side // scale) for side in self._size)
        plane = self.whole()
        if isinstance(plane, int):
            return self.crop((0, 0, width, height))
        if plane is None or scale == 1:
            return plane
        scaled = np.empty((height, width), plane.dtype)
        for top in range(0, height, BLOCK):  # parts, so that no whole plane of floats is held
            part = plane[scale * top : scale * (top + BLOCK)].astype(np.float32)
            scaled[top : top + BLOCK] = np.rint(means(part[None], scale)[0])
        return scaled
