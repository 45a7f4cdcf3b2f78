"""Validation runs side by side: their accuracies, and whether they differ on the images that both were tested on
(McNemar's exact test on groups of near-duplicates)."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from busapp.engine.predictions import Prediction, read_predictions
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
        `runs`: one entry each, with `run`, `name`, `dataset` (the fingerprint of the images that it began with),
        `equalise` and the contract's `system` to `leaks`. `tests`: `first`,
        `second`, `n_common` images tested in both with the same true class, `n_groups_common` groups they are in,
        `only_first_right` and `only_second_right` images, `groups_first_better` and `groups_second_better`,
        `difference` of the accuracies on the common images (second minus first), and `p_value` of McNemar's exact
        test on the groups.

    Raises:
        BadInput: fewer than two runs, or one is no finished validation.
    """
    if len(runs) < 2:
        raise BadInput("One run cannot be compared", remedy="Name two or more finished validation runs.")
    results = [finished_validation(run) for run in runs]
    tested = [read_predictions(run) for run in runs]
    tests = [
        {"first": runs[a].id, "second": runs[b].id, **mcnemar(tested[a], tested[b])}
        for a, b in combinations(range(len(runs)), 2)
    ]
    columns = [
        {
            "run": run.id,
            "name": run.info.name,
            "dataset": run.info.dataset,
            "equalise": result.get("equalise", False),  # older results do not speak of it
            **{key: result[key] for key in _COLUMNS},
        }
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


def mcnemar(first: Sequence[Prediction], second: Sequence[Prediction]) -> dict[str, Any]:
    """McNemar's exact test on groups, since near-duplicates are no independent evidence.

    Images are paired if name, content and true class are the same in both runs. A group votes for the run that got
    more of its common images right, or for none; the p-value is the two-sided binomial test of these votes. What is
    one group in either run is one here. Returns a test as in `compare_runs`, without `first` and `second`.
    """
    from scipy.stats import binomtest

    before, after = _by_image(first), _by_image(second)
    pairs = [(before[image], after[image]) for image in before.keys() & after.keys()]
    gains = [_is_right(later) - _is_right(earlier) for earlier, later in pairs]
    groups = _joined_groups(pairs)
    votes = [0] * len(set(groups))
    for group, gain in zip(groups, gains, strict=True):
        votes[group] += gain
    first_better = sum(vote < 0 for vote in votes)
    second_better = sum(vote > 0 for vote in votes)
    differing = first_better + second_better
    return {
        "n_common": len(pairs),
        "n_groups_common": len(votes),
        "only_first_right": gains.count(-1),
        "only_second_right": gains.count(1),
        "groups_first_better": first_better,
        "groups_second_better": second_better,
        "difference": sum(gains) / len(pairs) if pairs else None,
        "p_value": float(binomtest(first_better, differing).pvalue) if differing else (1.0 if pairs else None),
    }


def _by_image(predictions: Sequence[Prediction]) -> dict[tuple[str, str, str], Prediction]:
    return {(row.file, row.sha256, row.true): row for row in predictions}


def _is_right(row: Prediction) -> bool:
    return row.true == row.predicted


def _joined_groups(pairs: Sequence[tuple[Prediction, Prediction]]) -> list[int]:
    """The group of each pair, numbered from 0: pairs that share a group in either run are in one."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not pairs:
        return []
    # Both runs' groups are nodes, and each image is an edge between its two groups.
    rows = np.unique([earlier.group for earlier, _ in pairs], return_inverse=True)[1]
    columns = np.unique([later.group for _, later in pairs], return_inverse=True)[1] + rows.max() + 1
    size = int(columns.max()) + 1
    graph = coo_array((np.ones(len(pairs), bool), (rows, columns)), shape=(size, size))
    labels: list[int] = connected_components(graph, directed=False)[1][rows].tolist()
    return labels
