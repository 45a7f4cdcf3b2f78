"""A row of controls that continues in the next line where the window is narrow."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLayout, QLayoutItem, QWidget

from busapp.gui.theme import SPACE


class FlowRow(QLayout):
    """Controls from left to right, each as wide as it needs. What does not fit goes into the next line, so no button is
    cut off and the row is never wider than its widest control. Space that is left in a line goes to its first control
    that can use it, such as a slider, or else in front of the controls after `add_gap`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._gap_before: QLayoutItem | None = None
        self._gap_comes = False
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(SPACE)

    def add_gap(self) -> None:
        """Put the controls that follow at the right end, if all controls fit into one line."""
        self._gap_comes = True

    def add_together(self, *widgets: QWidget) -> None:
        """Add controls that stay in one line."""
        group = QWidget()
        line = QHBoxLayout(group)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(self.spacing())
        for widget in widgets:
            line.addWidget(widget)
        self.addWidget(group)

    def addItem(self, item: QLayoutItem) -> None:
        if self._gap_comes:
            self._gap_before, self._gap_comes = item, False
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        lines = self._lines(width)
        return sum(map(_height, lines)) + self.spacing() * max(0, len(lines) - 1)

    def sizeHint(self) -> QSize:
        shown = self._shown()
        width = sum(item.sizeHint().width() for item in shown) + self.spacing() * max(0, len(shown) - 1)
        return QSize(width, _height(shown))

    def minimumSize(self) -> QSize:
        shown = self._shown()
        return QSize(max((item.minimumSize().width() for item in shown), default=0), _height(shown))

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        y = rect.y()
        for line in self._lines(rect.width()):
            self._place(line, QRect(rect.x(), y, rect.width(), _height(line)))
            y += _height(line) + self.spacing()

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _lines(self, width: int) -> list[list[QLayoutItem]]:
        lines: list[list[QLayoutItem]] = []
        left = 0
        for item in self._shown():
            needed = item.sizeHint().width() + self.spacing()
            if not lines or needed > left + self.spacing():
                lines.append([])
                left = width
            lines[-1].append(item)
            left -= needed
        return lines

    def _place(self, line: list[QLayoutItem], rect: QRect) -> None:
        rest = rect.width() - sum(item.sizeHint().width() for item in line) - self.spacing() * (len(line) - 1)
        growing = next((item for item in line if _grows(item)), None)
        x = rect.x()
        for item in line:
            size = QSize(min(item.sizeHint().width(), rect.width()), item.sizeHint().height())
            if item is growing:
                size.setWidth(size.width() + max(0, rest))
            elif item is self._gap_before and growing is None and line == self._shown():
                x += max(0, rest)
            item.setGeometry(QRect(QPoint(x, rect.y() + (rect.height() - size.height()) // 2), size))
            x += size.width() + self.spacing()


def _height(line: list[QLayoutItem]) -> int:
    return max((item.sizeHint().height() for item in line), default=0)


def _grows(item: QLayoutItem) -> bool:
    widget = item.widget()
    return widget is not None and bool(widget.sizePolicy().expandingDirections() & Qt.Orientation.Horizontal)
