"""VVC intra frames by vvenc, and back by FFmpeg's own decoder, through the program in imageio-ffmpeg."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from importlib.metadata import version

import numpy as np

from benchmarks.codecs.base import Codec, Pixels

TO_YUV = "scale=out_color_matrix=bt709:out_range=full:flags=accurate_rnd+full_chroma_int+bicubic"
TO_RGB = "scale=in_color_matrix=bt709:in_range=full:flags=accurate_rnd+full_chroma_int+full_chroma_inp+bicubic"


@cache
def _program() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _run(options: list[str], data: bytes) -> bytes:
    command = [_program(), "-hide_banner", "-loglevel", "error", *options]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.decode(errors="replace").strip())
    return done.stdout


class Vvc(Codec):
    """One frame of VVC, 4:2:0 with 10 bits, as vvenc has no other: quality is 63 - QP.

    A file is the raw stream after one byte that tells which sides are odd, as frames of 4:2:0 have even sides.

    Args:
        name: of these settings.
        preset: of vvenc, ``"faster"`` to ``"slower"``.
        for_looks: whether quantisation follows how visible errors are, which costs PSNR.
    """

    qualities = (16, 21, 26, 31, 36, 41, 46, 51)
    quality_range = (0, 63)

    def __init__(self, name: str, preset: str, for_looks: bool) -> None:
        self.name, self.preset, self.for_looks = name, preset, for_looks

    @property
    def settings(self) -> str:
        return f"4:2:0, 10 bits, preset {self.preset}, tuned for {'looks' if self.for_looks else 'PSNR'}"

    @property
    def version(self) -> str:
        found = re.search(r"ffmpeg version (\S+)", _run(["-loglevel", "info", "-version"], b"").decode())
        return f"vvenc and FFmpeg {found[1] if found else '?'} of imageio-ffmpeg {version('imageio-ffmpeg')}"

    def encode(self, pixels: Pixels, quality: float, threads: int) -> bytes:
        odd = [side % 2 for side in pixels.shape[:2]]
        even = np.pad(pixels, [(0, odd[0]), (0, odd[1]), (0, 0)], mode="edge")
        size = f"{even.shape[1]}x{even.shape[0]}"
        options = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-i", "-", "-frames:v", "1", "-vf", TO_YUV]
        options += ["-pix_fmt", "yuv420p10le", "-c:v", "libvvenc", "-preset", self.preset, "-threads", str(threads)]
        options += ["-qp", str(63 - round(quality)), "-qpa", str(int(self.for_looks)), "-f", "vvc", "-"]
        return bytes([2 * odd[0] + odd[1]]) + _run(options, even.tobytes())

    def decode(self, data: bytes, threads: int) -> Pixels:
        options = ["-threads", str(threads), "-f", "vvc", "-i", "-", "-vf", TO_RGB, "-pix_fmt", "rgb24"]
        image = _run([*options, "-c:v", "ppm", "-f", "image2pipe", "-"], data[1:])
        header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", image)
        if not header:
            raise OSError("FFmpeg gave no frame")
        width, height = int(header[1]), int(header[2])
        pixels = np.frombuffer(image, np.uint8, offset=header.end()).reshape(height, width, 3)
        return pixels[: height - (data[0] >> 1), : width - (data[0] & 1)]
