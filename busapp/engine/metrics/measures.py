"""Single measures of predictions, each with its definition and source."""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]


def confusion(true: Ints, predicted: Ints, n_classes: int) -> npt.NDArray[np.int64]:
    """Counts, int (n_classes, n_classes): rows are true, columns predicted. Every class has its row."""
    cells = np.bincount(true * n_classes + predicted, minlength=n_classes * n_classes)
    return cells.reshape(n_classes, n_classes).astype(np.int64)


def accuracy(matrix: npt.NDArray[Any]) -> Floats:
    """Share of right predictions in [0, 1]; nan where nothing was tested. Works on stacks (…, classes, classes)."""
    return _share(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum((-2, -1)))


def class_accuracy(matrix: npt.NDArray[Any]) -> Floats:
    """(TP + TN) / all per class, each against the rest, (…, classes) in [0, 1]. Paper, section 3.6, and Figure 11 for
    which cell counts as what."""
    right, of_class, as_class, everything = _counts(matrix)
    return _share(everything - of_class - as_class + 2 * right, np.broadcast_to(everything, np.shape(of_class)))


def sensitivity(matrix: npt.NDArray[Any]) -> Floats:
    """TP / (TP + FN) per class, (…, classes) in [0, 1]; nan for a class without test images. Paper, section 3.6.

    Its mean over the classes is the balanced accuracy.
    """
    right, of_class, _, _ = _counts(matrix)
    return _share(right, of_class)


def specificity(matrix: npt.NDArray[Any]) -> Floats:
    """TN / (TN + FP) per class, (…, classes) in [0, 1]; nan where all test images are of the class. Section 3.6."""
    right, of_class, as_class, everything = _counts(matrix)
    return _share(everything - of_class - as_class + right, everything - of_class)


def _counts(matrix: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
    """Per class: right, images of the class, images called so; and all images, with an axis for the classes."""
    right = np.diagonal(matrix, axis1=-2, axis2=-1)
    return right, matrix.sum(-1), matrix.sum(-2), matrix.sum((-2, -1))[..., None]


def _share(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Floats:
    result: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return result


def mean_of_defined(values: Floats) -> Floats:
    """Mean over the last axis, of the values that are numbers: (…, k) to (…,); nan where none is."""
    defined = np.isfinite(values)
    return _share(np.where(defined, values, 0.0).sum(-1), defined.sum(-1))


def softmax(logits: Floats) -> npt.NDArray[np.float64]:
    """Probabilities (n, classes) from logits (n, classes)."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    result: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result


def roc(is_class: Bools, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """The receiver operating characteristic: what is called the class when its score reaches a threshold.

    Args:
        is_class: bool (n,), the images that are of the class.
        scores: (n,), larger where the class is more likely; logits or probabilities.

    Returns:
        False positive rates, true positive rates, thresholds: (k,) each, for falling thresholds. The first is
        infinite, where nothing is called the class; then come all scores that differ. A rate is nan where there is
        no image to take it from.
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
    """Area under the ROC curve of each class against the rest, (classes,) in [0, 1]; nan where one side is empty."""
    probabilities, once = softmax(logits), np.ones(len(true))
    areas = [weighted_auc(true == index, probabilities[:, index], once) for index in range(logits.shape[1])]
    return np.array(areas, dtype=np.float64)


def weighted_auc(is_class: Bools, scores: Floats, weights: Floats) -> Floats:
    """The area under the ROC curve as a rank statistic: how probable it is that an image of the class has a higher
    score than one of the rest, equal scores counted half (Hanley and McNeil 1982).

    Args:
        is_class: bool (n,).
        scores: (n,).
        weights: (…, n), how often each image counts.

    Returns:
        (…,) in [0, 1]; nan where one side weighs nothing.
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
