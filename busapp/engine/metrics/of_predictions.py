"""All measures of out-of-fold predictions, as JSON types."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from busapp.engine.contract.validation import ByClass, FoldRange, Interval, IntervalByClass, MeasuredFold, Summary
from busapp.engine.metrics.bootstrap import Bootstrap, interval95
from busapp.engine.metrics.calibration import calibration
from busapp.engine.metrics.measures import (
    Bools,
    Floats,
    Ints,
    accuracy,
    auc,
    class_accuracy,
    confusion,
    mean_of_defined,
    sensitivity,
    softmax,
    specificity,
)
from busapp.engine.metrics.operating_points import operating_points


def summary(
    true: Ints,
    logits: Floats,
    groups: npt.NDArray[np.int64],
    classes: Sequence[str],
    *,
    folds: Ints | None = None,
    seed: int = 0,
) -> Summary:
    """All measures of tested images, as JSON types; None for a measure that is not defined.

    Args:
        true: int (n,), indices into `classes`.
        logits: (n, classes); an image's predicted class is that of its largest logit.
        groups: int (n,), equal for images that are right or wrong together.
        classes: names of the classes.
        folds: int (n,), the fold in which each image was tested; None: all in one fold.
        seed: seed of the draws for the intervals.

    Returns:
        The measures, each with a 95 % interval under its name with `_ci95` (bootstrap; exact for a share of 0 or 1).
    """
    folds = np.ones(len(true), dtype=np.intp) if folds is None else folds
    bootstrap = Bootstrap.over(groups, seed=seed)
    predicted = logits.argmax(axis=1)
    matrix = confusion(true, predicted, len(classes))
    resampled = bootstrap.confusions(true, predicted, len(classes))
    probabilities, areas = softmax(logits), auc(true, logits)
    drawn = [bootstrap.auc(true == index, probabilities[:, index]) for index in range(len(classes))]
    resampled_areas = np.stack(drawn, axis=1)
    entries = of_folds(true, logits, folds, classes)

    def shares95(values: Floats, of_draws: Floats, counted: Bools) -> IntervalByClass:
        """Intervals of shares (classes,) of the images for which `counted` (n, classes) is true."""
        return {
            of_class: bootstrap.share95(values[index], of_draws[:, index], counted[:, index])
            for index, of_class in enumerate(classes)
        }

    is_class, everything = true[:, None] == np.arange(len(classes)), np.ones((len(true), len(classes)), dtype=bool)
    overall, found, spared, right = accuracy(matrix), sensitivity(matrix), specificity(matrix), class_accuracy(matrix)
    return {
        "confusion": matrix.tolist(),
        "accuracy": float(overall),
        "accuracy_ci95": bootstrap.share95(float(overall), accuracy(resampled), everything[:, 0]),
        "balanced_accuracy": float(mean_of_defined(found)),
        "balanced_accuracy_ci95": interval95(mean_of_defined(sensitivity(resampled))),
        "sensitivity": _by_class(found, classes),
        "sensitivity_ci95": shares95(found, sensitivity(resampled), is_class),
        "specificity": _by_class(spared, classes),
        "specificity_ci95": shares95(spared, specificity(resampled), ~is_class),
        "class_accuracy": _by_class(right, classes),
        "class_accuracy_ci95": shares95(right, class_accuracy(resampled), everything),
        "auc": _by_class(areas, classes),
        "auc_ci95": {name: interval95(resampled_areas[:, index]) for index, name in enumerate(classes)},
        "macro_auc": _number(mean_of_defined(areas)),
        "macro_auc_ci95": interval95(mean_of_defined(resampled_areas)),
        "folds": entries,
        "fold_range": fold_range(entries),
        "calibration": calibration(true, logits, folds, bootstrap),
        "operating_points": operating_points(true, logits, folds, classes, bootstrap),
    }


def of_folds(true: Ints, logits: Floats, folds: Ints, classes: Sequence[str]) -> list[MeasuredFold]:
    """Measures of every single fold, in rising order, as JSON types; None for a measure that is not defined."""
    return [_of_fold(number, true[folds == number], logits[folds == number], classes) for number in np.unique(folds)]


def _of_fold(number: int, true: Ints, logits: Floats, classes: Sequence[str]) -> MeasuredFold:
    matrix = confusion(true, logits.argmax(axis=1), len(classes))
    return {
        "fold": int(number),
        "n_test": len(true),
        "test_accuracy": float(accuracy(matrix)),
        "confusion": matrix.tolist(),
        "balanced_accuracy": float(mean_of_defined(sensitivity(matrix))),
        "sensitivity": _by_class(sensitivity(matrix), classes),
        "specificity": _by_class(specificity(matrix), classes),
        "auc": _by_class(auc(true, logits), classes),
    }


def fold_range(entries: Sequence[MeasuredFold]) -> FoldRange:
    """[lowest, highest] value of each measure over the folds (see `of_folds`). Folds that do not define the measure do
    not count; None if no fold is left."""
    return {
        "accuracy": _range(entry["test_accuracy"] for entry in entries),
        "balanced_accuracy": _range(entry["balanced_accuracy"] for entry in entries),
        "sensitivity": _ranges([entry["sensitivity"] for entry in entries]),
        "specificity": _ranges([entry["specificity"] for entry in entries]),
        "auc": _ranges([entry["auc"] for entry in entries]),
    }


def _ranges(entries: Sequence[ByClass]) -> IntervalByClass:
    return {name: _range(entry[name] for entry in entries) for name in entries[0]}


def _range(values: Iterable[float | None]) -> Interval | None:
    defined = [value for value in values if value is not None]
    return [min(defined), max(defined)] if defined else None


def _by_class(values: Floats, classes: Sequence[str]) -> ByClass:
    return {name: _number(value) for name, value in zip(classes, values, strict=True)}


def _number(value: Floats) -> float | None:
    return float(value) if np.isfinite(value) else None
