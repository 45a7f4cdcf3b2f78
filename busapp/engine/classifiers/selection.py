"""mRMR: selects features that say much about the class and little that other selected features say already.

Source: Zhao, Anand and Wang 2019, "Maximum relevance and minimum redundancy feature selection methods for a marketing
machine learning platform", the scheme FCQ. The features are those that `mrmr_classif` of mrmr-selection 0.2.8 selects
with its defaults, in the same order (a test compares them). It is written out here because that library takes a hundred
times as long, needs polars with its 180 MB, and hides all warnings of the program that imports it.
"""

from collections.abc import Generator
from typing import Final

import numpy as np
import numpy.typing as npt

from busapp.engine.utils.arrays import Indices

Values = npt.NDArray[np.float64]
_LEAST_REDUNDANCY: Final = 0.001


def select_features(features: Values, labels: Indices, count: int) -> Generator[int, None, Indices]:
    """Places of the `count` features that mRMR selects, int (count,), the best first. Yields the number that are
    selected.

    `features` are (n, d). Each step takes the feature with the largest quotient of relevance, which is its F statistic
    over the classes, and redundancy, which is its mean absolute correlation with those that are selected, at least
    0.001. Features that are constant, or differ from a selected one only by their scale, are taken last.
    """
    relevance = f_statistic(features, labels)
    spread = features.std(axis=0)
    standard = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    is_left = np.ones(features.shape[1], dtype=bool)
    redundancy = np.zeros(features.shape[1])
    score = relevance
    chosen: list[int] = []
    while len(chosen) < count:
        best = int(np.where(is_left, score, -1.0).argmax())
        chosen.append(best)
        is_left[best] = False
        redundancy += np.maximum(np.abs(standard.T @ standard[:, best]) / len(features), _LEAST_REDUNDANCY)
        score = relevance * len(chosen) / redundancy
        yield len(chosen)
    return np.array(chosen, dtype=np.intp)


def f_statistic(features: Values, labels: Indices) -> Values:
    """F statistic of each feature over the classes (one-way analysis of variance), (d,); 0 for a constant feature."""
    classes = np.unique(labels)
    mean = features.mean(axis=0)
    between, within = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for name in classes:
        of_class = features[labels == name]
        between += len(of_class) * (of_class.mean(axis=0) - mean) ** 2
        within += ((of_class - of_class.mean(axis=0)) ** 2).sum(axis=0)
    varies = features.std(axis=0) > 0
    freedom = (len(features) - len(classes)) / max(1, len(classes) - 1)
    tiny = np.finfo(np.float64).tiny
    return np.where(varies, between * freedom / np.maximum(within, tiny), 0.0)
