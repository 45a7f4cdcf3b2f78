"""Single measures of predictions, each with its definition and source."""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]


def confusion(true: Ints, predicted: Ints, n_classes: int) -> npt.NDArray[np.int64]:
    """Confusion matrix of counts, int (n_classes, n_classes): rows are true classes, columns are predicted ones. Every
    class has a row and a column."""
    cells = np.bincount(true * n_classes + predicted, minlength=n_classes * n_classes)
    return cells.reshape(n_classes, n_classes).astype(np.int64)


def accuracy(matrix: npt.NDArray[Any]) -> Floats:
    """Share of correct predictions in [0, 1]; nan if nothing was tested. Works on stacks (…, classes, classes)."""
    return _share(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum((-2, -1)))


def class_accuracy(matrix: npt.NDArray[Any]) -> Floats:
    """(TP + TN) / all of each class against the rest, (…, classes) in [0, 1]. Source: paper, section 3.6; Figure 11
    shows which cell counts as what."""
    right, of_class, as_class, everything = _counts(matrix)
    return _share(everything - of_class - as_class + 2 * right, np.broadcast_to(everything, np.shape(of_class)))


def sensitivity(matrix: npt.NDArray[Any]) -> Floats:
    """TP / (TP + FN) per class, (…, classes) in [0, 1]; nan for a class without test images. Source: paper, section
    3.6.

    Its mean over the classes is the balanced accuracy.
    """
    right, of_class, _, _ = _counts(matrix)
    return _share(right, of_class)


def specificity(matrix: npt.NDArray[Any]) -> Floats:
    """TN / (TN + FP) per class, (…, classes) in [0, 1]; nan if all test images are of the class. Source: paper, section
    3.6."""
    right, of_class, as_class, everything = _counts(matrix)
    return _share(everything - of_class - as_class + right, everything - of_class)


def _counts(matrix: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
    """Counts per class: correct images, images of the class, images predicted as the class; and the count of all
    images, with an axis for the classes."""
    right = np.diagonal(matrix, axis1=-2, axis2=-1)
    return right, matrix.sum(-1), matrix.sum(-2), matrix.sum((-2, -1))[..., None]


def _share(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Floats:
    result: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return result


def mean_of_defined(values: Floats) -> Floats:
    """Mean over the last axis of the values that are finite, (…, k) to (…,); nan if none is."""
    defined = np.isfinite(values)
    return _share(np.where(defined, values, 0.0).sum(-1), defined.sum(-1))


def softmax(logits: Floats) -> npt.NDArray[np.float64]:
    """Probabilities (n, classes) from logits (n, classes)."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    result: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result


def roc(is_class: Bools, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Receiver operating characteristic: an image is called the class if its score reaches a threshold.

    Args:
        is_class: bool (n,), true for images of the class.
        scores: (n,), larger where the class is more likely; logits or probabilities.

    Returns:
        False positive rates, true positive rates, thresholds: (k,) each, for falling thresholds. The first threshold is
        infinite: no image is called the class. The others are all distinct scores. A rate is nan if there is no image
        to compute it from.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last_of_equals = np.flatnonzero(np.diff(ordered, append=-np.inf))
    called = np.concatenate([[0], last_of_equals + 1])
    hits = np.concatenate([[0], np.cumsum(is_class[order])[last_of_equals]])
    n_class = np.full(len(hits), is_class.sum())
    return (
        _share(called - hits, len(scores) - n_class),
        _share(hits, n_class),
        np.concatenate([[np.inf], ordered[last_of_equals]]),
    )


def auc(true: Ints, logits: Floats) -> Floats:
    """Area under the ROC curve of each class against the rest, (classes,) in [0, 1]; nan if one side is empty."""
    probabilities, once = softmax(logits), np.ones(len(true))
    areas = [weighted_auc(true == index, probabilities[:, index], once) for index in range(logits.shape[1])]
    return np.array(areas, dtype=np.float64)


def weighted_auc(is_class: Bools, scores: Floats, weights: Floats) -> Floats:
    """Area under the ROC curve as a rank statistic: the probability that an image of the class has a higher score than
    an image of the rest. Equal scores count half (Hanley and McNeil 1982).

    Args:
        is_class: bool (n,).
        scores: (n,).
        weights: (…, n), how often each image counts.

    Returns:
        (…,) in [0, 1]; nan if one side has no weight.
    """
    rest = np.flatnonzero(~is_class)
    rest = rest[np.argsort(scores[rest])]
    of_class = np.flatnonzero(is_class)
    of_class = of_class[np.argsort(scores[of_class])]
    below = np.zeros((*weights.shape[:-1], len(rest) + 1), dtype=weights.dtype)
    np.cumsum(weights[..., rest], axis=-1, out=below[..., 1:])
    lower, upper = (np.searchsorted(scores[rest], scores[of_class], side=side) for side in ("left", "right"))
    weight = weights[..., of_class]
    wins = (weight * (below[..., lower] + below[..., upper])).sum(-1, dtype=np.float64) / 2
    return _share(wins, weight.sum(-1, dtype=np.float64) * below[..., -1])
