"""Plots of labelled rows over one axis: a label on the left, a mark in the middle, its number in words on the right."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final, Protocol

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QFontMetrics, QHelpEvent, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolTip, QWidget

from busapp.gui.theme import SPACE, colours, plot_colours, theme
from busapp.gui.widgets.exporting import add_exports, write_picture

Bounds = tuple[float, float] | None
_AXIS: Final = 40
_TICKS: Final = (1, 2, 5, 10, 20, 50)
"""Possible units between two ticks. The plot takes the smallest that leaves room for the numbers."""


class PlottedRow(Protocol):
    """The contents of a row. `tip` describes all of it in words."""

    @property
    def label(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def tip(self) -> str: ...


class RowsPlot(QWidget):
    """A plot of rows. Hover or the arrow keys read a row; a right click exports PNG, SVG or CSV."""

    axis: ClassVar[str]
    """The name of the axis, with its unit."""
    row_height: ClassVar[int]

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._current = -1
        self.set_title(title)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    # -- for the subclass ----------------------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[PlottedRow]:
        """The rows, from top to bottom."""
        raise NotImplementedError

    def axis_range(self) -> tuple[float, float]:
        """Return the values at both ends of the axis."""
        raise NotImplementedError

    def paint_row(self, painter: QPainter, middle: QRectF, number: int, centre: float) -> None:
        """Draw the mark of a row. `centre` is the y of its middle; `x_of` returns the x of a value."""
        raise NotImplementedError

    def write_csv(self, path: Path) -> None:
        """Write the numbers as a CSV file."""
        raise NotImplementedError

    def set_title(self, title: str) -> None:
        """Set the name for exports and screen readers."""
        self.title = title
        self.setAccessibleName(title)

    def rows_changed(self) -> None:
        """Draw the plot again, because the rows have changed."""
        self._current = -1
        self.setAccessibleDescription("; ".join(f"{row.label}: {row.words}" for row in self.rows))
        self.updateGeometry()
        self.update()

    def x_of(self, value: float, middle: QRectF) -> float:
        """Return the x of a value between the ends of the axis."""
        low, high = self.axis_range()
        return float(middle.left() + (value - low) / (high - low) * middle.width())

    # -- painting ------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(640, len(self.rows) * self.row_height + _AXIS)

    def minimumSizeHint(self) -> QSize:
        return QSize(420, len(self.rows) * self.row_height + _AXIS)

    def _columns(self) -> tuple[QRectF, QRectF, QRectF]:
        """Return the areas of labels, marks and numbers. The numbers can have several lines."""
        metrics = QFontMetrics(self.font())
        height = float(len(self.rows) * self.row_height)
        labels = min(0.28 * self.width(), max(metrics.horizontalAdvance(row.label) for row in self.rows) + SPACE)
        lines = [line for row in self.rows for line in row.words.splitlines()]
        words = min(0.30 * self.width(), max(map(metrics.horizontalAdvance, lines)) + SPACE)
        middle = QRectF(labels + SPACE, 0, self.width() - labels - words - 3 * SPACE, height)
        return QRectF(0, 0, labels, height), middle, QRectF(self.width() - words, 0, words, height)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(plot_colours().background))
        if self.rows:
            labels, middle, words = self._columns()
            self._paint_axis(painter, middle)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap
            left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap
            for number, row in enumerate(self.rows):
                top, height = number * self.row_height, self.row_height
                painter.setPen(QColor(colours().text))
                painter.drawText(QRectF(labels.left(), top, labels.width(), height), right, row.label)
                painter.drawText(QRectF(words.left(), top, words.width(), height), left, row.words)
                self.paint_row(painter, middle, number, top + height / 2)
            self._paint_focus(painter)
        painter.end()

    def _paint_focus(self, painter: QPainter) -> None:
        if self.hasFocus() and self._current >= 0:
            painter.setPen(QPen(QColor(colours().accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            top = self._current * self.row_height
            painter.drawRect(QRectF(1, top + 1, self.width() - 2, self.row_height - 2))

    def _paint_axis(self, painter: QPainter, middle: QRectF) -> None:
        low, high = self.axis_range()
        grid = QColor(plot_colours().grid)
        room = painter.fontMetrics().horizontalAdvance("−100") + 2 * SPACE
        step = next((step for step in _TICKS if step * middle.width() >= room * (high - low)), _TICKS[-1])
        value = -(-low // step) * step
        while value <= high:
            x = self.x_of(value, middle)
            painter.setPen(QPen(grid, 1))
            painter.drawLine(QPointF(x, 0), QPointF(x, middle.height()))
            painter.setPen(QColor(colours().muted))
            box = QRectF(x - room / 2, middle.height() + 2, room, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{value:.0f}".replace("-", "−"))
            value += step
        name = QRectF(middle.left() - 60, middle.height() + 18, middle.width() + 120, 18)
        painter.drawText(name, Qt.AlignmentFlag.AlignCenter, self.axis)

    def paint_interval(self, painter: QPainter, middle: QRectF, centre: float, value: float, bounds: Bounds) -> None:
        """Draw a value as a dot, and its interval, if there is one, as a line with ends."""
        ink = QColor(colours().text)
        painter.setPen(QPen(ink, 2))
        if bounds is not None:
            low, high = (self.x_of(bound, middle) for bound in bounds)
            painter.drawLine(QPointF(low, centre), QPointF(high, centre))
            for end in (low, high):
                painter.drawLine(QPointF(end, centre - 5), QPointF(end, centre + 5))
        painter.setBrush(ink)
        painter.drawEllipse(QPointF(self.x_of(value, middle), centre), 5, 5)

    # -- reading -------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            number = int(event.pos().y() // self.row_height)
            QToolTip.showText(event.globalPos(), self.rows[number].tip if 0 <= number < len(self.rows) else "", self)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is None or not self.rows:
            super().keyPressEvent(event)
            return
        self._current = min(max(self._current + step, 0), len(self.rows) - 1)
        tip = self.rows[self._current].tip
        self.setAccessibleDescription(tip)
        QToolTip.showText(self.mapToGlobal(QPointF(SPACE, (self._current + 1) * self.row_height).toPoint()), tip, self)
        self.update()

    # -- export --------------------------------------------------------------------------------------------

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.export_menu().popup(event.globalPos())

    def export_menu(self) -> QMenu:
        """Return a menu that exports as PNG, SVG or CSV."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        add_exports(menu, self, self.title, ("png", "svg", "csv"), self.export)
        return menu

    def export(self, path: Path) -> None:
        """Write the plot as it is shown (PNG, SVG), or its numbers (CSV)."""
        if path.suffix.lower() == ".csv":
            self.write_csv(path)
        else:
            write_picture(self, path, self.title)
