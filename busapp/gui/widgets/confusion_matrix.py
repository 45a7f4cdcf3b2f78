"""The confusion matrix: large counts, small per cent of the row, also as colour, sensitivity beside the rows."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTabBar,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from busapp.gui.theme import colours, theme

SHARE = Qt.ItemDataRole.UserRole
Counts = Sequence[Sequence[int]]
"""`counts[true][predicted]`, in the order of the classes."""


_READING: Final = "Rows: true class. Columns: predicted class. Choose a cell to see its images."


class _CellPainter(QStyledItemDelegate):
    """Draws the count, its share of the row in per cent, and a background that is darker for a higher share."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        share = index.data(SHARE)
        now = colours()
        ground, text = QColor(now.base), QColor(now.text)
        if share is not None:
            ground = _blend(QColor(now.base), QColor(now.accent), 0.75 * share)
            text = QColor("#ffffff" if ground.lightnessF() < 0.5 else "#101418")
        rect = QRectF(option.rect)
        painter.save()
        painter.fillRect(rect, ground)
        painter.setPen(text)
        count, _, small = str(index.data()).partition("\n")
        large_font, small_font = QFont(option.font), QFont(option.font)
        large_font.setPointSizeF(option.font.pointSizeF() * (1.6 if share is not None else 1.1))
        large_font.setBold(share is not None)
        middle = rect.adjusted(0, 0, 0, -rect.height() * 0.42 if small else 0)
        bottom = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom
        painter.setFont(large_font)
        painter.drawText(middle, bottom if small else Qt.AlignmentFlag.AlignCenter, count)
        painter.setFont(small_font)
        top = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        needed = QFontMetricsF(small_font).horizontalAdvance(small)
        if needed > rect.width():  # in a narrow window
            small_font.setPointSizeF(small_font.pointSizeF() * rect.width() / needed)
            painter.setFont(small_font)
        painter.drawText(rect.adjusted(0, rect.height() * 0.6, 0, 0), top, small)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(text, 2))
            painter.drawRect(rect.adjusted(2, 2, -2, -2))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(64, 44)


def _blend(below: QColor, above: QColor, share: float) -> QColor:
    def mixed(b: float, a: float) -> float:
        return b + (a - b) * share

    return QColor.fromRgbF(
        mixed(below.redF(), above.redF()), mixed(below.greenF(), above.greenF()), mixed(below.blueF(), above.blueF())
    )


