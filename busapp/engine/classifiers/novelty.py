"""How unlike a study's images an image is, and which of them it is most like.

Novelty is the Mahalanobis distance of an image's texture from that of the images that a network was trained on (after
Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples", without their classes).
Likeness is the distance between what the last stage makes of two images.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Features = Floats
"""float32 (n, d), each row of length 1: the pooled last feature map of a network."""
Texture = Floats
"""float32 (n, d): means and standard deviations of the channels of an early stage."""
LEAST_USUAL: Final = 0.05


@dataclass(frozen=True)
class Familiar:
    """The texture that a network knows: its `mean` (d,) and a matrix `whitening` (d, d) after which an image that is
    familiar lies at a distance of about 1."""

    mean: Floats
    whitening: Floats

    @classmethod
    def of(cls, texture: Texture) -> Self:
        """Learned from the training images. Their covariance is shrunk towards a diagonal (Ledoit and Wolf 2004), so
        that few images suffice."""
        from sklearn.covariance import ledoit_wolf  # only training needs it, and it takes long to load

        mean, spread = texture.mean(axis=0), np.maximum(texture.std(axis=0), 1e-6)
        covariance, _ = ledoit_wolf(((texture - mean) / spread).astype(np.float64), assume_centered=True)
        least = 1e-6 * np.eye(len(mean))  # channels that are the same everywhere, as dead ones are
        root = np.linalg.cholesky(np.linalg.inv(covariance + least))
        whitening = root / spread[:, None] / np.sqrt(len(mean))
        return cls(mean.astype(np.float32), whitening.astype(np.float32))

    def novelty(self, texture: Texture) -> Floats:
        """How unlike what is known each of n images is, float32 (n,); about 1 is usual."""
        found: Floats = np.linalg.norm((texture - self.mean) @ self.whitening, axis=1).astype(np.float32)
        return found


def distances(features: Features, known: Features) -> Floats:
    """Euclidean distances (n, m) in [0, 2] between features (n, d) and known ones (m, d)."""
    squared: Floats = np.maximum(2 - 2 * features @ known.T, 0)
    return np.sqrt(squared)


def usual_distance(known: Features, groups: npt.NDArray[np.int64]) -> float:
    """How far an image usually is from the nearest one of another group, the median over the images that a network was
    trained on: the unit of distances, so that they mean the same for every network.

    `groups` (m,) says which images must not be compared. 1 where there is nothing to compare; at least `LEAST_USUAL`,
    below which known features are rounded in a model file.
    """
    between = distances(known, known)
    between[groups[:, None] == groups[None, :]] = np.inf
    nearest = between.min(axis=1)
    finite = nearest[np.isfinite(nearest)]
    return max(float(np.median(finite)), LEAST_USUAL) if len(finite) else 1.0
