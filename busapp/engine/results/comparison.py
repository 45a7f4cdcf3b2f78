"""Comparison of validation runs: their measures, and paired tests on the images that both runs tested."""

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from busapp.engine import metrics
from busapp.engine.contract.validation import (
    Comparison,
    ComparisonColumn,
    ComparisonTest,
    Interval,
    MeasureDifference,
    PairedTest,
    UsedFeatures,
    ValidationResult,
)
from busapp.engine.images.steps import preparation_of
from busapp.engine.networks.registry import DEFAULT
from busapp.engine.results import statistics
from busapp.engine.results.predictions import Prediction, read_predictions
from busapp.engine.results.stored_results import finished_validation
from busapp.engine.study.runs import Run
from busapp.errors import BadInput

_Pair = tuple[Prediction, Prediction]


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """The runs as columns, and a paired test (`paired`) of every two of them, as JSON types. Older results are
    completed as in `statistics.of_run`.

    Raises:
        BadInput: there are fewer than two runs, or one is not a finished validation.
    """
    if len(runs) < 2:
        raise BadInput("One run cannot be compared", remedy="Name two or more finished validation runs.")
    columns = [_column(run) for run in runs]
    tested = [read_predictions(run) for run in runs]
    tests: list[ComparisonTest] = [
        {"first": runs[a].id, "second": runs[b].id, **paired(tested[a], tested[b])}
        for a, b in combinations(range(len(runs)), 2)
    ]
    return {"runs": columns, "tests": tests}


def _features_of(result: ValidationResult) -> UsedFeatures:
    kept = {name: result[name] for name in UsedFeatures.__optional_keys__ if name in result}  # type: ignore[literal-required]
    return cast(UsedFeatures, kept)


def _column(run: Run) -> ComparisonColumn:
    finished_validation(run)
    result = statistics.of_run(run)
    return {
        "run": run.id,
        "name": run.info.name,
        "dataset": run.info.dataset,
        **preparation_of(result),
        "n_folds": len(result["folds"]),
        "system": result["system"],
        "protocol": result["protocol"],
        "recipe": result["recipe"],
        "network": result.get("network", DEFAULT),
        **_features_of(result),
        "classes": result["classes"],
        "epochs": result["epochs"],
        "seed": result["seed"],
        "n_images": result["n_images"],
        "n_groups": result["n_groups"],
        "n_synthetic": result["n_synthetic"],
        "train_accuracy": result["train_accuracy"],
        "accuracy": result["accuracy"],
        "accuracy_ci95": result["accuracy_ci95"],
        "balanced_accuracy": result["balanced_accuracy"],
        "balanced_accuracy_ci95": result["balanced_accuracy_ci95"],
        "sensitivity": result["sensitivity"],
        "sensitivity_ci95": result["sensitivity_ci95"],
        "specificity": result["specificity"],
        "specificity_ci95": result["specificity_ci95"],
        "class_accuracy": result["class_accuracy"],
        "class_accuracy_ci95": result["class_accuracy_ci95"],
        "auc": result["auc"],
        "auc_ci95": result["auc_ci95"],
        "macro_auc": result["macro_auc"],
        "macro_auc_ci95": result["macro_auc_ci95"],
        "confusion": result["confusion"],
        "fold_range": result["fold_range"],
        "calibration": result["calibration"],
        "operating_points": result["operating_points"],
        "picked_epoch": result["picked_epoch"],
        "switches": result["switches"],
        "leaks": result["leaks"],
    }


def paired(first: Sequence[Prediction], second: Sequence[Prediction], *, seed: int = 0) -> PairedTest:
    """Compare two runs on the images that both tested. Differences are second minus first.

    Images are paired if name, content and true class are the same in both runs. Images that share a group in either run
    are one group here, since near-duplicates are no independent evidence. A group votes for the run that got more of
    its common images right, or for none. McNemar's exact test (McNemar 1947) is the two-sided binomial test of these
    votes. Intervals are percentiles of the paired bootstrap (Efron and Tibshirani 1993): each draw of groups gives both
    runs the same images. With one interval per measure, one in twenty excludes zero by chance alone.

    Returns:
        Counts of common images and groups, and of those on which one run was right or better; the difference of the
        accuracies with interval and p-value; and the `differences` of all measures that are defined in both runs.
    """
    pairs = _pairs(first, second)
    groups, gains = _joined_groups(pairs), _gains(pairs)
    votes = _votes(groups, gains)
    first_better, second_better = int((votes < 0).sum()), int((votes > 0).sum())
    bootstrap = metrics.Bootstrap.over(groups, seed=seed) if pairs else None
    return {
        "n_common": len(pairs),
        "n_groups_common": len(votes),
        "same_folds": _same_folds(pairs, len(first), len(second)),
        "only_first_right": int((gains < 0).sum()),
        "only_second_right": int((gains > 0).sum()),
        "groups_first_better": first_better,
        "groups_second_better": second_better,
        "difference": float(gains.mean()) if pairs else None,
        "difference_ci95": _mean_interval(gains, bootstrap) if bootstrap else None,
        "p_value": _sign_test(first_better, second_better) if pairs else None,
        "differences": _differences(pairs, bootstrap) if bootstrap else {},
    }


def mcnemar(first: Sequence[Prediction], second: Sequence[Prediction]) -> float | None:
    """p-value of McNemar's exact test on groups, as in `paired`, for any subset of the images: with the images of one
    class, it tests the sensitivity. None if no image is common."""
    pairs = _pairs(first, second)
    votes = _votes(_joined_groups(pairs), _gains(pairs))
    return _sign_test(int((votes < 0).sum()), int((votes > 0).sum())) if pairs else None


