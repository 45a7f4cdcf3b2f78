"""How good predictions are: the paper's measures (section 3.6), with intervals that know of groups."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.floating[Any]]
RESAMPLES = 2000


def confusion(true: Ints, predicted: Ints, n_classes: int) -> npt.NDArray[np.int64]:
    """Counts, int (n_classes, n_classes): rows are true, columns predicted. Every class has its row."""
    cells = np.bincount(true * n_classes + predicted, minlength=n_classes * n_classes)
    return cells.reshape(n_classes, n_classes).astype(np.int64)


def accuracy(matrix: npt.NDArray[Any]) -> Floats:
    """Share of right predictions in [0, 1]; nan where nothing was tested. Works on stacks (…, classes, classes)."""
    return _share(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum((-2, -1)))


def sensitivity(matrix: npt.NDArray[Any]) -> Floats:
    """TP / (TP + FN) per class, (…, classes) in [0, 1]; nan for a class without test images. Paper, section 3.6."""
    return _share(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(-1))


def specificity(matrix: npt.NDArray[Any]) -> Floats:
    """TN / (TN + FP) per class, (…, classes) in [0, 1]; nan where all test images are of the class. Section 3.6."""
    right = np.diagonal(matrix, axis1=-2, axis2=-1)
    of_class, as_class, everything = matrix.sum(-1), matrix.sum(-2), matrix.sum((-2, -1))[..., None]
    return _share(everything - of_class - as_class + right, everything - of_class)


def _share(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Floats:
    result: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return result


def softmax(logits: Floats) -> npt.NDArray[np.float64]:
    """Probabilities (n, classes) from logits (n, classes)."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    result: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result


def auc(true: Ints, logits: Floats) -> Floats:
    """Area under the ROC curve of each class against the rest, (classes,) in [0, 1]; nan where one side is empty."""
    from sklearn.metrics import roc_auc_score

    probabilities = softmax(logits)
    areas = [
        roc_auc_score(true == index, probabilities[:, index]) if 0 < np.sum(true == index) < len(true) else np.nan
        for index in range(logits.shape[1])
    ]
    return np.array(areas)


def resampled_confusions(
    true: Ints, predicted: Ints, groups: npt.NDArray[np.int64], n_classes: int, *, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Bootstrap: 2000 confusion matrices (2000, classes, classes), groups of images drawn with replacement.

    Groups are drawn, not images, since near-duplicates are right or wrong together.
    """
    names, position = np.unique(groups, return_inverse=True)
    of_group = np.zeros((len(names), n_classes * n_classes), dtype=np.int64)
    np.add.at(of_group, (position, true * n_classes + predicted), 1)
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    return (draws @ of_group).reshape(RESAMPLES, n_classes, n_classes)


def interval95(resampled: Floats) -> list[float] | None:
    """[2.5th, 97.5th percentile] of resampled values (RESAMPLES,); None where fewer than two are defined."""
    defined = resampled[np.isfinite(resampled)]
    if len(defined) < 2:
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return [float(low), float(high)]


def summary(
    true: Ints, logits: Floats, groups: npt.NDArray[np.int64], classes: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """All measures of tested images as JSON types, None where one is not defined.

    `true` (n,) are indices into `classes`, `logits` (n, classes); an image counts for its largest logit.
    """
    predicted = logits.argmax(axis=1)
    matrix = confusion(true, predicted, len(classes))
    resampled = resampled_confusions(true, predicted, groups, len(classes), seed=seed)
    sensitivities, specificities = sensitivity(matrix), specificity(matrix)
    defined = sensitivities[np.isfinite(sensitivities)]

    def by_class(values: Floats) -> dict[str, float | None]:
        return {name: _number(value) for name, value in zip(classes, values, strict=True)}

    def intervals(values: Floats) -> dict[str, list[float] | None]:
        return {name: interval95(values[:, index]) for index, name in enumerate(classes)}

    return {
        "confusion": matrix.tolist(),
        "accuracy": _number(accuracy(matrix)),
        "accuracy_ci95": interval95(accuracy(resampled)),
        "balanced_accuracy": _number(defined.mean()) if len(defined) else None,
        "sensitivity": by_class(sensitivities),
        "sensitivity_ci95": intervals(sensitivity(resampled)),
        "specificity": by_class(specificities),
        "specificity_ci95": intervals(specificity(resampled)),
        "auc": by_class(auc(true, logits)),
    }


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def temperature(logits: Floats, true: Ints) -> float:
    """The temperature in [0.05, 20] that makes `softmax(logits / temperature)` the most likely to give `true`.

    Fit it on out-of-fold logits (n, classes): on training images it would learn that the network is always right.
    """
    from scipy.optimize import minimize_scalar

    scaled = logits.astype(np.float64)

    def negative_log_likelihood(log_temperature: float) -> float:
        probabilities = softmax(scaled / np.exp(log_temperature))
        return float(-np.log(np.maximum(probabilities[np.arange(len(true)), true], 1e-300)).mean())

    found = minimize_scalar(negative_log_likelihood, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))


def calibration_error(probabilities: Floats, true: Ints, *, bins: int = 15) -> float:
    """Expected calibration error in [0, 1]: how far confidence and accuracy differ, over bins of equal width."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == true
    position = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(position, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(true))
