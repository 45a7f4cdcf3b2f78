"""Differences between two cross-validations on the same images in the same folds."""

from collections.abc import Sequence
from math import isclose

from busapp.engine.contract.validation import Interval, MeasureDifferences, TestedDifference
from busapp.engine.results.comparison import mcnemar, paired
from busapp.engine.results.predictions import Prediction
from busapp.errors import BadInput


def difference(first: Sequence[Prediction], second: Sequence[Prediction], names: tuple[str, str]) -> MeasureDifferences:
    """Second training minus first, by measure: `accuracy`, `balanced_accuracy` and `sensitivity/<class>`. `names` are
    the ids of the two runs.

    Each difference has an interval (`ci95`, paired bootstrap over groups; None if all draws agree, which is no
    certainty) and a `p_value` (McNemar's exact test on groups; None for balanced accuracy, which the test does not
    apply to).

    Raises:
        BadInput: the two were not tested on the same images in the same folds.
    """
    test = paired(first, second)
    gained = test["difference"]
    if gained is None or not (test["n_common"] == len(first) == len(second) and test["same_folds"]):
        raise BadInput(
            f"{names[0]} and {names[1]} were not tested on the same images in the same folds, so that their difference "
            "does not show which training is better",
            remedy="Import the unreadable images again, delete these two runs, and measure again.",
        )
    found = {"accuracy": _entry(gained, test["difference_ci95"], test["p_value"])}
    for measure, entry in test["differences"].items():
        name, _, of_class = measure.partition("/")
        if name == "sensitivity":
            before, after = ([row for row in rows if row.true == of_class] for rows in (first, second))
            found[measure] = _entry(entry["difference"], entry["ci95"], mcnemar(before, after))
        elif name == "balanced_accuracy":
            found[measure] = _entry(entry["difference"], entry["ci95"], None)
    return found


def _entry(value: float, interval: Interval | None, p_value: float | None) -> TestedDifference:
    is_one = interval is not None and isclose(*interval, abs_tol=1e-9)
    return {"difference": value, "ci95": None if is_one else interval, "p_value": p_value}
