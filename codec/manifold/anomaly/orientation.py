"""Which way up an image is, and whether it is a negative, from its coordinates alone.

A small convolutional network looks at the grid of coordinates, and at what lies where in the image: a sky above, light
from above, perspective. It says how likely the image is to be as it was taken, turned by one, two or three quarters,
or a negative. It is trained on photographs in all five states, see :mod:`codec.manifold.orientation_training`, and
belongs to one model of the codec.

Turning an image by a quarter is nearly a linear map of the coordinates at each position. So the network is asked four
times, each time after one more turn, and what it says of the four is averaged. No pixels are needed for that.

Reference:
    Gidaris, Singh and Komodakis, "Unsupervised Representation Learning by Predicting Image Rotations", ICLR 2018;
    Hendrycks et al., "Using Self-Supervised Learning Can Improve Model Robustness and Uncertainty", NeurIPS 2019.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import ModelError
from bitstream.geometry import BLOCK
from codec.engine.registry import TUNES, id_by_tune, tune_by_id
from codec.manifold.embedding import silu

Floats = NDArray[np.float32]
STATES = ("as taken", "turned left", "upside down", "turned right", "negative")
"""What an image may be, in the order of the network's outputs."""
TURNS = 4
"""By a quarter each."""
PARTS = 4
"""Parts along each side of an image, of which the network keeps what it sees apart."""
WEIGHTS = Path(__file__).parent.parent / "weights"
"""A network for each tune, in a file of its name."""


