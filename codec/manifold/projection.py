"""A collection on a plane: alike images near each other.

Reference:
    van der Maaten and Hinton, "Visualizing Data using t-SNE", 2008; McInnes, Healy and Melville, "UMAP: Uniform
    Manifold Approximation and Projection for Dimension Reduction", 2018.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bitstream.errors import CodecError
from codec.manifold.embedding import Floats

METHODS = ("pca", "tsne", "umap")
MIN_IMAGES = 3
"""Images without which there is no map."""


def flatten(embeddings: Sequence[Floats], method: str = "pca", seed: int = 0) -> NDArray[np.float64]:
    """Places on a plane, float64 (images, 2), the longer side from 0 to 1.

    Args:
        embeddings: of the images, float32 (D,) each.
        method: one of :data:`METHODS`.
        seed: of the methods that draw at random.

    Raises:
        CodecError: there are too few images.
        ValueError: there is no such method.
    """
    count = len(embeddings)
    if count < MIN_IMAGES:
        raise CodecError(f"{count} images; a map takes at least {MIN_IMAGES}")
    vectors = np.stack(embeddings)
    if not np.ptp(vectors, axis=0).any():  # one image many times: nothing to spread out
        return np.zeros((count, 2))
    if method == "pca":
        from sklearn.decomposition import PCA

        places = PCA(2, random_state=seed).fit_transform(vectors)
    elif method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = max(1.0, min(30.0, (count - 1) / 3))
        tsne = TSNE(2, metric="cosine", init="random", perplexity=perplexity, random_state=seed)
        places = tsne.fit_transform(vectors)
    elif method == "umap":
        from umap import UMAP

        neighbours = min(15, count - 1)
        # A spectral start needs more images than dimensions.
        start = "spectral" if count > 2 * neighbours else "random"
        places = UMAP(n_neighbors=neighbours, metric="cosine", init=start, n_jobs=1, random_state=seed).fit_transform(
            vectors
        )
    else:
        raise ValueError(f"method: found {method!r}, expected one of {METHODS}")
    places = np.asarray(places, np.float64)
    places -= places.min(axis=0)
    scaled: NDArray[np.float64] = places / max(float(places.max()), 1e-12)
    return scaled
