"""Sensitivity, specificity and area under the curve of every class, each with its interval."""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

_MEASURES = (("sensitivity", "Sensitivity"), ("specificity", "Specificity"), ("auc", "AUC"))


class _Number(QTableWidgetItem):
    """A number with its interval below; sorts by the number."""

    def __init__(self, value: float | None, interval: Sequence[float] | None, decimals: int) -> None:
        words = "–" if value is None else f"{value:.{decimals}f}"
        if interval is not None:
            words += f"\n{interval[0]:.2f}–{interval[1]:.2f}"
            self_words = f"{words.splitlines()[0]}, 95 % interval {interval[0]:.3f} to {interval[1]:.3f}"
        else:
            self_words = words
        super().__init__(words)
        self.value = -1.0 if value is None else value
        self.setToolTip(self_words)
        self.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return isinstance(other, _Number) and self.value < other.value


class MetricsTable(QTableWidget):
    """One row per class. Columns sort by a click on their heading, Ctrl+C copies with the headings."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setAccessibleName("Measures of every class")
        self.setTabKeyNavigation(False)
        self.setWordWrap(True)
        self.verticalHeader().hide()
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_measures(self, classes: Sequence[str], result: Mapping[str, Any], decimals: int = 3) -> None:
        """`result[measure]` holds a value in [0, 1] or None by class, `result[measure_ci95]` [low, high] or None;
        measures that the result does not have are left out."""
        measures = [(key, title) for key, title in _MEASURES if key in result]
        self.setSortingEnabled(False)
        self.setRowCount(len(classes))
        self.setColumnCount(1 + len(measures))
        self.setHorizontalHeaderLabels(["Class", *(title for _, title in measures)])
        for row, name in enumerate(classes):
            self.setItem(row, 0, QTableWidgetItem(name))
            for column, (key, _) in enumerate(measures, start=1):
                interval = (result.get(f"{key}_ci95") or {}).get(name)
                self.setItem(row, column, _Number(result[key].get(name), interval, decimals))
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setMinimumSectionSize(40)
        self.resizeRowsToContents()
        self.setSortingEnabled(True)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setFixedHeight(self.sizeHint().height())

    def sizeHint(self) -> QSize:
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        return QSize(260, self.horizontalHeader().sizeHint().height() + rows + 2 * self.frameWidth() + 2)

    def as_text(self) -> str:
        """The table with its headings, separated by tabs; intervals stand in brackets."""
        headings = [self.horizontalHeaderItem(column) for column in range(self.columnCount())]
        lines = ["\t".join(heading.text() if heading else "" for heading in headings)]
        for row in range(self.rowCount()):
            items = [self.item(row, column) for column in range(self.columnCount())]
            lines.append("\t".join(_in_one_line(item.text()) if item else "" for item in items))
        return "\n".join(lines)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.as_text())
        else:
            super().keyPressEvent(event)


def _in_one_line(words: str) -> str:
    value, _, interval = words.partition("\n")
    return f"{value} ({interval})" if interval else value
