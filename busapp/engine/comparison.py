"""Validation runs side by side: their accuracies, and whether they differ on the images that both were tested on."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from busapp.engine.predictions import read_predictions
from busapp.engine.runs import Run
from busapp.errors import BadInput

_COLUMNS = (
    "system",
    "protocol",
    "n_images",
    "n_groups",
    "n_synthetic",
    "accuracy",
    "accuracy_ci95",
    "sensitivity",
    "specificity",
    "auc",
    "leaks",
)


def compare_runs(runs: Sequence[Run]) -> dict[str, Any]:
    """The runs as columns, and a paired test for every two of them, as JSON types.

    Returns:
        `runs`: one entry each, with `run`, `name` and the contract's `system` to `leaks`. `tests`: `first`,
        `second`, `n_common` images tested in both, `only_first_right`, `only_second_right`, `difference` of the
        accuracies on the common images (second minus first), and `p_value` of McNemar's exact test.

    Raises:
        BadInput: fewer than two runs, or one is no finished validation.
    """
    if len(runs) < 2:
        raise BadInput("One run cannot be compared", remedy="Name two or more finished validation runs.")
    results = [finished_validation(run) for run in runs]
    right = [_right_by_image(run) for run in runs]
    tests = [
        {"first": runs[a].id, "second": runs[b].id, **mcnemar(right[a], right[b])}
        for a, b in combinations(range(len(runs)), 2)
    ]
    columns = [
        {"run": run.id, "name": run.info.name, **{key: result[key] for key in _COLUMNS}}
        for run, result in zip(runs, results, strict=True)
    ]
    return {"runs": columns, "tests": tests}


def finished_validation(run: Run) -> dict[str, Any]:
    """The result of a finished validation run. Raises `BadInput` where it is none."""
    result = run.result() if run.info.kind == "validate" and run.info.state == "finished" else None
    if result is None:
        raise BadInput(
            "This is not a finished validation run", file=run.id, remedy="Finish it first, or name another run."
        )
    return result


def _right_by_image(run: Run) -> dict[tuple[str, str], bool]:
    """Whether each tested image, by name and content, was classified rightly."""
    return {(row.file, row.sha256): row.true == row.predicted for row in read_predictions(run)}


def mcnemar(first: dict[tuple[str, str], bool], second: dict[tuple[str, str], bool]) -> dict[str, Any]:
    """McNemar's exact test on the images in both: the two-sided binomial test of those that only one got right."""
    from scipy.stats import binomtest

    common = first.keys() & second.keys()
    only_first = sum(first[image] and not second[image] for image in common)
    only_second = sum(second[image] and not first[image] for image in common)
    differing = only_first + only_second
    return {
        "n_common": len(common),
        "only_first_right": only_first,
        "only_second_right": only_second,
        "difference": (only_second - only_first) / len(common) if common else None,
        "p_value": float(binomtest(only_first, differing).pvalue) if differing else (1.0 if common else None),
    }
