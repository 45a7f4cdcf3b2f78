"""Tables of numbers: right-aligned, sortable if that makes sense, copied and exported with their headings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QMenu, QTableWidget, QTableWidgetItem, QWidget

from busapp.gui.theme import colours, theme
from busapp.gui.widgets.exporting import add_exports, write_rows

MOST_ROWS = 12
"""Most rows that a table shows at once; if it has more, it scrolls."""
WIDEST = 240
"""Greatest width of a column, in pixels; longer text is broken into lines."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The content of a cell. A cell with a `value` is a number: it is right-aligned and sorted by the value; `low` and
    `high` are its interval. A cell that `warns` has the background of warnings; its words, or the heading of its
    column, say why."""

    words: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    tip: str = ""
    warns: bool = False
    is_number: bool = True


def text(words: str, tip: str = "", *, warns: bool = False) -> Cell:
    """Return a cell of words, left-aligned."""
    return Cell(words, tip=tip, warns=warns, is_number=False)


class _Item(QTableWidgetItem):
    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.words)
        self.cell = cell
        self.setToolTip(cell.tip or cell.words)
        side = Qt.AlignmentFlag.AlignRight if cell.is_number else Qt.AlignmentFlag.AlignLeft
        self.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        if cell.warns:
            self.setBackground(QColor(colours().warning_strip))

    def __lt__(self, other: QTableWidgetItem) -> bool:
        if not isinstance(other, _Item):
            return False
        if self.cell.is_number and other.cell.is_number:
            return _sort_value(self.cell) < _sort_value(other.cell)
        return self.cell.words < other.cell.words


def _sort_value(cell: Cell) -> float:
    return float("-inf") if cell.value is None else cell.value


class NumbersTable(QTableWidget):
    """A table of cells. Ctrl+C copies it with its headings; a right click copies it or exports it as CSV."""

    def __init__(self, title: str, *, sortable: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self._sortable = sortable
        self._headings: list[str] = []
        self._rows: list[list[Cell]] = []
        self.setAccessibleName(title)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setAlternatingRowColors(True)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(20)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(sortable)
        theme.changed.connect(self._fill)

    def show_cells(self, headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Show other cells; each row has one cell per heading. The rows keep their order until the user sorts."""
        self._headings, self._rows = list(headings), [list(row) for row in rows]
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self._fill()

    def _fill(self) -> None:
        self.setSortingEnabled(False)
        self.clear()
        self.setRowCount(len(self._rows))
        self.setColumnCount(len(self._headings))
        for column, words in enumerate(self._headings):
            heading = QTableWidgetItem(words)
            heading.setToolTip(words)
            is_number = bool(self._rows) and self._rows[0][column].is_number
            side = Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft
            heading.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            self.setHorizontalHeaderItem(column, heading)
        for row, cells in enumerate(self._rows):
            for column, cell in enumerate(cells):
                self.setItem(row, column, _Item(cell))
        self.resizeColumnsToContents()
        for column in range(self.columnCount()):
            self.setColumnWidth(column, min(WIDEST, self.columnWidth(column)))
        self.resizeRowsToContents()
        self.setSortingEnabled(self._sortable)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        rows = sum(self.rowHeight(row) for row in range(min(self.rowCount(), MOST_ROWS)))
        return QSize(240, self.horizontalHeader().sizeHint().height() + rows + 2 * self.frameWidth() + 2)

    def as_text(self) -> str:
        """Return the table as it is shown, with its headings, separated by tabs."""
        columns = range(self.columnCount())
        lines = [[_heading_in_one_line(words) for words in self._headings]]
        for row in range(self.rowCount()):
            items = [self.item(row, column) for column in columns]
            lines.append([_in_one_line(item.cell) if isinstance(item, _Item) else "" for item in items])
        return "\n".join("\t".join(line) for line in lines)

    def export(self, path: Path) -> None:
        """Write a CSV file with the value of every number. Intervals are in two more columns."""
        spread = [any(row[at].low is not None for row in self._rows) for at in range(len(self._headings))]
        headings: list[object] = []
        for words, has_interval in zip(self._headings, spread, strict=True):
            name = _heading_in_one_line(words)
            headings += [name, f"{name}, low", f"{name}, high"] if has_interval else [name]
        rows = [headings]
        for cells in self._rows:
            line: list[object] = []
            for cell, has_interval in zip(cells, spread, strict=True):
                what = _in_one_line(cell) if cell.value is None else cell.value
                line += [what, cell.low, cell.high] if has_interval else [what]
            rows.append(line)
        write_rows(path, rows)

    def copy(self) -> None:
        """Put the table on the clipboard."""
        QGuiApplication.clipboard().setText(self.as_text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.export_menu().popup(event.globalPos())

    def export_menu(self) -> QMenu:
        """Copy, and export as CSV."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Copy with headings", self.copy)
        add_exports(menu, self, self.title, ("csv",), self.export)
        return menu


def _heading_in_one_line(words: str) -> str:
    return " ".join(words.splitlines())


def _in_one_line(cell: Cell) -> str:
    """Return a cell's words in one line: a number's interval in brackets, lines of words separated by semicolons."""
    first, *more = cell.words.splitlines() or [""]
    rest = "; ".join(more)
    if cell.is_number and rest:
        return f"{first} ({rest})"
    return "; ".join([first, rest]) if rest else first
