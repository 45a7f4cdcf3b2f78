"""Confidence intervals of measures: the bootstrap (Efron and Tibshirani 1993), over groups.

Groups of near-duplicates and of one patient are drawn as a whole, since their images are right or wrong together
(cluster bootstrap: Field and Welsh 2007). Only the tested images are drawn anew, the networks stay as they were
trained: the intervals say how much the choice of images matters.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from busapp.engine.metrics.measures import Bools, Floats, Ints, weighted_auc

RESAMPLES = 2000
_CELLS = 300_000
"""Numbers to compute with at a time: few enough for the processor's cache, and for the memory with any study."""


@dataclass(frozen=True)
class Bootstrap:
    """`draws` float32 (RESAMPLES, groups) counts how often each group was drawn; `position` int (n,) is the group of
    each image, counted from 0."""

    draws: npt.NDArray[np.float32]
    position: npt.NDArray[np.intp]

    @classmethod
    def over(cls, groups: npt.NDArray[np.integer[Any]], *, seed: int = 0) -> "Bootstrap":
        """Draw all groups with replacement, 2000 times. `groups` int (n,) may be any numbers."""
        names, position = np.unique(groups, return_inverse=True)
        generator, n = np.random.default_rng(seed), len(names)
        draws = np.empty((RESAMPLES, n), dtype=np.float32)
        for rows in _blocks(n):
            drawn = generator.integers(n, size=(rows.stop - rows.start, n))
            drawn += np.arange(len(drawn))[:, None] * n
            draws[rows] = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        return cls(draws, position)

    def sums(self, values: Floats) -> npt.NDArray[np.float64]:
        """Sums (RESAMPLES, k) of values (n, k) over the drawn images."""
        of_group = np.zeros((self.draws.shape[1], values.shape[1]), dtype=np.float32)
        np.add.at(of_group, self.position, values)
        return (self.draws @ of_group).astype(np.float64)

    def confusions(self, true: Ints, predicted: Ints, n_classes: int) -> npt.NDArray[np.float64]:
        """Confusion matrix of every draw, (RESAMPLES, classes, classes), of whole numbers."""
        cells = np.zeros((len(true), n_classes * n_classes), dtype=np.float32)
        cells[np.arange(len(true)), true * n_classes + predicted] = 1
        return self.sums(cells).reshape(RESAMPLES, n_classes, n_classes)

    def share95(self, share: float, resampled: Floats, counted: Bools) -> list[float] | None:
        """95 % interval of a share of the images for which `counted` (n,) is true, from its values in all draws. A
        share of 0 or 1 is the same in all draws, so that a bootstrap would claim certainty. Its interval is the exact
        one over the groups instead (Clopper and Pearson 1934)."""
        if share not in (0, 1):
            return interval95(resampled)
        bound = float(0.025 ** (1 / len(np.unique(self.position[counted]))))
        return [bound, 1.0] if share == 1 else [0.0, 1 - bound]

    def auc(self, is_class: Bools, scores: Floats) -> Floats:
        """Area under the ROC curve in every draw, (RESAMPLES,); see `weighted_auc`."""
        areas = np.empty(RESAMPLES)
        for rows in _blocks(len(scores)):
            areas[rows] = weighted_auc(is_class, scores, self.draws[rows][:, self.position])
        return areas


def _blocks(columns: int) -> Iterator[slice]:
    step = max(1, _CELLS // max(1, columns))
    return (slice(start, min(start + step, RESAMPLES)) for start in range(0, RESAMPLES, step))


def interval95(resampled: Floats) -> list[float] | None:
    """[2.5th, 97.5th percentile] of resampled values (RESAMPLES,); None if fewer than two are defined."""
    defined = resampled[np.isfinite(resampled)]
    if len(defined) < 2:
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return [float(low), float(high)]