def _pairs(first: Sequence[Prediction], second: Sequence[Prediction]) -> list[_Pair]:
    before, after = _by_image(first), _by_image(second)
    return [(before[image], after[image]) for image in before if image in after]


def _gains(pairs: Sequence[_Pair]) -> npt.NDArray[np.intp]:
    """int (n,): 1 if only the second run is right, −1 if only the first is, else 0."""
    return np.array([_is_right(later) - _is_right(earlier) for earlier, later in pairs], dtype=np.intp)


def _votes(groups: npt.NDArray[np.intp], gains: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """Sum of the gains in each group."""
    return np.bincount(groups, weights=gains.astype(np.float64))


def _by_image(predictions: Sequence[Prediction]) -> dict[tuple[str, str, str], Prediction]:
    return {(row.file, row.sha256, row.true): row for row in predictions}


def _is_right(row: Prediction) -> bool:
    return row.true == row.predicted


def _sign_test(one: int, other: int) -> float:
    """Two-sided p-value of a split of votes: the probability of a split at least as uneven if both sides are equally
    likely."""
    votes, fewer = one + other, min(one, other)
    return min(1.0, float(2 * sum(comb(votes, k) for k in range(fewer + 1)) / 2**votes))


def _same_folds(pairs: Sequence[_Pair], n_first: int, n_second: int) -> bool:
    """True if both runs divided the common images into the same test sets; the numbers of the folds may differ.

    A hold-out has one test set, so that both runs must have tested exactly the same images.
    """
    if not pairs:
        return False
    folds = {(earlier.fold, later.fold) for earlier, later in pairs}
    one_to_one = len(folds) == len({fold for fold, _ in folds}) == len({fold for _, fold in folds})
    return one_to_one and (len(folds) > 1 or len(pairs) == n_first == n_second)


def _mean_interval(gains: npt.NDArray[np.intp], bootstrap: metrics.Bootstrap) -> Interval | None:
    sums = bootstrap.sums(np.stack([gains, np.ones(len(gains))], axis=1))
    return metrics.interval95(sums[:, 0] / sums[:, 1])


def _differences(pairs: Sequence[_Pair], bootstrap: metrics.Bootstrap) -> dict[str, MeasureDifference]:
    classes = sorted({name for pair in pairs for row in pair for name in (row.true, row.predicted)})
    (before, before_drawn), (after, after_drawn) = (
        _measured([pair[run] for pair in pairs], classes, bootstrap) for run in (0, 1)
    )
    return {
        measure: {
            "difference": float(after[measure] - before[measure]),
            "ci95": metrics.interval95(after_drawn[measure] - before_drawn[measure]),
        }
        for measure in before
        if measure in after and np.isfinite(after[measure] - before[measure])
    }


def _measured(
    rows: Sequence[Prediction], classes: Sequence[str], bootstrap: metrics.Bootstrap
) -> tuple[dict[str, metrics.Floats], dict[str, metrics.Floats]]:
    """Measures by name: one number each on the images themselves, and (RESAMPLES,) each in the draws."""
    true, predicted = (
        np.array([classes.index(name) for name in names], dtype=np.intp)
        for names in ([row.true for row in rows], [row.predicted for row in rows])
    )
    logits = np.array([list(row.logits.values()) for row in rows])
    areas, drawn_areas = {}, {}
    for index, name in enumerate(rows[0].logits):
        is_class, scores = np.array([row.true == name for row in rows]), metrics.softmax(logits)[:, index]
        areas[name] = metrics.weighted_auc(is_class, scores, np.ones(len(rows)))
        drawn_areas[name] = bootstrap.auc(is_class, scores)
    return (
        _by_name(metrics.confusion(true, predicted, len(classes)), areas, classes),
        _by_name(bootstrap.confusions(true, predicted, len(classes)), drawn_areas, classes),
    )


def _by_name(
    matrix: npt.NDArray[Any], areas: dict[str, metrics.Floats], classes: Sequence[str]
) -> dict[str, metrics.Floats]:
    """Measures by name, from a confusion matrix (…, classes, classes) and areas under curves (…,) by class."""
    sensitivity, specificity = metrics.sensitivity(matrix), metrics.specificity(matrix)
    return {
        "balanced_accuracy": metrics.mean_of_defined(sensitivity),
        **({"macro_auc": metrics.mean_of_defined(np.stack(list(areas.values()), axis=-1))} if areas else {}),
        **{f"sensitivity/{name}": sensitivity[..., index] for index, name in enumerate(classes)},
        **{f"specificity/{name}": specificity[..., index] for index, name in enumerate(classes)},
        **{f"auc/{name}": area for name, area in areas.items()},
    }


def _joined_groups(pairs: Sequence[_Pair]) -> npt.NDArray[np.intp]:
    """Group of each pair, int (n,), numbered from 0. Pairs that share a group in either run are in one group."""
    if not pairs:
        return np.zeros(0, dtype=np.intp)
    # The groups of both runs are nodes of a graph, and each image is an edge between its two groups.
    root: dict[tuple[int, int], tuple[int, int]] = {}

    def find(node: tuple[int, int]) -> tuple[int, int]:
        while root.setdefault(node, node) != node:
            root[node] = node = root[root[node]]
        return node

    for earlier, later in pairs:
        root[find((0, earlier.group))] = find((1, later.group))
    roots = [find((0, earlier.group)) for earlier, _ in pairs]
    number = {node: index for index, node in enumerate(dict.fromkeys(roots))}
    return np.array([number[node] for node in roots], dtype=np.intp)
