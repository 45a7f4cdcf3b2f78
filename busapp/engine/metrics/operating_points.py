"""Operating points: thresholds on the probability of a class, chosen so that the class is seldom missed."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from busapp.engine.contract.validation import OperatingPoint
from busapp.engine.metrics.bootstrap import Bootstrap
from busapp.engine.metrics.measures import Bools, Floats, Ints, confusion, sensitivity, softmax, specificity
from busapp.engine.metrics.proportions import least_count

TARGET_SENSITIVITY: Final = 0.90


def operating_points(
    true: Ints, logits: Floats, folds: Ints, classes: Sequence[str], bootstrap: Bootstrap
) -> dict[str, OperatingPoint | None]:
    """Sensitivity and specificity of a threshold on each class's probability. No threshold is measured on the images
    that it was chosen on.

    For the images of a fold the threshold is the highest one that reaches the target sensitivity on the predictions of
    all other folds. Choosing and measuring on the same images would promise the target by construction.

    Returns:
        By class: the `threshold` chosen on all folds together, for new images; the `fold_thresholds`; and, over all
        folds, sensitivity and specificity with intervals. The draws for the intervals keep the thresholds fixed. None
        for every class if there is one fold only, and for a class that the other folds of some fold do not have.
    """
    probabilities, numbers = softmax(logits), np.unique(folds).tolist()
    return {
        name: _operating_point(true == index, probabilities[:, index], folds, numbers, bootstrap)
        for index, name in enumerate(classes)
    }


def _operating_point(
    is_class: Bools, scores: Floats, folds: Ints, numbers: Sequence[int], bootstrap: Bootstrap
) -> OperatingPoint | None:
    if not all(is_class[folds != number].any() for number in numbers):
        return None
    thresholds = {number: _threshold(is_class[folds != number], scores[folds != number]) for number in numbers}
    of_class = is_class.astype(np.intp)
    called = (scores >= np.array([thresholds[number] for number in folds.tolist()])).astype(np.intp)
    matrix, resampled = confusion(of_class, called, 2), bootstrap.confusions(of_class, called, 2)
    reached, spared = sensitivity(matrix)[1], specificity(matrix)[1]
    return {
        "target_sensitivity": TARGET_SENSITIVITY,
        "threshold": _threshold(is_class, scores),
        "fold_thresholds": {str(number): threshold for number, threshold in thresholds.items()},
        "sensitivity": float(reached),
        "sensitivity_ci95": bootstrap.share95(reached, sensitivity(resampled)[:, 1], is_class),
        "specificity": float(spared) if not is_class.all() else None,
        "specificity_ci95": bootstrap.share95(spared, specificity(resampled)[:, 1], ~is_class),
    }


def _threshold(is_class: Bools, scores: Floats) -> float:
    """The highest threshold that still reaches the target sensitivity."""
    falling = np.sort(scores[is_class])[::-1]
    needed = least_count(TARGET_SENSITIVITY, len(falling))
    return float(falling[needed - 1])
