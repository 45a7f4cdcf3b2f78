"""From the published protocol down to the strict one: what each leak adds to the accuracy, as a waterfall."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolTip, QWidget

from busapp.engine.words import signed
from busapp.gui.theme import SPACE, colours, plot_colours, theme
from busapp.gui.widgets.differences import Difference, p_in_words
from busapp.gui.widgets.exporting import add_exports, write_picture, write_rows
from busapp.summaries import per_cent

FALLS: Final = "#E69F00"
RISES: Final = "#56B4E9"
_ROW: Final = 44
_AXIS: Final = 40
_BAR: Final = 20
_TICKS: Final = (1, 2, 5, 10, 20, 50)
"""Points between two ticks: the smallest that leaves room between them."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row, all numbers in per cent or points: an accuracy with its interval (`before` is None), or the step from
    the accuracy `before` to this one."""

    label: str
    words: str
    tip: str
    accuracy: float
    interval: tuple[float, float] | None = None
    before: float | None = None


def bars_of(steps: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """From the `steps` of a measurement of leaks (`engine.leaks`): where they begin, each step, and where they end."""
    first, last = steps[0], steps[-1]
    bars = [_total("published: everything leaks", first)]
    for before, step in pairwise(steps):
        bars.append(_step(before, step))
    return [*bars, _total("strict: nothing leaks", last)]


def _total(label: str, step: Mapping[str, Any]) -> Bar:
    interval = step["accuracy_ci95"]
    images = f"{step['n_images']:,} images in {step['n_groups']:,} groups"
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
    """`−4.1 points (−6.0 to −2.2)`; the interval is of the images that both runs tested, and where these are not all,
    it stands with the difference on them."""
    whole = 100 * entry["difference"]
    if entry["paired_difference"] is None:
        return f"{signed(whole)} points"
    shared = Difference.of(entry["paired_difference"], entry["paired_ci95"], turned=False)
    bounds = f" ({shared.interval})" if shared.interval else ""
    if signed(whole) == signed(shared.value):
        return f"{signed(whole)} points{bounds}"
    return f"{signed(whole)} points; on shared images {signed(shared.value)}{bounds}"


def shared_in_words(entry: Mapping[str, Any]) -> str:
    """What two runs were held against each other on."""
    if entry["paired_difference"] is None:
        return "The two runs have no tested image in common."
    folds = "the same folds" if entry["same_folds"] else "different folds"
    return (
        f"Compared on {entry['n_common']:,} images in {entry['n_groups_common']:,} groups that both runs tested, in "
        f"{folds}; {p_in_words(entry['p_value'])} (McNemar on groups, exact)."
    )


class Waterfall(QWidget):
    """Hover or the arrow keys read a bar, a right click exports PNG, SVG or CSV."""

    title: Final = "What leaks are worth"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: list[Mapping[str, Any]] = []
        self._current = -1
        self.bars: list[Bar] = []
        self.setAccessibleName(self.title)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_steps(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """Show another measurement; `steps` as in `engine.leaks`."""
        self._steps, self._current = list(steps), -1
        self.bars = bars_of(self._steps)
        self.setAccessibleDescription("; ".join(f"{bar.label}: {bar.words}" for bar in self.bars))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(640, len(self.bars) * _ROW + _AXIS)

    def minimumSizeHint(self) -> QSize:
        return QSize(420, len(self.bars) * _ROW + _AXIS)

    # -- painting ------------------------------------------------------------------------------------------

    def _range(self) -> tuple[float, float]:
        """Per cent at both ends of the axis: whole tens around everything that is drawn."""
        values = [value for bar in self.bars for value in (bar.accuracy, *(bar.interval or ()))]
        low, high = 10 * (min(values) // 10), 10 * -(-max(values) // 10)
        if low == high:  # everything is 50 %, or 100
            low, high = low - 10, high + 10
        return max(0.0, low), min(100.0, high)

    def _columns(self) -> tuple[QRectF, QRectF, QRectF]:
        """Where labels, bars and numbers stand. Numbers take the lines that they need."""
        metrics = QFontMetrics(self.font())
        height = float(len(self.bars) * _ROW)
        labels = min(0.28 * self.width(), max(metrics.horizontalAdvance(bar.label) for bar in self.bars) + SPACE)
        lines = [line for bar in self.bars for line in bar.words.splitlines()]
        words = min(0.30 * self.width(), max(map(metrics.horizontalAdvance, lines)) + SPACE)
        middle = QRectF(labels + SPACE, 0, self.width() - labels - words - 3 * SPACE, height)
        return QRectF(0, 0, labels, height), middle, QRectF(self.width() - words, 0, words, height)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(plot_colours().background))
        if self.bars:
            labels, middle, words = self._columns()
            self._paint_axis(painter, middle)
            for row, bar in enumerate(self.bars):
                top = row * _ROW
                painter.setPen(QColor(colours().text))
                right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap
                left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(QRectF(labels.left(), top, labels.width(), _ROW), right, bar.label)
                painter.drawText(QRectF(words.left(), top, words.width(), _ROW), left, bar.words)
                self._paint_bar(painter, middle, row, bar)
            self._paint_focus(painter)
        painter.end()

    def _paint_focus(self, painter: QPainter) -> None:
        if self.hasFocus() and self._current >= 0:
            painter.setPen(QPen(QColor(colours().accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(1, self._current * _ROW + 1, self.width() - 2, _ROW - 2))

    def _paint_axis(self, painter: QPainter, middle: QRectF) -> None:
        low, high = self._range()
        grid = QColor(plot_colours().grid)
        room = painter.fontMetrics().horizontalAdvance("100") + 2 * SPACE
        step = next((step for step in _TICKS if step * middle.width() >= room * (high - low)), _TICKS[-1])
        value = low
        while value <= high:
            x = self._x(value, middle)
            painter.setPen(QPen(grid, 1))
            painter.drawLine(QPointF(x, 0), QPointF(x, middle.height()))
            painter.setPen(QColor(colours().muted))
            box = QRectF(x - room / 2, middle.height() + 2, room, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{value:.0f}")
            value += step
        name = QRectF(middle.left() - 60, middle.height() + 18, middle.width() + 120, 18)
        painter.drawText(name, Qt.AlignmentFlag.AlignCenter, "Accuracy (%), all test folds together")

    def _x(self, value: float, middle: QRectF) -> float:
        low, high = self._range()
        return float(middle.left() + (value - low) / (high - low) * middle.width())

    def _paint_bar(self, painter: QPainter, middle: QRectF, row: int, bar: Bar) -> None:
        centre = row * _ROW + _ROW / 2
        x = self._x(bar.accuracy, middle)
        ink = QColor(colours().text)
        if bar.before is None:
            painter.setPen(QPen(ink, 2))
            if bar.interval is not None:
                low, high = (self._x(bound, middle) for bound in bar.interval)
                painter.drawLine(QPointF(low, centre), QPointF(high, centre))
                for end in (low, high):
                    painter.drawLine(QPointF(end, centre - 5), QPointF(end, centre + 5))
            painter.setBrush(ink)
            painter.drawEllipse(QPointF(x, centre), 5, 5)
        else:
            start = self._x(bar.before, middle)
            colour = QColor(FALLS if bar.accuracy <= bar.before else RISES)
            painter.setPen(QPen(ink, 1))
            painter.setBrush(colour)
            painter.drawRect(QRectF(min(start, x), centre - _BAR / 2, max(2.0, abs(x - start)), _BAR))
        if row + 1 < len(self.bars):  # leads the eye to where the next one begins
            painter.setPen(QPen(QColor(colours().muted), 1, Qt.PenStyle.DotLine))
            painter.drawLine(
                QPointF(x, centre + (_BAR / 2 if bar.before is not None else 6)), QPointF(x, centre + _ROW)
            )

    # -- reading -------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            row = int(event.pos().y() // _ROW)
            QToolTip.showText(event.globalPos(), self.bars[row].tip if 0 <= row < len(self.bars) else "", self)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is None or not self.bars:
            super().keyPressEvent(event)
            return
        self._current = min(max(self._current + step, 0), len(self.bars) - 1)
        tip = self.bars[self._current].tip
        self.setAccessibleDescription(tip)
        QToolTip.showText(self.mapToGlobal(QPointF(SPACE, (self._current + 1) * _ROW).toPoint()), tip, self)
        self.update()

    # -- export --------------------------------------------------------------------------------------------

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.export_menu().popup(event.globalPos())

    def export_menu(self) -> QMenu:
        """Export as PNG, SVG or CSV."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        add_exports(menu, self, self.title, ("png", "svg", "csv"), self.export)
        return menu

    def export(self, path: Path) -> None:
        """Write the plot as it is seen (PNG, SVG), or its numbers (CSV: fractions, a row for each step)."""
        if path.suffix.lower() != ".csv":
            write_picture(self, path, self.title)
            return
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
