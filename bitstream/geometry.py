"""How the maps of a model lie on an image's pixels. What the format fixes, and what each model has of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

CELL = 64
"""Pixels a side of a cell, one position of z. Fixed by the format."""
HYPER_STRIDE = 4
"""Positions of y a side of a cell. Fixed by the format."""
BLOCK = CELL // HYPER_STRIDE
"""Pixels a side of a block, one position of y."""
MAX_HALO = 64
"""Most positions that a halo may have: a model's files are untrusted, and wider tiles would take all memory."""


@dataclass(frozen=True)
class Halos:
    """Positions of y to each side of an output that each network depends on.

    Attributes:
        analysis: how far a position of y looks into the blocks of pixels around its own.
        hyper_analysis: how far a cell of z looks into y around that cell.
        context: how far a mean looks into z and y.
        synthesis: how far a block of pixels looks into y.
        preview: how far a block of the preview looks into y.
    """

    analysis: int
    hyper_analysis: int
    context: int
    synthesis: int
    preview: int = 0


@dataclass(frozen=True)
class Geometry:
    """Sizes that the tiler and the decoder need to know of a model. The defaults are those of model v1.

    Attributes:
        halos: of its networks.
        levels: of quality.
        preview_factor: pixels a side that stand behind one pixel of its preview.
        cell: pixels a side of a position of z.
        hyper_stride: positions of y a side of a cell.
    """

    halos: Halos = field(default_factory=lambda: Halos(analysis=3, hyper_analysis=5, context=3, synthesis=3))
    levels: int = 401
    preview_factor: int = 8
    cell: int = CELL
    hyper_stride: int = HYPER_STRIDE

    def __post_init__(self) -> None:
        numbers = {
            **asdict(self.halos),
            "levels": self.levels - 1,
            "preview_factor": self.preview_factor - 1,
            "cell": self.cell - 1,
            "hyper_stride": self.hyper_stride - 1,
        }
        if any(type(value) is not int for value in numbers.values()):
            raise TypeError(f"{self}: expected whole numbers")
        if (self.cell, self.hyper_stride) != (CELL, HYPER_STRIDE):
            raise ValueError(
                f"cells of {self.cell} pixels, {self.hyper_stride} positions a side: the format fixes {CELL} and "
                f"{HYPER_STRIDE}"
            )
        small = min(numbers.values()) < 0
        if small or max(asdict(self.halos).values()) > MAX_HALO or self.block % self.preview_factor:
            raise ValueError(f"{self}: expected halos of 0 to {MAX_HALO}, and a preview factor that divides {BLOCK}")

    @property
    def block(self) -> int:
        """Pixels a side of a position of y."""
        return self.cell // self.hyper_stride

    def cells(self, positions: int) -> int:
        """Cells that so many positions of y reach into."""
        return -(-positions // self.hyper_stride)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as a manifest holds them."""
        return asdict(self)

    @classmethod
    def stored(cls, values: Any, levels: int) -> Geometry:
        """Of a manifest.

        Args:
            values: as :meth:`as_dict` gave them; None in models from before 0.1.1, whose geometry is the default.
            levels: of quality, that the model's tables have.

        Raises:
            ValueError: the values are not valid, or the tables have another number of levels.
            TypeError: a value is of the wrong type.
        """
        if values is None:
            return cls(levels=levels)
        known = {entry.name for entry in fields(cls)}
        if not isinstance(values, dict) or values.keys() != known:
            raise ValueError(f"geometry: expected {', '.join(sorted(known))}")
        geometry = cls(**{**values, "halos": Halos(**values["halos"])})
        if geometry.levels != levels:
            raise ValueError(f"geometry: {geometry.levels} levels of quality, the tables have {levels}")
        return geometry