class ConfusionMatrix(QTableWidget):
    """One matrix. Arrow keys move between the cells.

    Signals:
        cell_chosen: (true, predicted) as indices of the classes, by click, keyboard or Enter.
    """

    cell_chosen = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(_CellPainter(self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setAccessibleName("Confusion matrix")
        self.setAccessibleDescription("Rows are the true classes, columns the predicted ones. Enter shows the images.")
        for header in (self.horizontalHeader(), self.verticalHeader()):
            header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
            header.setSectionsClickable(False)
            header.setMinimumSectionSize(36)
            header.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # the ends of BI-RADS 4a and 4b differ
        self.cellClicked.connect(self._choose)
        self.currentCellChanged.connect(lambda row, column, _r, _c: self._choose(row, column) if self.hasFocus() else 0)
        self.cellActivated.connect(self._choose)
        theme.changed.connect(self.viewport().update)

    def show_counts(self, classes: Sequence[str], counts: Counts) -> None:
        """Draw a matrix for the full, fixed list of classes. The chosen cell stays chosen."""
        chosen = self.currentRow(), self.currentColumn()
        self.blockSignals(True)
        self.setRowCount(len(classes))
        self.setColumnCount(len(classes) + 1)
        self.setVerticalHeaderLabels([f"{name}" for name in classes])
        for column, words in enumerate([*classes, "Sensitivity"]):
            heading = QTableWidgetItem(words)
            heading.setToolTip(words)
            self.setHorizontalHeaderItem(column, heading)
        for true, name in enumerate(classes):
            total = sum(counts[true])
            for predicted, other in enumerate(classes):
                count = counts[true][predicted]
                share = count / total if total else 0.0
                item = QTableWidgetItem(f"{count}\n{100 * share:.1f} %" if total else "–")
                item.setData(SHARE, share)
                words = f"{count} of {total} images of class {name} were called {other}"
                item.setToolTip(words)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, words)
                self.setItem(true, predicted, item)
            self.setItem(true, len(classes), _sensitivity(name, counts[true][true], total))
        if chosen[0] >= 0:
            self.setCurrentCell(*chosen)
        self.blockSignals(False)

    def _choose(self, row: int, column: int) -> None:
        if 0 <= column < self.columnCount() - 1 and row >= 0:
            self.cell_chosen.emit(row, column)


def _sensitivity(name: str, right: int, total: int) -> QTableWidgetItem:
    item = QTableWidgetItem(f"{right / total:.3f}" if total else "–")
    item.setToolTip(f"{right} of {total} images of class {name} were recognised")
    item.setFlags(Qt.ItemFlag.ItemIsEnabled)
    return item


class ConfusionTabs(QWidget):
    """The matrix of all folds together, and that of each fold on its own tab.

    Signals:
        cell_chosen: (fold, true, predicted); fold 0 is the total.
    """

    cell_chosen = Signal(int, int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.classes: list[str] = []
        self._by_fold: dict[int, Counts] = {}
        self.tabs = QTabBar()
        self.tabs.setShape(QTabBar.Shape.RoundedSouth)
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.tabs.setUsesScrollButtons(True)
        self.tabs.setAccessibleName("Fold of the confusion matrix")
        self.matrix = ConfusionMatrix()
        self._corner = QLabel()
        self._corner.setWordWrap(True)
        self._corner.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.matrix, 1)
        layout.addWidget(self.tabs)
        layout.addWidget(self._corner)
        self.tabs.currentChanged.connect(self._show_tab)
        self.matrix.cell_chosen.connect(lambda true, predicted: self.cell_chosen.emit(self.fold, true, predicted))
        self.start([])

    @property
    def fold(self) -> int:
        """The fold that is shown, 0 for the total."""
        data = self.tabs.tabData(self.tabs.currentIndex())
        return int(data) if data is not None else 0

    def start(self, classes: Sequence[str]) -> None:
        """Begin a new run: no fold is there yet."""
        self.classes, self._by_fold = list(classes), {}
        while self.tabs.count() > 1:
            self.tabs.removeTab(1)
        if not self.tabs.count():
            self.tabs.addTab("All folds")
            self.tabs.setTabData(0, 0)
        self.matrix.setCurrentCell(-1, -1)
        self._show_tab()

    def name_classes(self, classes: Sequence[str]) -> None:
        """Set the names of the run's classes. The folds stay."""
        self.classes = list(classes)
        self._show_tab()

    def put_fold(self, fold: int, counts: Counts) -> None:
        """Add a finished fold, or replace it if it is there already."""
        if fold not in self._by_fold:
            position = 1 + sum(known < fold for known in self._by_fold)
            self.tabs.insertTab(position, f"{fold}")  # short, so that ten folds fit side by side
            self.tabs.setTabData(position, fold)
            self.tabs.setTabToolTip(position, f"Fold {fold}")
            self.tabs.setAccessibleTabName(position, f"Fold {fold}")
        self._by_fold[fold] = counts
        self._show_tab()

    def total(self) -> list[list[int]]:
        """Return the sum over the finished folds: rows true, columns predicted."""
        size = range(len(self.classes))
        return [
            [sum(counts[true][predicted] for counts in self._by_fold.values()) for predicted in size] for true in size
        ]

    def _show_tab(self) -> None:
        self.matrix.show_counts(self.classes, self._by_fold.get(self.fold) or self.total())
        self.matrix.setEnabled(bool(self._by_fold))
        self._corner.setText(_READING if self._by_fold else "The matrix is filled when the first fold is finished.")
