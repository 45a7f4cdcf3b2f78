"""Novelty of an image, and its distance from each of a study's images.

Novelty is the Mahalanobis distance of an image's texture from the texture of the images that a network was trained on
(after Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples", without their classes).
Two images are alike if the features of their last stage are close to each other.
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
"""Smallest unit of distances. Smaller differences are lost when features are rounded in a model file."""


@dataclass(frozen=True)
class Familiar:
    """The texture of the images that a network was trained on: its `mean` (d,), and a matrix `whitening` (d, d) that
    scales the distance of a familiar image to about 1."""

    mean: Floats
    whitening: Floats

    @classmethod
    def of(cls, texture: Texture) -> Self:
        """Estimate mean and whitening from the training images. The covariance is shrunk towards a diagonal (Ledoit and
        Wolf 2004), so that few images suffice."""
        from sklearn.covariance import ledoit_wolf  # slow to load, and only training needs it

        mean, spread = texture.mean(axis=0), np.maximum(texture.std(axis=0), 1e-6)
        covariance, _ = ledoit_wolf(((texture - mean) / spread).astype(np.float64), assume_centered=True)
        least = 1e-6 * np.eye(len(mean))  # for channels that are constant, such as dead ones
        root = np.linalg.cholesky(np.linalg.inv(covariance + least))
        whitening = root / spread[:, None] / np.sqrt(len(mean))
        return cls(mean.astype(np.float32), whitening.astype(np.float32))

    def novelty(self, texture: Texture) -> Floats:
        """Novelty of each of n images, float32 (n,); about 1 for familiar images."""
        found: Floats = np.linalg.norm((texture - self.mean) @ self.whitening, axis=1).astype(np.float32)
        return found


def distances(features: Features, known: Features) -> Floats:
    """Euclidean distances (n, m) in [0, 2] between features (n, d) and known ones (m, d)."""
    squared: Floats = np.maximum(2 - 2 * features @ known.T, 0)
    return np.sqrt(squared)


def usual_distance(known: Features, groups: npt.NDArray[np.int64]) -> float:
    """Median distance of a training image from the nearest one of another group. It is the unit of distances, so that
    they mean the same for every network.

    Images with the same number in `groups` (m,) are not compared. Returns 1 if there is nothing to compare, and at
    least `LEAST_USUAL`.
    """
    between = distances(known, known)
    between[groups[:, None] == groups[None, :]] = np.inf
    nearest = between.min(axis=1)
    finite = nearest[np.isfinite(nearest)]
    return max(float(np.median(finite)), LEAST_USUAL) if len(finite) else 1.0
