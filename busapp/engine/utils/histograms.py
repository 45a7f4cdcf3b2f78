"""Histograms of several classes over the same bins."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BINS: Final = 32


def histograms(values: Mapping[str, Sequence[float]]) -> tuple[Floats, dict[str, npt.NDArray[np.int64]]]:
    """Edges of bins that all classes share, float64 (bins + 1,), and the counts of each class, int64 (bins,).

    There are at most 32 bins, and at most the square root of the number of images."""
    everything = np.concatenate([np.asarray(of_class, dtype=np.float64) for of_class in values.values()])
    bins = max(1, min(BINS, int(np.sqrt(len(everything)))))
    edges = np.histogram_bin_edges(everything, bins=bins)
    return edges, {name: np.histogram(of_class, bins=edges)[0] for name, of_class in values.items()}
