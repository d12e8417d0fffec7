"""What is broken in a file that was read all the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Damage:
    """A part of a file that could not be read.

    Attributes:
        part: ``"chunk 3"``, ``"box EXIF"``.
        reason: why, as the error would have said.
        box: left, top, right and bottom in pixels of what the part holds; None if it holds no pixels.
    """

    part: str
    reason: str
    box: tuple[int, int, int, int] | None = None

    def __str__(self) -> str:
        if self.box is None:
            return f"{self.part} is damaged and left out ({self.reason})"
        left, top, right, bottom = self.box
        return (
            f"{self.part} is damaged, and its {right - left} x {bottom - top} pixels at {left},{top} are made up "
            f"({self.reason})"
        )
