"""How unlike a network's images an image is: distances between what the network makes of them.

Source: Sun et al. 2022, "Out-of-distribution detection with deep nearest neighbors": features of unit length, and the
distance to the nearest ones of the training images.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float32]
"""float32 (n, d), each row of length 1: the pooled last feature map of a network."""

NEIGHBOURS: Final = 5


def nearest_mean(distances: npt.NDArray[np.floating[Any]], neighbours: int = NEIGHBOURS) -> npt.NDArray[np.float32]:
    """The mean of the smallest distances of every row (n, m), float32 (n,); of all where there are fewer."""
    count = min(neighbours, distances.shape[1])
    means: npt.NDArray[np.float32] = (
        np.partition(distances, count - 1, axis=1)[:, :count].mean(axis=1).astype(np.float32)
    )
    return means


def distances(features: Features, known: Features) -> npt.NDArray[np.float32]:
    """Euclidean distances (n, m) in [0, 2] between features (n, d) and known ones (m, d)."""
    squared: npt.NDArray[np.float32] = np.maximum(2 - 2 * features @ known.T, 0)
    return np.sqrt(squared)


def usual_distance(known: Features, groups: npt.NDArray[np.int64], neighbours: int = NEIGHBOURS) -> float:
    """How far an image usually is from its nearest ones of other groups, the median over the images that a network was
    trained on: the unit in which novelty is told, so that it means the same for every network.

    `groups` (m,) says which images must not be compared. 1 where there is nothing to compare.
    """
    between = distances(known, known)
    between[groups[:, None] == groups[None, :]] = np.inf
    found = nearest_mean(between, neighbours)
    finite = found[np.isfinite(found)]
    return max(float(np.median(finite)), 1e-6) if len(finite) else 1.0
