"""A waterfall from the published protocol to the strict one: what each leak adds to the accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from busapp.engine.utils.words import images_in_groups, per_cent, signed
from busapp.gui.theme import colours
from busapp.gui.validation.differences import Difference, p_in_words
from busapp.gui.widgets.exporting import write_rows
from busapp.gui.widgets.rows_plot import RowsPlot

FALLS: Final = "#E69F00"
RISES: Final = "#56B4E9"
_BAR: Final = 20
"""Height of a bar in pixels."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: an accuracy with its interval (`before` is None), or a step from the accuracy `before` to `accuracy`.
    All numbers are in per cent."""

    label: str
    words: str
    tip: str
    accuracy: float
    interval: tuple[float, float] | None = None
    before: float | None = None


def bars_of(steps: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """Return the bars for the `steps` of a measurement of leaks (`engine.leaks`): first total, steps, last total."""
    first, last = steps[0], steps[-1]
    bars = [_total("published: everything leaks", first)]
    for before, step in pairwise(steps):
        bars.append(_step(before, step))
    return [*bars, _total("strict: nothing leaks", last)]


def _total(label: str, step: Mapping[str, Any]) -> Bar:
    interval = step["accuracy_ci95"]
    images = images_in_groups(step["n_images"], step["n_groups"])
    return Bar(
        label,
        per_cent(step["accuracy"], interval),
        f"{label}: accuracy {per_cent(step['accuracy'], interval)}, 95 % interval in brackets; {images}",
        100 * step["accuracy"],
        (100 * interval[0], 100 * interval[1]) if interval else None,
    )


def _step(before: Mapping[str, Any], step: Mapping[str, Any]) -> Bar:
    tip = (
        f"Without “{step['label']}” the accuracy is {per_cent(step['accuracy'], step['accuracy_ci95'])}, 95 % interval "
        f"in brackets. {shared_in_words(step)}"
    )
    return Bar(
        f"without: {step['label']}",
        worth_in_words(step).replace("; ", ";\n"),
        tip,
        100 * step["accuracy"],
        before=100 * before["accuracy"],
    )


def worth_in_words(entry: Mapping[str, Any]) -> str:
    """`−4.1 points (−6.0 to −2.2)`. The interval is of the images that both runs tested. If the difference on these is
    another one, it stands there too, with the interval."""
    whole = 100 * entry["difference"]
    if entry["paired_difference"] is None:
        return f"{signed(whole)} points"
    shared = Difference.of(entry["paired_difference"], entry["paired_ci95"], turned=False)
    bounds = f" ({shared.interval})" if shared.interval else ""
    if signed(whole) == signed(shared.value):
        return f"{signed(whole)} points{bounds}"
    return f"{signed(whole)} points; on shared images {signed(shared.value)}{bounds}"


def shared_in_words(entry: Mapping[str, Any]) -> str:
    """Describe the images on which two runs were compared, and the test."""
    if entry["paired_difference"] is None:
        return "The two runs have no tested image in common."
    folds = "the same folds" if entry["same_folds"] else "different folds"
    return (
        f"Compared on {images_in_groups(entry['n_common'], entry['n_groups_common'])} that both runs tested, in "
        f"{folds}; {p_in_words(entry['p_value'])} (McNemar on groups, exact)."
    )


class Waterfall(RowsPlot):
    """One bar for each step."""

    axis = "Accuracy (%), all test folds together"
    row_height = 44

    def __init__(self, parent: QWidget | None = None) -> None:
        self._steps: list[Mapping[str, Any]] = []
        self.bars: list[Bar] = []
        super().__init__("What leaks are worth", parent)

    @property
    def rows(self) -> Sequence[Bar]:
        return self.bars

    def show_steps(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """Show a measurement; `steps` as in `engine.leaks`."""
        self._steps = list(steps)
        self.bars = bars_of(self._steps)
        self.rows_changed()

    def axis_range(self) -> tuple[float, float]:
        """Range in per cent, in whole tens around all bars."""
        values = [value for bar in self.bars for value in (bar.accuracy, *(bar.interval or ()))]
        low, high = 10 * (min(values) // 10), 10 * -(-max(values) // 10)
        if low == high:  # all values are equal, and a multiple of ten
            low, high = low - 10, high + 10
        return max(0.0, low), min(100.0, high)

    def paint_row(self, painter: QPainter, middle: QRectF, number: int, centre: float) -> None:
        bar = self.bars[number]
        x = self.x_of(bar.accuracy, middle)
        if bar.before is None:
            self.paint_interval(painter, middle, centre, bar.accuracy, bar.interval)
        else:
            start = self.x_of(bar.before, middle)
            painter.setPen(QPen(QColor(colours().text), 1))
            painter.setBrush(QColor(FALLS if bar.accuracy <= bar.before else RISES))
            painter.drawRect(QRectF(min(start, x), centre - _BAR / 2, max(2.0, abs(x - start)), _BAR))
        if number + 1 < len(self.bars):  # leads the eye to the start of the next bar
            painter.setPen(QPen(QColor(colours().muted), 1, Qt.PenStyle.DotLine))
            below = centre + (_BAR / 2 if bar.before is not None else 6)
            painter.drawLine(QPointF(x, below), QPointF(x, centre + self.row_height))

    def write_csv(self, path: Path) -> None:
        """Write one row for each step, as fractions."""
        rows: list[Sequence[object]] = [_CSV]
        for step in self._steps:
            bounds = [*(step["accuracy_ci95"] or (None, None)), *(step["paired_ci95"] or (None, None))]
            known = [step["label"], step["run"], step["n_images"], step["n_groups"], step["accuracy"], *bounds[:2]]
            rows.append([*known, step["difference"], step["paired_difference"], *bounds[2:], step["p_value"]])
        write_rows(path, rows)


_CSV: Final = (
    "Leak that is closed",
    "Run",
    "Images",
    "Groups",
    "Accuracy",
    "Accuracy, low",
    "Accuracy, high",
    "Difference to the step before",
    "Difference on shared images",
    "Difference on shared images, low",
    "Difference on shared images, high",
    "p-value",
)
