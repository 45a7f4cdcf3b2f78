"""A plot of differences with their intervals around zero, one row each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from busapp.engine.utils.words import signed
from busapp.gui.theme import colours
from busapp.gui.validation.differences import Difference, p_in_words
from busapp.gui.widgets.exporting import write_rows
from busapp.gui.widgets.rows_plot import RowsPlot


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A measure, its difference in points, and the p-value of the difference (None: not tested)."""

    label: str
    difference: Difference
    p_value: float | None = None

    @property
    def words(self) -> str:
        bounds = f" ({self.difference.interval})" if self.difference.interval else ""
        return f"{signed(self.difference.value)}{bounds}"

    @property
    def tip(self) -> str:
        test = "" if self.p_value is None else f"; {p_in_words(self.p_value)} (McNemar on groups, exact)"
        interval = ", 95 % interval in brackets" if self.difference.interval else ""
        return f"{self.label}: {self.words} points{interval}{test}"


class DifferencePlot(RowsPlot):
    """A heavy line marks zero: an interval that crosses it shows no difference."""

    axis = "Difference in points, paired on the same images; 95 % intervals"
    row_height = 26

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        self._rows: Sequence[DifferenceRow] = ()
        self._beside: Sequence[DifferenceRow] = ()
        super().__init__(title, parent)

    @property
    def rows(self) -> Sequence[DifferenceRow]:
        return self._rows

    def show_rows(self, rows: Sequence[DifferenceRow], beside: Sequence[DifferenceRow] = ()) -> None:
        """Show these differences, on an axis that also has room for the rows of the plots `beside` this one."""
        self._rows, self._beside = list(rows), list(beside)
        self.rows_changed()

    def axis_range(self) -> tuple[float, float]:
        """Range in points: zero, all rows, and a small margin."""
        found = [row.difference for row in (*self._rows, *self._beside)]
        values = [v for one in found for v in (one.value, one.low, one.high) if v is not None]
        low, high = min(0.0, *values), max(0.0, *values)
        room = max(1.0, 0.05 * (high - low))
        return low - room, high + room

    def paint_row(self, painter: QPainter, middle: QRectF, number: int, centre: float) -> None:
        zero = self.x_of(0.0, middle)
        painter.setPen(QPen(QColor(colours().muted), 2))
        half = self.row_height / 2
        painter.drawLine(QPointF(zero, centre - half), QPointF(zero, centre + half))
        found = self._rows[number].difference
        bounds = None if found.low is None or found.high is None else (found.low, found.high)
        self.paint_interval(painter, middle, centre, found.value, bounds)

    def write_csv(self, path: Path) -> None:
        """Write one row for each difference, in points."""
        head = ("Measure", "Difference", "Difference, low", "Difference, high", "p-value")
        rows = [(r.label, r.difference.value, r.difference.low, r.difference.high, r.p_value) for r in self._rows]
        write_rows(path, [head, *rows])
