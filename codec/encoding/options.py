"""How an image is to be coded: everything that a user chooses, checked once."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from numbers import Real

from bitstream.container import MAX_PIXELS

DEFAULT_QUALITY = 50.0
TARGETS = ("bytes", "bpp", "psnr", "ms-ssim", "ssimulacra2")
ITERATIONS = (0, 10, 20, 40, 60, 100, 150, 230, 350, 500)
"""Of refinement, at each level of effort."""
Model = str | os.PathLike[str]
"""A folder that ``codec export`` made."""


@dataclass(frozen=True)
class Target:
    """What a file is to meet.

    Attributes:
        kind: ``"bytes"`` or ``"bpp"`` (at most), ``"psnr"`` or ``"ms-ssim"`` (at least, in dB), or ``"ssimulacra2"``
            (at least, below 100; needs the extra ``[metrics]``).
        value: the target.

    Raises:
        ValueError: there is no such kind, or the value is not above zero.
    """

    kind: str
    value: float

    def __post_init__(self) -> None:
        if self.kind not in TARGETS or not 0 < self.value < math.inf:
            raise ValueError(f"target: found {self.kind} {self.value}, expected one of {', '.join(TARGETS)}, above 0")


@dataclass(frozen=True)
class Effort:
    """What the encoder does beyond one pass of the networks; decoders take no notice.

    Attributes:
        iterations: of refinement, see :mod:`codec.encoding.sga`.
        seconds: to be done by then, with fewer iterations if need be; None is no limit.
    """

    iterations: int
    seconds: float | None = None

    @classmethod
    def chosen(cls, level: int | None, budget: float | None) -> Effort:
        """The effort that a user asks for.

        Args:
            level: 0 to 9; None is 0, or 9 if there is a budget.
            budget: seconds, or None for as long as it takes.

        Raises:
            ValueError: one of them is out of range, or there is a budget for no effort.
        """
        if level is None:
            level = 0 if budget is None else len(ITERATIONS) - 1
        if not 0 <= level < len(ITERATIONS):
            raise ValueError(f"effort: found {level}, expected 0 to {len(ITERATIONS) - 1}")
        if budget is not None and not 0 < budget < math.inf:
            raise ValueError(f"budget: found {budget}, expected seconds above 0")
        if budget is not None and level == 0:
            raise ValueError("budget: effort 0 spends none; leave it out, or ask for 1 to 9")
        return cls(ITERATIONS[level], budget)


ONE_PASS = Effort(0)


@dataclass(frozen=True)
class EncodeOptions:
    """How an image is to be coded.

    Attributes:
        quality: 0 (smallest) to 100 (best), in some 400 steps. The same number looks about the same with any of the
            models that ship. None is 50, or what the target asks for.
        tune: ``"visual"`` for what people see, ``"psnr"`` for the smallest squared error of pixels. ``"ms-ssim"`` is
            an older name of ``"visual"``. None is ``"psnr"`` for a target in PSNR, else ``"visual"``.
        model: folder of an exported model to use instead of those that ship; whoever decodes the file needs it, too.
        target: a size or distortion to meet instead of a quality.
        effort: 0 (one pass of the networks) to 9 (hundreds of passes, for a smaller file); from 1 on it needs the
            extra ``[train]``. None is 0, or 9 if there is a budget.
        budget: seconds to spend on effort; what they suffice for depends on the machine, and so does the file.
        lossless: keep every pixel as it is, whatever that takes; there is no quality, target or effort then.
        graphics: code flat graphics exactly where that is better than what the networks make of them; False never does.
        strip: drop ICC profile, EXIF and XMP.
        threads: for the networks; None takes ``CODEC_THREADS`` or else all cores.
        max_pixels: larger images are refused.

    Raises:
        ValueError: quality, effort or budget is out of range, or there are both a tune and a model, both a quality
            and a target, or one of those or an effort beside ``lossless``.
        TypeError: quality is not a number, or target not a :class:`Target`.
    """

    quality: float | None = None
    tune: str | None = None
    model: Model | None = None
    target: Target | None = None
    effort: int | None = None
    budget: float | None = None
    strip: bool = False
    threads: int | None = None
    max_pixels: int = MAX_PIXELS
    lossless: bool = False
    graphics: bool = True

    def __post_init__(self) -> None:
        if self.target is not None and not isinstance(self.target, Target):
            raise TypeError(f"target: expected codec.Target(kind, value), found {self.target!r}")
        if self.quality is not None and self.target is not None:
            raise ValueError("target: stands in place of a quality; leave one of them out")
        if self.model is not None and self.tune is not None:
            raise ValueError("tune: says which of the models that ship is to be used; leave it out, or the model")
        if self.quality is not None:
            if not isinstance(self.quality, Real):
                raise TypeError(f"quality: expected a number, found {self.quality!r}")
            if not 0 <= self.quality <= 100:  # also refuses NaN
                raise ValueError(f"quality: found {self.quality}, expected 0 to 100")
        Effort.chosen(self.effort, self.budget)
        if self.lossless and (self.quality, self.target, self.effort or None, self.budget) != (None,) * 4:
            raise ValueError("lossless: has no quality, target, effort or budget; leave them out")
        if self.lossless and not self.graphics:
            raise ValueError("lossless: every pixel is exact; graphics cannot be left out")

    @property
    def refinement(self) -> Effort:
        """Effort and budget in terms of the encoder."""
        return Effort.chosen(self.effort, self.budget)

    @property
    def chosen_quality(self) -> float:
        """The quality; the default one if none is given."""
        return DEFAULT_QUALITY if self.quality is None else self.quality
