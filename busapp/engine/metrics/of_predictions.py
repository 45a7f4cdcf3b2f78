"""Everything that can be said of out-of-fold predictions, as JSON types."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

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
) -> dict[str, Any]:
    """All measures of tested images as JSON types, None where one is not defined.

    Args:
        true: int (n,), indices into `classes`.
        logits: (n, classes); an image counts for its largest logit.
        groups: int (n,), images that are right or wrong together.
        classes: their names.
        folds: int (n,), in which fold each image was tested; None: all in one.
        seed: of the draws for the intervals.

    Returns:
        `confusion`; `accuracy`, `balanced_accuracy` (mean sensitivity of the classes that were tested), `macro_auc`
        (mean AUC); by class `sensitivity`, `specificity`, `class_accuracy`, `auc`; of each a 95 % interval under
        its name with `_ci95` (bootstrap; exact where a share is 0 or 1). `folds` as in `of_folds`, `fold_range`,
        `calibration` and `operating_points`.
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

    def with_interval(name: str, values: Floats, of_draws: Floats) -> dict[str, Any]:
        if np.ndim(values) == 0:
            return {name: _number(values), f"{name}_ci95": interval95(of_draws)}
        intervals = {of_class: interval95(of_draws[:, index]) for index, of_class in enumerate(classes)}
        return {name: _by_class(values, classes), f"{name}_ci95": intervals}

    def share(name: str, values: Floats, of_draws: Floats, counted: Bools) -> dict[str, Any]:
        """By class a share of the images for which `counted` (n, classes) is true."""
        intervals = {
            of_class: bootstrap.share95(values[index], of_draws[:, index], counted[:, index])
            for index, of_class in enumerate(classes)
        }
        return {name: _by_class(values, classes), f"{name}_ci95": intervals}

    is_class, everything = true[:, None] == np.arange(len(classes)), np.ones((len(true), len(classes)), dtype=bool)
    overall = accuracy(matrix)
    return {
        "confusion": matrix.tolist(),
        "accuracy": _number(overall),
        "accuracy_ci95": bootstrap.share95(float(overall), accuracy(resampled), everything[:, 0]),
        **with_interval(
            "balanced_accuracy", mean_of_defined(sensitivity(matrix)), mean_of_defined(sensitivity(resampled))
        ),
        **share("sensitivity", sensitivity(matrix), sensitivity(resampled), is_class),
        **share("specificity", specificity(matrix), specificity(resampled), ~is_class),
        **share("class_accuracy", class_accuracy(matrix), class_accuracy(resampled), everything),
        **with_interval("auc", areas, resampled_areas),
        **with_interval("macro_auc", mean_of_defined(areas), mean_of_defined(resampled_areas)),
        "folds": entries,
        "fold_range": fold_range(entries),
        "calibration": calibration(true, logits, folds, bootstrap),
        "operating_points": operating_points(true, logits, folds, classes, bootstrap),
    }


def of_folds(true: Ints, logits: Floats, folds: Ints, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Every fold by itself, in rising order, as JSON types: `fold`, `n_test`, `test_accuracy`, `confusion`,
    `balanced_accuracy`, and `sensitivity`, `specificity`, `auc` by class, None where one is not defined."""
    return [_of_fold(number, true[folds == number], logits[folds == number], classes) for number in np.unique(folds)]


def _of_fold(number: int, true: Ints, logits: Floats, classes: Sequence[str]) -> dict[str, Any]:
    matrix = confusion(true, logits.argmax(axis=1), len(classes))
    return {
        "fold": int(number),
        "n_test": len(true),
        "test_accuracy": _number(accuracy(matrix)),
        "confusion": matrix.tolist(),
        "balanced_accuracy": _number(mean_of_defined(sensitivity(matrix))),
        "sensitivity": _by_class(sensitivity(matrix), classes),
        "specificity": _by_class(specificity(matrix), classes),
        "auc": _by_class(auc(true, logits), classes),
    }


def fold_range(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """[lowest, highest] over folds (see `of_folds`) of `accuracy` and `balanced_accuracy`, and by class of
    `sensitivity`, `specificity` and `auc`. Folds in which one is not defined do not count; None if none is left."""
    by_class = ("sensitivity", "specificity", "auc")
    return {
        "accuracy": _range(entry["test_accuracy"] for entry in entries),
        "balanced_accuracy": _range(entry["balanced_accuracy"] for entry in entries),
        **{
            measure: {name: _range(entry[measure][name] for entry in entries) for name in entries[0][measure]}
            for measure in by_class
        },
    }


def _range(values: Any) -> list[float] | None:
    defined = [value for value in values if value is not None]
    return [min(defined), max(defined)] if defined else None


def _by_class(values: Floats, classes: Sequence[str]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in zip(classes, values, strict=True)}


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