@dataclass(frozen=True)
class OrientationNet:
    """The network's weights, all float32.

    Attributes:
        scale: (channels of y,), what each coordinate is divided by.
        turn: (channels of y, channels of y), from coordinates of a position, so divided, to those after a quarter turn
            to the left.
        entry, entry_bias: (channels of y, W) and (W,), what is seen at a position.
        around0, around0_bias: (3, 3, W) and (W,), a filter of each feature over its neighbours; likewise around1 and
            around2, of 2 W features.
        mix0, mix0_bias: (W, 2 W) and (2 W,), from features to features; likewise mix1 and mix2, of 2 W features.
        hidden, hidden_bias: (2 W (1 + 16), H) and (H,), from means over the image and over each of its 4 x 4 parts.
        output, output_bias: (H, 5) and (5,), to :data:`STATES`.
        model_id: of the model whose coordinates it reads.
    """

    scale: Floats
    turn: Floats
    entry: Floats
    entry_bias: Floats
    around0: Floats
    around0_bias: Floats
    mix0: Floats
    mix0_bias: Floats
    around1: Floats
    around1_bias: Floats
    mix1: Floats
    mix1_bias: Floats
    around2: Floats
    around2_bias: Floats
    mix2: Floats
    mix2_bias: Floats
    hidden: Floats
    hidden_bias: Floats
    output: Floats
    output_bias: Floats
    model_id: bytes

    @property
    def digest(self) -> bytes:
        """Eight bytes that name the network."""
        digest = hashlib.sha256(self.model_id)
        for name in ARRAYS:
            digest.update(getattr(self, name).astype("<f2").tobytes())
        return digest.digest()[:8]

    def seen(self, part: Floats) -> NDArray[np.float16]:
        """What is seen at each position, as it is and after one, two and three turns, float16 (4, rows, columns, W).

        Args:
            part: y_hat, float32 (channels, rows, columns).
        """
        y = part.transpose(1, 2, 0) / self.scale
        turns = []
        for _ in range(TURNS):
            turns.append(silu(np.arcsinh(y) @ self.entry + self.entry_bias).astype(np.float16))
            y = y @ self.turn
        return np.stack(turns)

    def log_probabilities(self, parts: Iterable[NDArray[np.float16]], size: tuple[int, int]) -> Floats:
        """Logarithms of how likely each of :data:`STATES` is, float32 (5,).

        Args:
            parts: what is seen in strips from the top down, see :meth:`seen`.
            size: width and height of the image in pixels. What lies beyond repeats its last row and column, looks like
                a sky that lies below, and is left out.
        """
        said = np.zeros(len(STATES), np.float32)
        columns, rows = (max(2, side // (2 * BLOCK) * 2) for side in size)
        for turns, seen in enumerate(np.concatenate(list(parts), axis=1)[:, :rows, :columns]):
            # After k turns to the left an image in state s is in state s + k; a negative stays one.
            after = [*((state + turns) % TURNS for state in range(TURNS)), TURNS]
            said += self._judged(np.rot90(seen, turns).astype(np.float32))[after] / TURNS
        return _log_softmax(said)

    def _judged(self, x: Floats) -> Floats:
        """Logarithms of how likely each state is, of what is seen in one image."""
        x = silu(_filtered(x, self.around0, self.around0_bias) @ self.mix0 + self.mix0_bias)
        rows, columns, width = x.shape
        x = x.reshape(rows // 2, 2, columns // 2, 2, width).mean(axis=(1, 3))
        x = x + silu(_filtered(x, self.around1, self.around1_bias) @ self.mix1 + self.mix1_bias)
        x = x + silu(_filtered(x, self.around2, self.around2_bias) @ self.mix2 + self.mix2_bias)
        pooled = np.concatenate([x.mean(axis=(0, 1))[:, None], _means(x)], axis=1)
        # All features of the whole first, then of each feature all parts, as the network was trained.
        flat = np.concatenate([pooled[:, 0], pooled[:, 1:].ravel()])
        logits = silu(flat @ self.hidden + self.hidden_bias) @ self.output + self.output_bias
        return _log_softmax(logits)


ARRAYS = tuple(field.name for field in fields(OrientationNet) if field.name != "model_id")
"""The weights among a network's attributes."""


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max()
    result: Floats = (shifted - np.log(np.exp(shifted).sum())).astype(np.float32)
    return result


def _filtered(x: Floats, weight: Floats, bias: Floats) -> Floats:
    """Each feature filtered by its own 3 x 3 weights, with nothing beyond the edge."""
    rows, columns, _ = x.shape
    wide = np.pad(x, [(1, 1), (1, 1), (0, 0)])
    result: Floats = np.broadcast_to(bias, x.shape).copy()
    for u, v in np.ndindex(3, 3):
        result += wide[u : u + rows, v : v + columns] * weight[u, v]
    return result


def _means(x: Floats) -> Floats:
    """Means over 4 x 4 parts, which overlap by a position where they do not divide the sides, (features, 16)."""
    spans = [[(k * side // PARTS, -(-(k + 1) * side // PARTS)) for k in range(PARTS)] for side in x.shape[:2]]
    means = [x[top:bottom, left:right].mean(axis=(0, 1)) for top, bottom in spans[0] for left, right in spans[1]]
    return np.stack(means, axis=1)


def save(path: Path, net: OrientationNet) -> None:
    """Write a network and the model it belongs to."""
    arrays = {name: getattr(net, name).astype(np.float16) for name in ARRAYS}
    with path.open("wb") as file:  # by its name NumPy would add a suffix
        np.savez_compressed(file, about=np.array(json.dumps({"model_id": net.model_id.hex()})), **arrays)


def load(path: Path) -> OrientationNet:
    """Read a network.

    Raises:
        ModelError: it is damaged.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            model_id = bytes.fromhex(json.loads(str(stored["about"]))["model_id"])
            net = OrientationNet(**{name: stored[name].astype(np.float32) for name in ARRAYS}, model_id=model_id)
        nothing = np.zeros((len(net.scale), 4, 4), np.float32)
        if not np.isfinite(net.log_probabilities([net.seen(nothing)], (64, 64))).all():
            raise ValueError("its weights are no numbers")
        return net  # its parts fit each other
    except OSError:
        raise
    except Exception as error:  # what a damaged archive raises is not documented
        raise ModelError(f"{path}: cannot read an orientation network: {error}") from error


def shipped_for(model_id: bytes) -> OrientationNet | None:
    """The network that ships for a model; None if that model does not ship.

    Raises:
        ModelError: it is damaged, or belongs to another model.
    """
    tune = tune_by_id(model_id)
    return _shipped(tune) if tune in TUNES else None


@lru_cache(maxsize=len(TUNES))
def _shipped(tune: str) -> OrientationNet:
    path = WEIGHTS / f"{tune}-orientation.npz"
    net = load(path)
    if net.model_id != id_by_tune(tune):
        raise ModelError(f"{path}: belongs to model {net.model_id.hex()}; codec train-orientation makes one that does")
    return net
