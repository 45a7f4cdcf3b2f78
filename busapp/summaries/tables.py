"""Tables of measures for the terminal: their rows, their cells, and columns that line up."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from busapp.engine.utils.words import NONE, per_cent

Interval = Sequence[float] | None


class Row(NamedTuple):
    """A measure with its title. `class_name` is None for a measure of all classes together."""

    title: str
    measure: str
    class_name: str | None


def rows_of(classes: Sequence[str]) -> list[Row]:
    """The rows of a table of measures: those of all classes together, then those of each class."""
    titles = {"sensitivity": "sensitivity", "specificity": "specificity", "auc": "AUC"}
    return [
        Row("accuracy", "accuracy", None),
        Row("balanced accuracy", "balanced_accuracy", None),
        Row("AUC, mean of classes", "macro_auc", None),
        Row("training accuracy", "train_accuracy", None),
        *(Row(f"{titles[measure]} {name}", measure, name) for name in classes for measure in titles),
    ]


def with_interval(result: Mapping[str, Any], measure: str, class_name: str | None = None) -> str:
    """A measure of a result with its 95 % interval: a percentage, or a plain number for an area under the curve."""
    value, interval = result[measure], result.get(f"{measure}_ci95")
    if class_name is not None:
        value, interval = value.get(class_name), interval and interval.get(class_name)
    return _area(value, interval) if measure.endswith("auc") else per_cent(value, interval)


def _area(value: float | None, interval: Interval) -> str:
    """`0.921 (0.897 to 0.941)`."""
    if value is None:
        return NONE
    return f"{value:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def points(difference: float, interval: Interval = None) -> str:
    """`+1.2 points (-0.3 to +2.7)`, for fractions."""
    brackets = f" ({100 * interval[0]:+.1f} to {100 * interval[1]:+.1f})" if interval else ""
    return f"{100 * difference:+.1f} points{brackets}"


def area_gained(difference: float, interval: Interval) -> str:
    """`+0.012 (-0.003 to +0.027)`."""
    return f"{difference:+.3f}" + (f" ({interval[0]:+.3f} to {interval[1]:+.3f})" if interval else "")


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as indented lines, their columns padded to one width."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        ("  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip() for row in rows
    ]
